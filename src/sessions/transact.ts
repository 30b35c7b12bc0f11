import type { SessionId } from "./ids.ts";
import { type Append, type Change, compose, type SessionStore, StoreError, type Swap, type Tip } from "./store.ts";

/** A decision over the session as it is now; without a change there is nothing to write. */
export interface Decision<R> {
  readonly change: Change | null;
  readonly result: R;
}

export type Transaction<R> =
  | { readonly ok: true; readonly tip: Tip; readonly result: R }
  /** Another ref of the append had moved; deciding again over the session alone would not help. */
  | { readonly ok: false; readonly moved: readonly string[] };

export interface Writer {
  readonly store: SessionStore;
  readonly session: SessionId;
  /** Awaited before the nth new try (from 1). The lease holder tries at once; everyone else backs off. */
  readonly pause: (attempt: number) => Promise<void>;
}

export class NoSession extends Error {
  override readonly name = "NoSession";

  constructor(session: SessionId) {
    super(
      `No session ${session} in this repository. \`git ls-remote <url> 'refs/offshoot/sessions/*'\` lists those there are.`,
    );
  }
}

/** Tries to reach the store before its silence is passed on. */
const reachTries = 5;

/**
 * Decides over the tip and swaps the change in; after a lost swap it reads and decides again, so a decision never rests
 * on a state that has passed. Facts that must keep their ids are made before, outside `decide`. When the store gives no
 * answer, the change is looked for before it is tried again, so that it is never written twice.
 */
export async function transact<R>(writer: Writer, decide: (tip: Tip) => Decision<R>): Promise<Transaction<R>> {
  let tip = await read(writer);
  for (let attempt = 1; ; attempt += 1) {
    const { change, result } = decide(tip);
    if (!change) return { ok: true, tip, result };
    const swap = await swapOrFind(writer, compose(writer.session, tip, change));
    if (swap.ok) return { ok: true, tip: swap.tip, result };
    const now = await read(writer);
    if (now.commit === tip.commit) return { ok: false, moved: swap.moved };
    tip = now;
    await writer.pause(attempt);
  }
}

async function read({ store, session }: Writer): Promise<Tip> {
  const tip = await store.tip(session);
  if (!tip) throw new NoSession(session);
  return tip;
}

async function swapOrFind(writer: Writer, append: Append): Promise<Swap> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await writer.store.append(append);
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== "unreachable" || attempt === reachTries) throw error;
      await writer.pause(attempt);
      const found = await written(writer, append).catch(() => null);
      if (found) return { ok: true, tip: found };
    }
  }
}

async function written(writer: Writer, append: Append): Promise<Tip | null> {
  const ids = new Set(append.events.map(({ id }) => id));
  const stored = await writer.store.journal(writer.session);
  const ours = stored.some(({ events }) => events.some(({ id }) => ids.has(id)));
  return ours ? read(writer) : null;
}

/** Waits about 0.1, 0.2, 0.4 … up to 2 seconds, each with jitter, so that writers do not meet again. */
export async function backOff(attempt: number): Promise<void> {
  const most = Math.min(2_000, 100 * 2 ** (attempt - 1));
  await new Promise((resolve) => setTimeout(resolve, most * (0.5 + Math.random() / 2)));
}
