import { once } from "node:events";
import { expect, test } from "vitest";
import { openHistory } from "../../src/runner/history.ts";
import { openKeeper } from "../../src/runner/keeper.ts";
import { keepLease } from "../../src/runner/lease.ts";
import { openRecorder } from "../../src/runner/recorder.ts";
import { requestStop, startTurn, takeLease } from "../../src/sessions/decide.ts";
import { memoryStore } from "../../src/sessions/memory-store.ts";
import { type Change, compose, type Tip } from "../../src/sessions/store.ts";
import { hand, newSession, openIn, someCommit, tipOf } from "../sessions/events.ts";

/** A session with a turn that is open, held by us; and what keeps its lease. */
async function held(lookEveryMs: number | null, forMs?: number) {
  const store = memoryStore();
  const session = newSession();
  let tip = await openIn(store, session);
  const append = async (change: Change): Promise<Tip> => {
    tip = tipOf(await store.append(compose(session, tip, change)));
    return tip;
  };
  const holder = { holder: "here", ...(forMs === undefined ? {} : { forMs }) };
  const taken = takeLease(hand(), tip.session, { ...holder, isVoid: () => false });
  if (taken.kind !== "taken") throw new Error(taken.kind);
  await append(taken.change);
  const started = startTurn(hand(), tip.session, { model: "openai:m", base: someCommit, ask: () => "ask" });
  if (!started) throw new Error("There is no turn.");
  await append(started);
  const keeping = { visibility: "full" as const, key: null, notice: null };
  const keeper = openKeeper({ session, keys: undefined, keeping, secrets: () => [] });
  const history = openHistory({ store, session, tip, open: (event) => event });
  const common = { store, session, epoch: taken.epoch, hand: hand() };
  const recorder = openRecorder({ ...common, history, keeper, watch: () => undefined });
  const logged: string[] = [];
  const interrupted = new AbortController();
  const options = { ...common, holder, recorder, lookEveryMs, stop: interrupted.signal };
  const lease = keepLease({ ...options, log: (message) => logged.push(message) });
  const isVoid = () => true;
  const takeOver = async () => {
    const other = takeLease(hand(), tip.session, { holder: "there", isVoid });
    if (other.kind !== "taken") throw new Error(other.kind);
    return append(other.change);
  };
  const askToStop = async () => {
    const asked = requestStop(hand(), tip.session);
    if (asked.kind !== "asked") throw new Error(asked.kind);
    return append(asked.change);
  };
  return { store, session, lease, interrupted, takeOver, askToStop };
}

test("a stop that somebody asks for is seen at the next look, and ends the turn", async () => {
  const { lease, askToStop } = await held(1);
  const signal = lease.stopOf(1);
  const aborted = once(signal, "abort");
  await askToStop();
  await aborted;
  await lease.end();
});

test("a stop of another turn is none of this one; whoever has lost the session stops", async () => {
  const { lease, askToStop, takeOver } = await held(null);
  const later = lease.stopOf(2);
  lease.heed(await askToStop());
  expect(later.aborted).toBe(false);
  lease.heed(await takeOver());
  expect(later.aborted).toBe(true);
  await lease.end();
});

test("who started the run may stop it, too", async () => {
  const { lease, interrupted } = await held(null);
  const signal = lease.stopOf(1);
  interrupted.abort();
  expect(signal.aborted).toBe(true);
  await lease.end();
});

test("a renewal that finds the session taken stops the turn", async () => {
  const { lease, takeOver } = await held(null, 3);
  const signal = lease.stopOf(1);
  const aborted = once(signal, "abort");
  await takeOver();
  await aborted;
  await lease.end();
});
