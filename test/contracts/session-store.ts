import { describe, expect, test } from "vitest";
import { fact, queue, takeLease } from "../../src/sessions/decide.ts";
import type { CommitId, SessionId } from "../../src/sessions/ids.ts";
import { JournalError } from "../../src/sessions/journal.ts";
import { compose, refOf, type SessionStore, StoreError } from "../../src/sessions/store.ts";
import { transact } from "../../src/sessions/transact.ts";
import { asked, comment, given, hand, newSession, openIn, opening, tipOf } from "../sessions/events.ts";

/** One remote, as several machines see it. */
export interface StoreWorld {
  /** A store of its own on the remote. */
  client(): Promise<SessionStore>;
  /** A commit that every client has, for refs to move to. */
  readonly commit: CommitId;
  /** Puts an append with this text on top of a session, as whoever may write to the remote can; absent where no one can. */
  readonly damage?: (session: SessionId, events: string) => Promise<CommitId>;
}

const noPause = async () => undefined;

/** What every store of sessions promises. */
export function sessionStoreContract(name: string, newWorld: () => Promise<StoreWorld>): void {
  describe(`${name} keeps the contract of a session store`, () => {
    test("a session that was never opened has no tip, no journal, no thread", async () => {
      const store = await (await newWorld()).client();
      const session = newSession();
      expect(await store.tip(session)).toBeNull();
      expect(await store.journal(session)).toEqual([]);
      expect(await store.thread(1)).toBeNull();
      expect(await store.find("")).toEqual([]);
    });

    test("AC3: what one client appended another reads back, event by event", async () => {
      const world = await newWorld();
      const tip = await openIn(await world.client());
      const other = await world.client();
      expect(await other.tip(tip.session.session)).toEqual(tip);
      const stored = await other.journal(tip.session.session);
      expect(stored.map(({ commit }) => commit)).toEqual([tip.commit]);
      expect(stored.flatMap(({ events }) => events.map(({ seq, type }) => `${seq} ${type}`))).toEqual([
        "1 session.opened",
        "2 prompt.queued",
        "3 wake.requested",
      ]);
    });

    test("an append from a stale tip is refused, names the ref, and changes nothing", async () => {
      const store = await (await newWorld()).client();
      const first = await openIn(store);
      const { session } = first.session;
      const second = tipOf(await store.append(compose(session, first, asked("2"))));
      const lost = await store.append(compose(session, first, asked("3")));
      expect(lost).toEqual({ ok: false, moved: [refOf.session(session)] });
      expect(await store.tip(session)).toEqual(second);
      expect(await store.journal(session)).toHaveLength(2);
    });

    test("opening the same session twice: the second is refused", async () => {
      const store = await (await newWorld()).client();
      const { session } = (await openIn(store)).session;
      const again = await store.append(compose(session, null, { ...opening(session), threads: [] }));
      expect(again).toEqual({ ok: false, moved: [refOf.session(session)] });
    });

    test("two racing first comments on one thread end in one session; the loser joins it", async () => {
      const world = await newWorld();
      const [one, two] = [await world.client(), await world.client()];
      const [a, b] = [newSession(), newSession()];
      const swaps = await Promise.all([
        one.append(compose(a, null, opening(a, comment("1")))),
        two.append(compose(b, null, opening(b, comment("2")))),
      ]);
      expect(swaps.map(({ ok }) => ok).sort()).toEqual([false, true]);
      const [winner, loser] = swaps[0]?.ok ? [a, b] : [b, a];
      expect((await one.thread(1))?.sessions).toEqual([winner]);
      expect(await one.tip(loser)).toBeNull();
      const joined = await transact({ store: two, session: winner, pause: noPause }, ({ session: now }) => {
        const decisions = ["1", "2"].map((id) => queue(hand(), now, comment(id)));
        const change =
          decisions.flatMap((decision) => (decision.kind === "queued" ? [decision.change] : []))[0] ?? null;
        return { change, result: null };
      });
      expect(joined.ok && joined.tip.session.queue.map(({ source }) => source.id).sort()).toEqual(["1", "2"]);
    });

    test("AC12, CS22: sixteen writers at once: every event lands exactly once, in one gapless count", async () => {
      const world = await newWorld();
      const { session } = (await openIn(await world.client())).session;
      await Promise.all(
        Array.from({ length: 16 }, async (_, writer) => {
          const store = await world.client();
          const prompt = comment(`writer-${writer}`);
          return transact({ store, session, pause: noPause }, ({ session: now }) => {
            const queued = queue(hand(), now, prompt);
            return { change: queued.kind === "queued" ? queued.change : null, result: queued.kind };
          });
        }),
      );
      const events = (await (await world.client()).journal(session)).flatMap(({ events }) => events);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      const sources = events.flatMap((event) => (event.type === "prompt.queued" ? [event.source.id] : []));
      expect(sources.toSorted()).toEqual(["1", ...Array.from({ length: 16 }, (_, i) => `writer-${i}`)].toSorted());
    }, 180_000);

    test("the lease: of racing runs one takes it; one that was taken over writes nothing more", async () => {
      const world = await newWorld();
      const { session } = (await openIn(await world.client())).session;
      const take = async (holder: string, isVoid: boolean) =>
        transact({ store: await world.client(), session, pause: noPause }, ({ session: now }) => {
          const decision = takeLease(hand(), now, { holder, isVoid: () => isVoid });
          return { change: decision.kind === "taken" ? decision.change : null, result: decision.kind };
        });
      const racing = await Promise.all(["a", "b", "c"].map((holder) => take(holder, false)));
      expect(racing.map((taken) => taken.ok && taken.result).sort()).toEqual(["busy", "busy", "taken"]);
      const stale = await world.client();
      const before = given(await stale.tip(session));
      await take("d", true);
      const late = await stale.append(
        compose(session, before, { facts: [fact(hand(), "lease.released", { epoch: before.session.epoch })] }),
      );
      expect(late.ok).toBe(false);
      expect((await stale.tip(session))?.session.lease).toMatchObject({ epoch: 2, holder: "d" });
    });

    test("AC12: the same append sent again is a success, and is there once", async () => {
      const store = await (await newWorld()).client();
      const first = await openIn(store);
      const append = compose(first.session.session, first, asked("2"));
      const second = tipOf(await store.append(append));
      expect(tipOf(await store.append(append))).toEqual(second);
      expect(await store.journal(first.session.session)).toHaveLength(2);
    });

    test("AC12: an append whose answer was lost is recognised, and is there once", async () => {
      const world = await newWorld();
      const store = await world.client();
      const { session } = (await openIn(store)).session;
      let silent = 2;
      const losing: SessionStore = {
        ...store,
        async append(append) {
          const swap = await store.append(append);
          silent -= 1;
          if (silent >= 0) throw new StoreError("unreachable", "no answer");
          return swap;
        },
      };
      const done = await transact({ store: losing, session, pause: noPause }, () => ({
        change: asked("2"),
        result: null,
      }));
      expect(done.ok && done.tip).toEqual(await store.tip(session));
      expect(await store.journal(session)).toHaveLength(2);
    });

    test("other refs move with the session, or nothing does", async () => {
      const world = await newWorld();
      const store = await world.client();
      const first = await openIn(store);
      const { session } = first.session;
      const [branch, wip] = [refOf.branch("offshoot/1-fix"), refOf.wip(session)];
      const create = (ref: string) => ({ ref, from: null, to: world.commit });
      const gone = (ref: string) => ({ ref, from: first.commit, to: null });
      const second = tipOf(await store.append(compose(session, first, { ...asked("2"), refs: [create(wip)] })));
      const lost = await store.append(compose(session, second, { ...asked("3"), refs: [create(branch), gone(wip)] }));
      expect(lost).toEqual({ ok: false, moved: [wip] });
      expect(await store.tip(session)).toEqual(second);
      const ended = [create(branch), { ref: wip, from: world.commit, to: null }];
      const third = tipOf(await store.append(compose(session, second, { ...asked("3"), refs: ended })));
      const again = await store.append(compose(session, third, { ...asked("4"), refs: [gone(branch), create(wip)] }));
      expect(again).toEqual({ ok: false, moved: [branch] });
    });

    test("a ref that is where it should go already holds nothing up", async () => {
      const world = await newWorld();
      const store = await world.client();
      const first = await openIn(store);
      const { session } = first.session;
      const refs = [{ ref: refOf.wip(session), from: null, to: world.commit }];
      const second = tipOf(await store.append(compose(session, first, { ...asked("2"), refs })));
      const third = tipOf(await store.append(compose(session, second, { ...asked("3"), refs })));
      expect(await store.tip(session)).toEqual(third);
    });

    test("a thread that has moved keeps the session from being opened, and the other way round", async () => {
      const store = await (await newWorld()).client();
      const first = await openIn(store);
      const session = newSession();
      const lost = await store.append(compose(session, null, opening(session)));
      expect(lost).toEqual({ ok: false, moved: [refOf.thread(1)] });
      const index = given(await store.thread(1));
      const resumed = [{ number: 1, from: index.commit, sessions: [session, first.session.session] }];
      const stale = compose(first.session.session, null, { ...opening(first.session.session), threads: resumed });
      expect((await store.append(stale)).ok).toBe(false);
      expect(await store.thread(1)).toEqual(index);
    });

    test("an empty object id is refused: it would delete the ref", async () => {
      const world = await newWorld();
      const store = await world.client();
      const tip = await openIn(store);
      const { session } = tip.session;
      const refs = [{ ref: refOf.wip(session), from: null, to: "" as CommitId }];
      const swap = store.append(compose(session, tip, { ...asked("2"), refs }));
      await expect(swap).rejects.toMatchObject({ name: "StoreError", kind: "invalid" });
      expect(await store.tip(session)).toEqual(tip);
    });

    test("a prefix finds the sessions that begin with it, in either case", async () => {
      const store = await (await newWorld()).client();
      const [a, b] = ["01JH4QAAAAAAAAAAAAAAAAAAAA", "01JH4QBBBBBBBBBBBBBBBBBBBB"] as [SessionId, SessionId];
      tipOf(await store.append(compose(b, null, opening(b))));
      tipOf(await store.append(compose(a, null, { ...opening(a), threads: [] })));
      expect(await store.find("")).toEqual([a, b]);
      expect(await store.find("01jh4q")).toEqual([a, b]);
      expect(await store.find("01JH4QB")).toEqual([b]);
      for (const none of ["01JH4QC", "*", "../", "01JH4Q*", `${a}0`]) expect(await store.find(none)).toEqual([]);
    });

    test("the state that comes with a tip is the fold of the journal", async () => {
      const store = await (await newWorld()).client();
      const first = await openIn(store);
      const { session } = first.session;
      tipOf(await store.append(compose(session, first, asked("2", "then the docs"))));
      const tip = await store.tip(session);
      expect(tip?.session.queue.map(({ status, text }) => `${status}: ${text}`)).toEqual([
        "queued: make the failing test pass",
        "queued: then the docs",
      ]);
      expect(tip?.session.context.appends_since_cut).toBe(2);
    });

    test("the last appends of a journal are had without the others; asking for more than there are gives all", async () => {
      const store = await (await newWorld()).client();
      const { session } = (await openIn(store)).session;
      expect(await store.journal(newSession(), 1)).toEqual([]);
      for (const id of ["2", "3"])
        tipOf(await store.append(compose(session, given(await store.tip(session)), asked(id))));
      const all = await store.journal(session);
      expect(all.map(({ events }) => events.map(({ seq }) => seq))).toEqual([[1, 2, 3], [4], [5]]);
      expect(await store.journal(session, 1)).toEqual(all.slice(2));
      expect(await store.journal(session, 2)).toEqual(all.slice(1));
      for (const last of [3, 4, 200]) expect(await store.journal(session, last)).toEqual(all);
    });

    test("what is corrupt before the last appends does not keep them from being read; within them it does", async (it) => {
      const { client, damage } = await newWorld();
      if (!damage) return it.skip("nobody but the store itself can write there");
      const store = await client();
      const first = await openIn(store);
      const { session } = first.session;
      const commit = await damage(session, "oops\n");
      const corrupt = { name: "JournalError", kind: "malformed", commit, line: 1 };
      await expect(store.journal(session, 1)).rejects.toMatchObject(corrupt);
      const { commit: newest } = tipOf(await store.append(compose(session, { ...first, commit }, asked("2"))));
      expect((await store.journal(session, 1)).map(({ commit }) => commit)).toEqual([newest]);
      for (const last of [2, 3]) await expect(store.journal(session, last)).rejects.toMatchObject(corrupt);
    });

    test("WS16: a fork goes on with another session's chain, and leaves that one as it is", async () => {
      const world = await newWorld();
      const store = await world.client();
      const first = await openIn(store);
      const { session } = first.session;
      const second = tipOf(await store.append(compose(session, first, asked("2"))));
      const fork = newSession();
      const forked = fact(hand(), "session.forked", {
        ...{ session: fork, from: session, turn: 0, description: "another way" },
        branch: { name: "offshoot/another-way", own: true, from: "main", base: world.commit },
      });
      const tip = tipOf(await store.append(compose(fork, first, { facts: [forked] })));
      expect(tip.session).toMatchObject({ session: fork, seq: 4, genealogy: { depth: 0, parent_session_id: session } });
      const other = await world.client();
      const chain = await other.journal(fork);
      expect(chain.map(({ commit }) => commit)).toEqual([first.commit, tip.commit]);
      expect(chain.flatMap(({ events }) => events.map(({ seq }) => seq))).toEqual([1, 2, 3, 4]);
      expect(await other.journal(fork, 1)).toEqual(chain.slice(-1));
      expect(await other.tip(fork)).toEqual(tip);
      expect(await other.tip(session)).toEqual(second);
      expect(await store.append(compose(fork, first, { facts: [forked] }))).toEqual({ ok: true, tip });
    });

    test("a corrupt line stops every reader and writer with commit and line; nothing is overwritten", async (it) => {
      const { client, damage } = await newWorld();
      if (!damage) return it.skip("nobody but the store itself can write there");
      const store = await client();
      const { session } = (await openIn(store)).session;
      const commit = await damage(session, '{"v":1,"seq":4}\n');
      const corrupt = { name: "JournalError", kind: "malformed", commit, line: 1 };
      await expect(store.tip(session)).rejects.toMatchObject(corrupt);
      await expect(store.journal(session)).rejects.toThrow(JournalError);
      const writing = transact({ store, session, pause: noPause }, () => ({ change: asked("2"), result: null }));
      await expect(writing).rejects.toMatchObject(corrupt);
      await expect((await client()).journal(session)).rejects.toMatchObject(corrupt);
    });
  });
}
