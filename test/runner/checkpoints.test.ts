import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { edit, exec, gate, hold, say, write } from "../../playground/scripted-model.ts";
import { revertTurn } from "../../src/runner/revert.ts";
import { listCheckpoints, makeCheckpoint } from "../../src/sessions/checkpoints.ts";
import { refOf } from "../../src/sessions/store.ts";
import { given } from "../sessions/events.ts";
import { conversation } from "./conversation.ts";
import { handOf } from "./machine.ts";
import { openRunWorld, type RunWorld, scripted } from "./run-world.ts";

const ada = handOf({ kind: "user", login: "ada", id: 7 });
const turns = {
  one: [write("c.txt", "c\n"), say("Add c")],
  two: [edit("c.txt", "c", "see"), say("See c")],
};

async function begin(): Promise<RunWorld> {
  const { model } = await scripted(conversation(turns));
  const world = await openRunWorld({ prompt: "one", model });
  await world.run();
  return world;
}

async function name(world: RunWorld, label: string) {
  const { repository, store, session } = await world.machine();
  return makeCheckpoint(repository, store, { session, label, hand: ada });
}

async function list(world: RunWorld) {
  const { repository, store, session } = await world.machine();
  return listCheckpoints(repository, store, session);
}

test("CS15: a note on each commit of a session, and what was named by hand below it, read in a fresh clone with git alone", async () => {
  const world = await begin();
  await name(world, 'good: the "c" works');
  await name(world, "shown to Grace");
  await world.ask("two");
  await world.run();
  const dir = await mkdtemp(join(tmpdir(), "offshoot-reader-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const git = async (...args: string[]) =>
    (await promisify(execFile)("git", args, { cwd: dir, env: { PATH: process.env.PATH ?? "", HOME: dir } })).stdout;
  await git("clone", "--quiet", "--branch", world.branch, world.github.world.gitDir, ".");
  await git("fetch", "--quiet", "origin", "+refs/notes/offshoot/*:refs/notes/offshoot/*");
  const log = await git("log", "--notes=offshoot/*", "--format=%s%n%N", "origin/main..");
  const plain = log
    .replaceAll(world.session, "<ULID>")
    .replace(/(input|output) = \d+/g, "$1 = <tokens>")
    .replace(/at = ".*"/g, 'at = "<time>"');
  expect(plain).toMatchInlineSnapshot(`
    "(scripted model, not an AI) See c
    session = "<ULID>"
    turn = 2
    model = "openai:gpt-test"
    at = "<time>"
    prompt = "two"
    answer = "(scripted model, not an AI) See c"
    commands = []
    journal = "refs/offshoot/sessions/<ULID>"

    [usage]
    input = <tokens>
    output = <tokens>

    (scripted model, not an AI) Add c
    session = "<ULID>"
    turn = 1
    model = "openai:gpt-test"
    at = "<time>"
    prompt = "one"
    answer = "(scripted model, not an AI) Add c"
    commands = []
    journal = "refs/offshoot/sessions/<ULID>"

    [usage]
    input = <tokens>
    output = <tokens>

    [[checkpoints]]
    label = "good: the \\"c\\" works"
    turn = 1
    at = "<time>"
    by = "ada"

    [[checkpoints]]
    label = "shown to Grace"
    turn = 1
    at = "<time>"
    by = "ada"

    "
  `);
});

test("CS16: the list has all of them, the turns' own and those by hand; none overwrites another", async () => {
  const world = await begin();
  const made = [await name(world, "first"), await name(world, "second")];
  await world.ask("two");
  await world.run();
  const { repository, store, session } = await world.machine();
  const reverted = await revertTurn({ repository, store, session, hand: ada });
  await name(world, "third");
  const listed = await list(world);
  const commits = (await world.events("turn.ended")).map(({ commit }) => commit);
  const undone = reverted.kind === "reverted" ? reverted.commit : null;
  const model = "openai:gpt-test";
  expect(listed.map(({ session: _, at, ...told }) => told)).toEqual([
    { commit: commits[0], turn: 1, label: null, model },
    { commit: commits[0], turn: 1, label: "first", model },
    { commit: commits[0], turn: 1, label: "second", model },
    { commit: commits[1], turn: 2, label: null, model },
    { commit: undone, turn: null, label: "took back turn 2", model: null },
    { commit: undone, turn: 2, label: "third", model: null },
  ]);
  expect(made).toEqual([1, 2].map((at) => ({ kind: "made", checkpoint: listed[at] })));
  const times = listed.map(({ at }) => given(at));
  expect(times).toEqual([...times].sort());
  const told = (await world.events("checkpoint.made")).map(({ commit, label }) => [commit, label]);
  expect(told.filter(([, label]) => label)).toEqual([
    [commits[0], "first"],
    [commits[0], "second"],
    [undone, "third"],
  ]);
  expect(await listCheckpoints(repository, store)).toEqual(expect.arrayContaining([...listed]));
});

test("a note from before notes had a time is dated by the journal; one that somebody rewrote is listed all the same", async () => {
  const world = await begin();
  await world.ask("two");
  await world.run();
  const [first, second] = (await world.events("turn.ended")).map(({ commit }) => given(commit));
  const ref = `--ref=${refOf.notes(world.session)}`;
  const who = { GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b" };
  const old = `session = "${world.session}"\nturn = 1\n`;
  await world.bare.raw(["notes", ref, "add", "--force", "-m", old, given(first)], who);
  await world.bare.raw(["notes", ref, "add", "--force", "-m", "Looks good = to me", given(second)], who);
  const times = (await world.events("checkpoint.made")).map(({ at }) => at);
  expect(await list(world)).toMatchObject([
    { commit: first, turn: 1, at: times[0] },
    { commit: second, turn: null, label: null, at: times[1] },
  ]);
});

test("while a turn runs its session can be given a checkpoint; one that wrote nothing has nothing to name", async () => {
  const thinking = gate();
  const { model } = await scripted(
    conversation({
      one: [exec("true"), say("Looked")],
      two: turns.one,
      three: [write("d.txt", "d"), hold(thinking, say("Add d"))],
    }),
  );
  const world = await openRunWorld({ prompt: "one", model });
  await world.run();
  expect(await name(world, "too early")).toEqual({ kind: "nothing-written" });
  await world.ask("two");
  await world.run();
  await world.ask("three");
  const run = world.run();
  await thinking.reached;
  expect(await name(world, "before d")).toMatchObject({ kind: "made", checkpoint: { turn: 2 } });
  thinking.release();
  await run;
  expect((await list(world)).map(({ turn, label }) => [turn, label])).toEqual([
    [2, null],
    [2, "before d"],
    [3, null],
  ]);
});
