import { expect, test } from "vitest";
import { edit, exec, gate, hold, say, write } from "../../playground/scripted-model.ts";
import { compactSession } from "../../src/runner/compact.ts";
import { contextOf } from "../../src/runner/context.ts";
import { type Revert, revertTurn } from "../../src/runner/revert.ts";
import { fact } from "../../src/sessions/decide.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import { compose, refOf } from "../../src/sessions/store.ts";
import { given } from "../sessions/events.ts";
import { conversation } from "./conversation.ts";
import { handOf } from "./machine.ts";
import { inputOf, openRunWorld, type RunWorld, scripted } from "./run-world.ts";

const ada = handOf({ kind: "user", login: "ada", id: 7 });
const turns = {
  one: [write("c.txt", "one\ntwo\nthree\n"), say("Add c\n\nIt has three lines.")],
  two: [
    exec("cd sub && export GREETING=hi"),
    write("d.txt", "d\n"),
    edit("c.txt", "three", "drei"),
    say("Speak German"),
  ],
  three: [exec("pwd; cat c.txt; ls"), say("Looked around")],
  four: [edit("c.txt", "drei", "trois"), say("Speak French")],
};

/** A fresh machine's revert, by a person. */
async function revert(world: RunWorld, turn?: number, change: Partial<Revert> = {}) {
  const { repository, store, session } = await world.machine();
  return revertTurn({ repository, store, session, hand: ada, turn, ...change });
}

async function work(world: RunWorld, ...prompts: readonly string[]): Promise<void> {
  for (const prompt of prompts) {
    await world.ask(prompt);
    await world.run();
  }
}

async function begin(): Promise<{ world: RunWorld; sent: readonly string[] }> {
  const { model, sent } = await scripted(conversation(turns, say("A summary.")));
  const world = await openRunWorld({ prompt: "one", model });
  await world.run();
  return { world, sent };
}

const tips = async (world: RunWorld) => [
  await world.tip(refOf.session(world.session)),
  await world.tip(refOf.branch(world.branch)),
];
const log = async (world: RunWorld, ref: string) =>
  (await world.bare.raw(["log", "--format=%an: %s", ref])).trim().split("\n");

/** Whatever is refused leaves session and branch as they are. */
async function refused(world: RunWorld, turn?: number) {
  const before = await tips(world);
  const outcome = await revert(world, turn);
  expect(await tips(world)).toEqual(before);
  return outcome;
}

test("WS10: revert undoes the last turn's commit by a new one, and its words leave the context; nothing is hidden", async () => {
  const { world, sent } = await begin();
  await work(world, "two");
  const [, second] = await tips(world);
  const outcome = await revert(world);
  const [, now] = await tips(world);
  expect(outcome).toEqual({ kind: "reverted", turn: 2, commit: now });
  expect(await world.read(given(now), "c.txt")).toBe("one\ntwo\nthree\n");
  expect(await world.read(given(now), "d.txt")).toBeNull();
  expect(await world.bare.isAncestor(given(second), given(now))).toBe(true);
  expect((await log(world, given(now))).slice(0, 2)).toEqual([
    'ada: Revert "(scripted model, not an AI) Speak German"',
    "offshoot[bot]: (scripted model, not an AI) Speak German",
  ]);
  expect((await log(world, refOf.session(world.session)))[0]).toBe("ada: ada took back turn 2");
  expect(await world.events("session.reverted")).toMatchObject([{ turn: 2, commit: now }]);
  expect((await world.state()).head).toBe(now);
  const note = await world.bare.raw(["notes", `--ref=${refOf.notes(world.session)}`, "show", given(now)]);
  expect(note).toContain("reverted = 2");

  await work(world, "three");
  const request = given(sent.at(-1));
  expect(request).not.toContain("Speak German");
  expect(JSON.stringify(inputOf(request).filter(({ role }) => role === "user"))).not.toContain("two");
  expect(request).toContain("It has three lines.");
  const [ran] = (await world.events("command.ran")).slice(-1);
  expect(ran).toMatchObject({ command: "pwd; cat c.txt; ls", cwd: ".", exit_code: 0 });
  expect(request).toContain("one\\\\ntwo\\\\nthree");
});

test("turns are taken back one after another until none is left; one that wrote nothing only leaves the context", async () => {
  const { world } = await begin();
  await work(world, "three");
  const [, before] = await tips(world);
  expect(await revert(world)).toEqual({ kind: "reverted", turn: 2, commit: null });
  expect((await tips(world))[1]).toBe(before);
  expect(await revert(world)).toMatchObject({ kind: "reverted", turn: 1 });
  expect(contextOf(await world.journal()).messages).toEqual([]);
  expect(await world.read(refOf.branch(world.branch), "c.txt")).toBeNull();
  expect(await refused(world)).toEqual({ kind: "unknown-turn", turns: [] });
});

test("an earlier turn is undone where later work does not stand on it; else the paths are named", async () => {
  const { world, sent } = await begin();
  await work(world, "two", "four");
  expect(await refused(world, 2)).toEqual({ kind: "conflict", turn: 2, paths: ["c.txt"] });
  const theirs = { "c.txt": "one\ntwo\nthree\n", "d.txt": "d\n", "e.txt": "ours\n" };
  await world.push(refOf.branch(world.branch), { parent: given((await tips(world))[1]), files: theirs });
  const outcome = await revert(world, 2);
  const tip = given((await tips(world))[1]);
  expect(outcome).toEqual({ kind: "reverted", turn: 2, commit: tip });
  const files = ["c.txt", "d.txt", "e.txt"].map((file) => world.read(tip, file));
  expect(await Promise.all(files)).toEqual(["one\ntwo\nthree\n", null, "ours\n"]);
  await work(world, "three");
  expect(sent.at(-1)).toContain("Speak French");
  expect(sent.at(-1)).not.toContain("Speak German");
});

test("an unknown turn, and any turn while another is open, is not taken back; nothing moves", async () => {
  const { world } = await begin();
  expect(await refused(world, 7)).toEqual({ kind: "unknown-turn", turns: [1] });
  expect(await refused(world, 0)).toEqual({ kind: "unknown-turn", turns: [1] });
  const thinking = gate();
  const slow = await scripted(conversation({ busy: [hold(thinking, say("Done"))] }));
  await world.ask("busy");
  const run = world.run({ model: slow.model });
  await thinking.reached;
  expect(await refused(world)).toMatchObject({ kind: "busy", lease: { epoch: 2 } });
  thinking.release();
  await run;
});

test("a turn that was taken back or is in a summary, and any of a retired session, is not taken back; nothing moves", async () => {
  const { world } = await begin();
  await work(world, "two");
  await revert(world, 2);
  expect(await refused(world, 2)).toEqual({ kind: "already-reverted", turn: 2 });
  await compactSession(await world.machine());
  await work(world, "three");
  expect(await refused(world, 1)).toEqual({ kind: "compacted", turn: 1, turns: [3] });

  const tip = given(await world.store.tip(world.session));
  await world.store.append(compose(world.session, tip, { facts: [fact(ada, "session.retired", {})] }));
  expect(await refused(world)).toEqual({ kind: "retired" });
});

test("a prompt that is queued, and a push to the branch, while a turn is taken back are both kept", async () => {
  const { world } = await begin();
  await work(world, "two");
  const { repository, store, session } = await world.machine();
  const meanwhile = [
    async () => world.ask("three"),
    async () => {
      const parent = given((await tips(world))[1]) as CommitId;
      const files = { "c.txt": "one\ntwo\ndrei\n", "d.txt": "d\n", "theirs.txt": "theirs\n" };
      return world.push(refOf.branch(world.branch), { parent, files });
    },
  ];
  const append: typeof store.append = async (change) => {
    await meanwhile.shift()?.();
    return store.append(change);
  };
  const outcome = await revert(world, undefined, { repository, session, store: { ...store, append } });
  expect(outcome).toMatchObject({ kind: "reverted", turn: 2 });
  const tip = given((await tips(world))[1]);
  expect(await world.read(tip, "theirs.txt")).toBe("theirs\n");
  expect(await world.read(tip, "d.txt")).toBeNull();
  expect((await world.state()).phase).toBe("queued");
  expect(await world.events("session.reverted")).toHaveLength(1);
});
