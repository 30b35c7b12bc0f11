import { expect, test } from "vitest";
import { edit, exec, say, write } from "../../playground/scripted-model.ts";
import { compactSession } from "../../src/runner/compact.ts";
import { revertTurn } from "../../src/runner/revert.ts";
import { runSession } from "../../src/runner/run.ts";
import { queue } from "../../src/sessions/decide.ts";
import { type Fork, forkSession } from "../../src/sessions/fork.ts";
import type { SessionId } from "../../src/sessions/ids.ts";
import { compose, refOf } from "../../src/sessions/store.ts";
import { given, newSession } from "../sessions/events.ts";
import { conversation } from "./conversation.ts";
import { handOf, openMachine } from "./machine.ts";
import { openRunWorld, type RunWorld, scripted } from "./run-world.ts";

const ada = handOf({ kind: "user", login: "ada", id: 7 });
const turns = {
  one: [exec("cd sub && export GREETING=hi"), write("c.txt", "c\n"), say("Add c")],
  two: [edit("c.txt", "c", "see"), write("two.txt", "two\n"), say("See c")],
  other: [
    exec('echo "$GREETING from $(basename $PWD): $(cat ../c.txt) $(ls ..)"'),
    write("other.txt", "other\n"),
    say("Other"),
  ],
};

async function begin(...prompts: readonly string[]): Promise<{ world: RunWorld; sent: readonly string[] }> {
  const { model, sent } = await scripted(conversation(turns, say("A summary.")));
  const world = await openRunWorld({ prompt: "one", model });
  await world.run();
  for (const prompt of prompts) {
    await world.ask(prompt);
    await world.run();
  }
  return { world, sent };
}

async function fork(world: RunWorld, change: Partial<Fork> = {}) {
  const { store } = await world.machine();
  const session = newSession();
  const forked = await forkSession(store, { from: world.session, session, hand: ada, ...change });
  if (forked.kind !== "forked") throw new Error(`not forked: ${forked.kind}`);
  return forked.tip.session;
}

/** Works on a prompt of another session of the world's repository. */
async function workOn(world: RunWorld, session: SessionId, text: string): Promise<void> {
  const tip = given(await world.store.tip(session));
  const queued = queue(ada, tip.session, { source: { kind: "terminal", id: text, host: "laptop" }, text });
  if (queued.kind !== "queued") throw new Error("not queued");
  await world.store.append(compose(session, tip, queued.change));
  const { model } = await world.machine();
  const machine = await openMachine({ ...world.newMachine(), session });
  expect(await runSession({ ...machine, forge: null, model })).toMatchObject({ kind: "drained", turns: 1 });
}

const refs = async (world: RunWorld) =>
  (await world.bare.raw(["for-each-ref", "--format=%(refname) %(objectname)"]))
    .split("\n")
    .filter((line) => line.includes(world.session) || line.includes(world.branch));
const changed = async (world: RunWorld, from: string, to: string) =>
  (await world.bare.raw(["diff", "--name-only", from, to])).trim().split("\n");

test("WS16, WS8, WS7: a fork goes on from its turn's code and context; the origin stays as it is, and neither sees the other", async () => {
  const { world, sent } = await begin();
  const first = given((await world.state()).head);
  await world.ask("two");
  await world.run();
  const before = await refs(world);
  const forked = await fork(world, { turn: 1, description: "another way" });
  const branch = `offshoot/another-way-${forked.session.slice(-4).toLowerCase()}`;
  expect(forked).toMatchObject({
    description: "another way",
    branch,
    own_branch: true,
    base_branch: "main",
    base: first,
    phase: "idle",
    created_by: { login: "ada" },
    genealogy: { depth: 0, parent_session_id: world.session },
  });
  expect(forked).not.toHaveProperty("head");
  expect(forked).not.toHaveProperty("lease");
  expect(forked).not.toHaveProperty("thread");
  expect(await world.tip(refOf.branch(branch))).toBeNull();
  const chain = await world.store.journal(forked.session);
  const origin = await world.store.journal(world.session);
  expect(chain.slice(0, -1)).toEqual(origin.slice(0, chain.length - 1));

  await workOn(world, forked.session, "other");
  expect(await refs(world)).toEqual(before);
  expect(sent.at(-1)).toContain("hi from sub: c a.txt");
  expect(sent.at(-1)).toContain("Add c");
  expect(sent.at(-1)).not.toContain("See c");
  expect(await changed(world, first, refOf.branch(branch))).toEqual(["other.txt"]);

  await world.ask("three");
  await world.run();
  expect(await changed(world, "refs/heads/main", refOf.branch(world.branch))).toEqual(["c.txt", "two.txt"]);
  expect(await changed(world, "refs/heads/main", refOf.branch(branch))).toEqual(["c.txt", "other.txt"]);
  const { usage } = given(await world.store.tip(forked.session)).session;
  expect(usage.turns).toBe(2);
});

test("without a turn a fork has all that the session has, with what was taken back and compacted since; 0 has no turn", async () => {
  const { world } = await begin("two");
  const { repository, store, session } = await world.machine();
  await revertTurn({ repository, store, session, hand: ada });
  const head = given((await world.state()).head);
  expect(await fork(world)).toMatchObject({ base: head, usage: { turns: 2 }, description: "a is not b" });
  await compactSession(await world.machine());
  expect(await fork(world)).toMatchObject({ base: head, status: "available", context: { appends_since_cut: 2 } });
  expect(await fork(world, { turn: 2 })).toMatchObject({ status: "active", context_status: { is_compacted: false } });
  const bare = await fork(world, { turn: 0 });
  expect(bare).toMatchObject({ base: world.main, usage: { turns: 0 }, queue: [], phase: "idle" });
});

test("a prompt that waits stays with the origin; a fork on a thread becomes its active session", async () => {
  const { world } = await begin();
  await world.ask("two");
  const forked = await fork(world, { thread: world.thread });
  expect(forked).toMatchObject({ thread: world.thread, phase: "idle" });
  expect((await world.state()).phase).toBe("queued");
  expect((await world.store.thread(world.thread))?.sessions).toEqual([world.session, forked.session]);
});

test("a fork can be forked, also at a turn from before it; a turn that there is not is refused, and those there are named", async () => {
  const { world } = await begin("two");
  const child = await fork(world, { turn: 1 });
  await workOn(world, child.session, "other");
  const grandchild = await fork(world, { from: child.session });
  expect(grandchild.genealogy).toEqual({ depth: 0, parent_session_id: child.session });
  const sibling = await fork(world, { from: child.session, turn: 0 });
  expect(sibling.genealogy).toEqual({ depth: 0, parent_session_id: world.session });
  const { store } = await world.machine();
  const unknown = { from: world.session, session: newSession(), hand: ada, turn: 3 };
  expect(await forkSession(store, unknown)).toEqual({ kind: "unknown-turn", turns: [0, 1, 2] });
  expect(await store.tip(unknown.session)).toBeNull();
  await expect(forkSession(store, { ...unknown, from: newSession() })).rejects.toThrow(/No session/);
});
