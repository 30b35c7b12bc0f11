import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fact, queue, release } from "../../src/sessions/decide.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import { memoryStore } from "../../src/sessions/memory-store.ts";
import { type Change, compose, type SessionStore, StoreError } from "../../src/sessions/store.ts";
import { backOff, NoSession, transact } from "../../src/sessions/transact.ts";
import { asked, comment, given, hand, newSession, openIn, tipOf } from "./events.ts";
import { type Move, play } from "./model.ts";

const me = hand();
const noPause = async () => undefined;
const gone = () => new StoreError("unreachable", "the connection was closed");

async function promptsIn(store: SessionStore, session: Parameters<SessionStore["tip"]>[0]): Promise<string[]> {
  const events = (await store.journal(session)).flatMap(({ events }) => events);
  return events.flatMap((event) => (event.type === "prompt.queued" ? [event.source.id] : []));
}

/** Plays moves that must be possible, straight into the store. */
async function playIn(store: SessionStore, session: Parameters<SessionStore["tip"]>[0], ...moves: Move[]) {
  for (const move of moves) {
    const tip = given(await store.tip(session));
    tipOf(await store.append(compose(session, tip, given(play(me, tip.session, move)))));
  }
}

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout"] }).setTimerTickMode("nextTimerAsync"));
afterEach(() => vi.useRealTimers());

describe("a decision", () => {
  test("without a change writes nothing", async () => {
    const store = memoryStore();
    const tip = await openIn(store);
    const done = await transact({ store, session: tip.session.session, pause: noPause }, () => ({
      change: null,
      result: "seen",
    }));
    expect(done).toEqual({ ok: true, tip, result: "seen" });
  });

  test("on a session that is not there says so", async () => {
    const writer = { store: memoryStore(), session: newSession(), pause: noPause };
    const decide = () => ({ change: asked("2"), result: null });
    await expect(transact(writer, decide)).rejects.toThrow(NoSession);
    await expect(transact(writer, decide)).rejects.toThrow(`No session ${writer.session} in this repository.`);
  });

  test("is made again after a lost swap, over the session as it is then", async () => {
    const store = memoryStore();
    const { session } = (await openIn(store)).session;
    const pauses: number[] = [];
    const pause = async (attempt: number) => void pauses.push(attempt);
    const seen: number[] = [];
    const rivals = ["2", "3"];
    const racing: SessionStore = {
      ...store,
      async append(append) {
        const rival = rivals.shift();
        if (rival) tipOf(await store.append(compose(session, await store.tip(session), asked(rival))));
        return store.append(append);
      },
    };
    const done = await transact({ store: racing, session, pause }, ({ session: now }) => {
      seen.push(now.queue.length);
      return { change: asked("mine"), result: now.queue.length };
    });
    expect(seen).toEqual([1, 2, 3]);
    expect(pauses).toEqual([1, 2]);
    expect(done).toMatchObject({ ok: true, result: 3 });
    expect(await promptsIn(store, session)).toEqual(["1", "2", "3", "mine"]);
  });

  test("no exit race: a release that meets a new prompt is decided again, and not made", async () => {
    const store = memoryStore();
    const { session } = (await openIn(store)).session;
    await playIn(store, session, { do: "take", run: 1 }, { do: "start" });
    await playIn(store, session, { do: "end", outcome: "done", answer: "" }, { do: "post" });
    let late: Change | null = asked("2", "wait, one more thing");
    const decided = await transact({ store, session, pause: noPause }, (tip) => {
      const change = release(me, tip.session, 1);
      return { change, result: change !== null };
    }).catch((error: unknown) => error);
    expect(decided).toMatchObject({ ok: true, result: true });
    await playIn(store, session, { do: "ask", comment: 7, text: "again" }, { do: "take", run: 2 }, { do: "start" });
    await playIn(store, session, { do: "end", outcome: "done", answer: "" }, { do: "post" });
    const racing: SessionStore = {
      ...store,
      async append(append) {
        if (late) tipOf(await store.append(compose(session, await store.tip(session), late)));
        late = null;
        return store.append(append);
      },
    };
    const raced = await transact({ store: racing, session, pause: noPause }, (tip) => {
      const change = release(me, tip.session, 2);
      return { change, result: change !== null };
    });
    expect(raced).toMatchObject({
      ok: true,
      result: false,
      tip: { session: { phase: "queued", lease: { epoch: 2 } } },
    });
  });

  test("another ref of the append that has moved is named, and deciding again would not help", async () => {
    const store = memoryStore();
    const tip = await openIn(store);
    const { session } = tip.session;
    let decisions = 0;
    const to = "b".repeat(40) as CommitId;
    const done = await transact({ store, session, pause: noPause }, () => {
      decisions += 1;
      return { change: { ...asked("2"), refs: [{ ref: "refs/heads/main", from: to, to }] }, result: null };
    });
    expect(done).toEqual({ ok: false, moved: ["refs/heads/main"] });
    expect(decisions).toBe(1);
    expect(await store.tip(session)).toEqual(tip);
  });
});

describe("AC12: a store that gives no answer", () => {
  /** Applies each append and loses the first answers; with a rival's append that comes in between, if any. */
  function losing(store: SessionStore, answers: number, rival?: Change): SessionStore {
    let left = answers;
    return {
      ...store,
      async append(append) {
        const swap = await store.append(append);
        if (left === 0) return swap;
        left -= 1;
        if (rival && swap.ok) tipOf(await store.append(compose(append.session, swap.tip, rival)));
        throw gone();
      },
    };
  }

  test.each([1, 2, 3])("%i times after it had applied the append: it is recognised, never doubled", async (times) => {
    const store = memoryStore();
    const { session } = (await openIn(store)).session;
    const writer = { store: losing(store, times), session, pause: noPause };
    let decisions = 0;
    const done = await transact(writer, () => {
      decisions += 1;
      return { change: asked(`try-${decisions}`), result: null };
    });
    expect(done).toMatchObject({ ok: true, tip: { session: { seq: 4 } } });
    expect(await promptsIn(store, session)).toEqual(["1", "try-1"]);
  });

  test("also when somebody else has appended meanwhile", async () => {
    const store = memoryStore();
    const { session } = (await openIn(store)).session;
    const writer = { store: losing(store, 1, asked("rival")), session, pause: noPause };
    const done = await transact(writer, () => ({ change: asked("mine"), result: null }));
    expect(done).toMatchObject({ ok: true, tip: { session: { seq: 5 } } });
    expect(await promptsIn(store, session)).toEqual(["1", "mine", "rival"]);
  });

  test("also when looking for it gets no answer either", async () => {
    const store = memoryStore();
    const { session } = (await openIn(store)).session;
    let looks = 0;
    const deaf: SessionStore = {
      ...losing(store, 1),
      async journal(id) {
        looks += 1;
        if (looks < 3) throw gone();
        return store.journal(id);
      },
    };
    const done = await transact({ store: deaf, session, pause: noPause }, () => ({ change: asked("2"), result: null }));
    expect(done.ok).toBe(true);
    expect(await promptsIn(store, session)).toEqual(["1", "2"]);
  });

  test("before it had applied anything: the swap is tried again, and one that is lost to others is decided again", async () => {
    const store = memoryStore();
    const { session } = (await openIn(store)).session;
    let silent = true;
    const store2: SessionStore = {
      ...store,
      async append(append) {
        if (!silent) return store.append(append);
        silent = false;
        tipOf(await store.append(compose(session, await store.tip(session), asked("rival"))));
        throw gone();
      },
    };
    const done = await transact({ store: store2, session, pause: noPause }, ({ session: now }) => {
      const decision = queue(me, now, comment("rival"));
      return { change: decision.kind === "queued" ? decision.change : null, result: decision.kind };
    });
    expect(done).toMatchObject({ ok: true, result: "known" });
    expect(await promptsIn(store, session)).toEqual(["1", "rival"]);
  });

  test("for long: its own words are passed on, and a refusal's too", async () => {
    for (const error of [gone(), new StoreError("refused", "refs/heads/x: protected branch hook declined")]) {
      const store = memoryStore();
      const { session } = (await openIn(store)).session;
      const append = vi.fn<SessionStore["append"]>().mockRejectedValue(error);
      const writer = { store: { ...store, append }, session, pause: noPause };
      await expect(transact(writer, () => ({ change: asked("2"), result: null }))).rejects.toBe(error);
      expect(append).toHaveBeenCalledTimes(5);
    }
  });

  test("to a reading: it is asked again", async () => {
    const store = memoryStore();
    const { session } = (await openIn(store)).session;
    const tip = vi.fn(store.tip).mockRejectedValueOnce(gone());
    const done = await transact({ store: { ...store, tip }, session, pause: noPause }, () => ({
      change: null,
      result: "read",
    }));
    expect(done).toMatchObject({ ok: true, result: "read" });
  });

  test("is not asked again what it called wrong", async () => {
    const store = memoryStore();
    const { session } = (await openIn(store)).session;
    const append = vi.fn<SessionStore["append"]>().mockRejectedValue(new StoreError("invalid", "an empty object id"));
    const writer = { store: { ...store, append }, session, pause: noPause };
    await expect(transact(writer, () => ({ change: asked("2"), result: null }))).rejects.toThrow("an empty object id");
    expect(append).toHaveBeenCalledOnce();
  });
});

test("facts made before the decision keep their ids through lost swaps", async () => {
  const store = memoryStore();
  const { session } = (await openIn(store)).session;
  const mine = fact(me, "prompt.queued", comment("mine"));
  let rival = true;
  const racing: SessionStore = {
    ...store,
    async append(append) {
      if (rival) tipOf(await store.append(compose(session, await store.tip(session), asked("rival"))));
      rival = false;
      return store.append(append);
    },
  };
  await transact({ store: racing, session, pause: noPause }, () => ({ change: { facts: [mine] }, result: null }));
  const events = (await store.journal(session)).flatMap(({ events }) => events);
  expect(events.at(-1)).toMatchObject({ id: mine.id, seq: 5 });
});

test("backing off waits longer from try to try, up to two seconds, never twice the same", async () => {
  const waits = vi.spyOn(globalThis, "setTimeout");
  for (const attempt of [1, 2, 3, 9]) await backOff(attempt);
  const ms = waits.mock.calls.map(([, ms]) => ms ?? 0);
  expect(ms.map((wait) => [100, 200, 400, 2_000].find((most) => wait >= most / 2 && wait <= most))).toEqual([
    100, 200, 400, 2_000,
  ]);
});
