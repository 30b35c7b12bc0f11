import { describe, expect, test } from "vitest";
import { queue } from "../../src/sessions/decide.ts";
import type { SessionId } from "../../src/sessions/ids.ts";
import { compose, type SessionStore } from "../../src/sessions/store.ts";
import { transact } from "../../src/sessions/transact.ts";
import { asked, comment, hand, newSession, openIn, opening, tipOf } from "../sessions/events.ts";

/**
 * What every store of sessions promises. `open` gives one store; called again with the same world it gives another
 * client of the same remote, as two machines would have.
 */
export function sessionStoreContract(name: string, newWorld: () => Promise<() => Promise<SessionStore>>): void {
  describe(`${name} keeps the contract of a session store`, () => {
    test("a session that was never opened has no tip, no journal, no thread", async () => {
      const store = await (await newWorld())();
      const session = newSession();
      expect(await store.tip(session)).toBeNull();
      expect(await store.journal(session)).toEqual([]);
      expect(await store.thread(1)).toBeNull();
      expect(await store.find("")).toEqual([]);
    });

    test("AC3: what one client appended another reads back, event by event", async () => {
      const client = await newWorld();
      const tip = await openIn(await client());
      const other = await client();
      expect(await other.tip(tip.session.session)).toEqual(tip);
      const stored = await other.journal(tip.session.session);
      expect(stored.flatMap(({ events }) => events.map(({ seq, type }) => `${seq} ${type}`))).toEqual([
        "1 session.opened",
        "2 prompt.queued",
        "3 wake.requested",
      ]);
    });

    test("an append from a stale tip is refused, names the ref, and changes nothing", async () => {
      const store = await (await newWorld())();
      const first = await openIn(store);
      const { session } = first.session;
      const second = tipOf(await store.append(compose(session, first, asked("2"))));
      const lost = await store.append(compose(session, first, asked("3")));
      expect(lost).toEqual({ ok: false, moved: [`refs/offshoot/sessions/${session}`] });
      expect(await store.tip(session)).toEqual(second);
    });

    test("opening the same session twice: the second is refused", async () => {
      const store = await (await newWorld())();
      const { session } = (await openIn(store)).session;
      const again = await store.append(compose(session, null, { ...opening(session), threads: [] }));
      expect(again.ok).toBe(false);
    });

    test("two racing first comments on one thread end in one session", async () => {
      const client = await newWorld();
      const [one, two] = [await client(), await client()];
      const [a, b] = [newSession(), newSession()];
      const swaps = await Promise.all([
        one.append(compose(a, null, opening(a))),
        two.append(compose(b, null, opening(b))),
      ]);
      expect(swaps.filter(({ ok }) => ok)).toHaveLength(1);
      const winner = swaps[0]?.ok ? a : b;
      const loser = winner === a ? b : a;
      expect((await one.thread(1))?.sessions).toEqual([winner]);
      expect(await one.tip(loser)).toBeNull();
    });

    test("AC12, CS22: sixteen writers at once: every event lands exactly once, in one gapless count", async () => {
      const client = await newWorld();
      const { session } = (await openIn(await client())).session;
      await Promise.all(
        Array.from({ length: 16 }, async (_, writer) => {
          const store = await client();
          const prompt = comment(`writer-${writer}`);
          return transact({ store, session, pause: async () => undefined }, ({ session: now }) => {
            const queued = queue(hand(), now, prompt);
            return { change: queued.kind === "queued" ? queued.change : null, result: queued.kind };
          });
        }),
      );
      const events = (await (await client()).journal(session)).flatMap(({ events }) => events);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      const sources = events.flatMap((event) => (event.type === "prompt.queued" ? [event.source.id] : []));
      expect(sources.toSorted()).toEqual(["1", ...Array.from({ length: 16 }, (_, i) => `writer-${i}`)].toSorted());
    });

    test("CS2: a prefix finds the sessions that begin with it, in either case", async () => {
      const store = await (await newWorld())();
      const [a, b] = ["01JH4QAAAAAAAAAAAAAAAAAAAA", "01JH4QBBBBBBBBBBBBBBBBBBBB"] as [SessionId, SessionId];
      tipOf(await store.append(compose(a, null, opening(a))));
      tipOf(await store.append(compose(b, null, { ...opening(b), threads: [] })));
      expect(await store.find("01jh4q")).toEqual([a, b]);
      expect(await store.find("01JH4QB")).toEqual([b]);
      expect(await store.find("01JH4QC")).toEqual([]);
    });

    test("the state that comes with a tip is the fold of the journal", async () => {
      const store = await (await newWorld())();
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
  });
}
