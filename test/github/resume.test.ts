import { expect, test } from "vitest";
import { take } from "../../src/github/intake.ts";
import { openAlone } from "../../src/sessions/decide.ts";
import type { SessionId } from "../../src/sessions/ids.ts";
import { compose } from "../../src/sessions/store.ts";
import { given, hand, newSession, someCommit } from "../sessions/events.ts";
import { type IntakeWorld, openIntakeWorld } from "./intake-world.ts";

/** A session that was begun at a terminal and pushed: it has worked, and belongs to no thread. */
async function fromTerminal({ store }: IntakeWorld, session: SessionId = newSession()): Promise<SessionId> {
  const opening = openAlone(hand(), {
    session,
    opened: {
      project: "octo/sample",
      description: "from a terminal",
      branch: { name: `offshoot/x-${session.slice(-4).toLowerCase()}`, own: true, from: "main", base: someCommit },
      depth: 0,
    },
    prompt: { source: { kind: "terminal", id: session, host: "laptop" }, text: "begin" },
  });
  const swap = await store.append(compose(session, null, opening));
  expect(swap.ok).toBe(true);
  return session;
}

test("a session begun elsewhere becomes the thread's active one; the next prompt goes on with it", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent first");
  const first = (await world.session()).session;
  const other = await fromTerminal(world);
  expect(await world.comment(`/agent resume ${other.toLowerCase()}`)).toBe("resumed");
  expect((await world.store.thread(world.issue))?.sessions).toEqual([first, other]);
  expect((await world.store.tip(other))?.session.thread).toBe(world.issue);
  expect(await world.comment("/agent go on")).toBe("queued");
  expect((await world.store.tip(other))?.session.queue.map(({ text }) => text)).toEqual(["begin", "go on"]);
  expect((await world.store.tip(first))?.session.queue.map(({ text }) => text)).toEqual(["first"]);

  expect(await world.comment(`/agent resume ${first}`)).toBe("resumed");
  expect((await world.store.thread(world.issue))?.sessions).toEqual([other, first]);
  const events = (await world.store.journal(other)).flatMap(({ events }) => events.map(({ type }) => type));
  expect(events.filter((type) => type === "session.resumed")).toHaveLength(1);
});

test("CS2: in a comment a unique prefix is enough, an ambiguous one lists all, an unknown one says what to do", async () => {
  const world = await openIntakeWorld();
  const [a, b] = ["01JH4QAAAAAAAAAAAAAAAAAAAA", "01JH4QBBBBBBBBBBBBBBBBBBBB"] as [SessionId, SessionId];
  await fromTerminal(world, a);
  await fromTerminal(world, b);
  const before = await world.store.thread(world.issue);
  expect(await world.comment("/agent resume 01JH4Q")).toBe("answered");
  expect(world.said().at(-1)).toContain(`fits 2 sessions`);
  for (const id of [a, b]) expect(world.said().at(-1)).toContain(`- \`${id}\` \`from a terminal\``);
  expect(await world.comment("/agent resume 01ZZZZ")).toBe("answered");
  expect(world.said().at(-1)).toContain("No session here begins with `01ZZZZ`");
  expect(await world.store.thread(world.issue)).toEqual(before);

  expect(await world.comment("/agent resume 01JH4QB")).toBe("resumed");
  expect(given(await world.store.thread(world.issue)).sessions).toEqual([b]);
});

test("who may not write resumes nothing", async () => {
  const world = await openIntakeWorld();
  const other = await fromTerminal(world);
  expect(await world.comment(`/agent resume ${other}`, { as: "outsider" })).toBe("refused");
  expect(await world.store.thread(world.issue)).toBeNull();
});

test("AC7: a bare prompt finds the thread's active session, and the latest before it where that one is gone", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent first");
  const first = (await world.session()).session;
  const active = await fromTerminal(world);
  await world.comment(`/agent resume ${active}`);
  await world.comment("/agent for the active one");
  expect((await world.store.tip(active))?.session.queue.at(-1)?.text).toBe("for the active one");

  const tip: typeof world.store.tip = async (session) => (session === active ? null : world.store.tip(session));
  const intake = { ...world.intake, store: { ...world.store, tip } };
  expect(await take(intake, await world.write("/agent for the one before"))).toBe("queued");
  expect((await world.store.tip(first))?.session.queue.map(({ text }) => text)).toEqual([
    "first",
    "for the one before",
  ]);
  expect(await world.store.find("")).toHaveLength(2);
});

test("the same comment, delivered again after another session was resumed, is still one prompt", async () => {
  const world = await openIntakeWorld();
  const first = await world.write("/agent first");
  expect(await take(world.intake, first)).toBe("queued");
  const other = await fromTerminal(world);
  await world.comment(`/agent resume ${other}`);
  expect(await take(world.intake, first)).toBe("known");
  expect((await world.store.tip(other))?.session.queue.map(({ text }) => text)).toEqual(["begin"]);
});
