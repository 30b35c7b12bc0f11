import { expect, test } from "vitest";
import { openHistory } from "../../src/runner/history.ts";
import { openKeeper } from "../../src/runner/keeper.ts";
import { Fenced, openRecorder } from "../../src/runner/recorder.ts";
import { fact, takeLease } from "../../src/sessions/decide.ts";
import { memoryStore } from "../../src/sessions/memory-store.ts";
import { type Change, type SessionStore, StoreError } from "../../src/sessions/store.ts";
import { transact } from "../../src/sessions/transact.ts";
import { asked, hand, newSession, offshoot, openIn, someCommit } from "../sessions/events.ts";

/** A store in memory that counts how often the whole journal is read, and a session in it. */
async function openSession() {
  const memory = memoryStore();
  let reads = 0;
  const journal: SessionStore["journal"] = (session) => {
    reads += 1;
    return memory.journal(session);
  };
  const store: SessionStore = { ...memory, journal };
  const session = newSession();
  await openIn(store, session);
  const append = (change: Change) =>
    transact({ store, session, pause: async () => undefined }, () => ({ change, result: null }));
  /** Takes the lease, whoever has it. */
  const take = async () => {
    const by = hand(offshoot);
    const { session: now } = (await store.tip(session)) ?? { session: null };
    if (!now) throw new Error("The session is gone.");
    const taken = takeLease(by, now, { holder: "test", isVoid: () => true });
    if (taken.kind !== "taken") throw new Error(`The lease is ${taken.kind}.`);
    const took = await append(taken.change);
    if (!took.ok) throw new Error("The lease was lost.");
    const history = openHistory({ store, session, tip: took.tip, open: (event) => event });
    const keeping = { visibility: "full" as const, key: null, notice: null };
    const keeper = openKeeper({ session, keys: undefined, keeping, secrets: () => [] });
    return openRecorder({ store, session, epoch: taken.epoch, hand: by, history, keeper, watch: () => undefined });
  };
  return { store, session, append, take, reads: () => reads };
}

const saved = (step: number) => fact(hand(offshoot), "work.saved", { turn: 1, step, commit: someCommit });

test("the journal is read once, and again only when others have written", async () => {
  const { store, session, append, take, reads } = await openSession();
  const recorder = await take();
  const types = async () => (await recorder.journal()).map(({ type }) => type).slice(4);
  expect(await types()).toEqual([]);
  recorder.add(saved(1), saved(2));
  await recorder.flush();
  await recorder.flush({}, () => [saved(3)]);
  expect(await types()).toEqual(["work.saved", "work.saved", "work.saved"]);
  expect(await recorder.journal()).toEqual((await store.journal(session)).flatMap(({ events }) => events));
  expect(reads()).toBe(2); // one of them is this test's own

  await append(asked("2"));
  recorder.add(saved(4));
  await recorder.flush();
  expect((await types()).slice(3)).toEqual(["prompt.queued", "work.saved"]);
  expect(reads()).toBe(3);
});

test("facts that are added while a flush is under way wait for the next", async () => {
  const { take } = await openSession();
  const recorder = await take();
  recorder.add(saved(1));
  const first = recorder.flush();
  recorder.add(saved(2));
  const second = recorder.flush();
  await Promise.all([first, second]);
  expect(recorder.waiting).toEqual([]);
  const steps = (await recorder.journal()).flatMap((event) => (event.type === "work.saved" ? [event.step] : []));
  expect(steps).toEqual([1, 2]);
});

test("when a ref beside the session has moved, nothing is written and all waits on", async () => {
  const { store, session, take } = await openSession();
  const recorder = await take();
  const before = await store.tip(session);
  recorder.add(saved(1));
  const refs = () => [{ ref: "refs/heads/work", from: someCommit, to: someCommit }];
  expect(await recorder.tryFlush({ refs }, () => [])).toEqual({ ok: false, moved: ["refs/heads/work"] });
  await expect(recorder.flush({ refs })).rejects.toThrow(StoreError);
  await expect(recorder.flush({ refs })).rejects.toThrow(/^refs\/heads\/work moved.*comment `\/agent go on`\.$/);
  expect(await store.tip(session)).toEqual(before);
  expect(recorder.waiting).toHaveLength(1);
});

test("AC8: after a higher epoch nothing is written, and nothing waiting is lost from sight", async () => {
  const { store, session, take } = await openSession();
  const first = await take();
  first.add(saved(1));
  await take();
  const before = await store.tip(session);
  await expect(first.flush()).rejects.toThrow(Fenced);
  await expect(first.flush({}, () => [saved(2)])).rejects.toThrow(/Another run has taken session/);
  expect(await store.tip(session)).toEqual(before);
});

test("AC4: a lease is renewed without what waits, which goes with its work", async () => {
  const { store, session, take } = await openSession();
  const recorder = await take();
  recorder.add(saved(1));
  const renewed = fact(hand(offshoot), "lease.renewed", { epoch: 1, until: "2099-01-01T00:00:00.000Z" });
  await recorder.append(() => [renewed]);
  expect(recorder.waiting.map(({ type }) => type)).toEqual(["work.saved"]);
  expect((await store.journal(session)).at(-1)?.events.map(({ type }) => type)).toEqual(["lease.renewed"]);
  await recorder.flush();
  expect((await recorder.journal()).slice(-2).map(({ type }) => type)).toEqual(["lease.renewed", "work.saved"]);
});
