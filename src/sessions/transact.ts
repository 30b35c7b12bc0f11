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
  /** Awaited after the nth lost swap (from 1). The lease holder tries at once; everyone else backs off. */
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

/**
 * Decides over the tip and swaps the change in; after a lost swap it reads and decides again, so a decision never rests
 * on a state that has passed. Facts that must keep their ids are made before, outside `decide`. When the store gives no
 * answer it is asked again a few times, and never writes a change twice. Whoever has just seen the tip may give it as
 * `seen`, and saves a look: the swap tells if it has moved.
 */
export async function transact<R>(
  writer: Writer,
  decide: (tip: Tip) => Decision<R>,
  seen?: Tip,
): Promise<Transaction<R>> {
  let isFresh = seen === undefined;
  let tip = seen ?? (await read(writer));
  for (let attempt = 1; ; attempt += 1) {
    const { change, result } = decide(tip);
    if (!change && isFresh) return { ok: true, tip, result };
    isFresh = true;
    if (!change) {
      tip = await read(writer);
      continue;
    }
    const swap = await swapOnce(writer, compose(writer.session, tip, change));
    if (swap.ok) return { ok: true, tip: swap.tip, result };
    const now = await read(writer);
    if (now.commit === tip.commit) return { ok: false, moved: swap.moved };
    tip = now;
    await writer.pause(attempt);
  }
}

async function read({ store, session }: Writer): Promise<Tip> {
  const tip = await patiently(() => store.tip(session));
  if (!tip) throw new NoSession(session);
  return tip;
}

/** A swap that is lost after an unanswered try may have been lost to that very try: then it is ours. */
async function swapOnce(writer: Writer, append: Append): Promise<Swap> {
  const swap = await patiently(async (attempt) => {
    const swap = await writer.store.append(append);
    return swap.ok || attempt === 1 || !(await holds(writer, append)) ? swap : null;
  });
  return swap ?? { ok: true, tip: await read(writer) };
}

async function holds({ store, session }: Writer, { events: [first] }: Append): Promise<boolean> {
  const journal = await store.journal(session);
  return journal.some(({ events }) => events.some(({ id }) => id === first?.id));
}

/** How often the store is asked before its silence, or its refusal, is passed on. */
const tries = 5;

/** Asks a store that gives no answer, or refuses, again a few times; what is asked may have been done before. */
export async function patiently<T>(ask: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask(attempt);
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind === "invalid" || attempt === tries) throw error;
      await backOff(attempt);
    }
  }
}

/** Waits about 0.1, 0.2, 0.4 … up to 2 seconds, each with jitter, so that writers do not meet again. */
export async function backOff(attempt: number): Promise<void> {
  const most = Math.min(2_000, 100 * 2 ** (attempt - 1));
  await new Promise((resolve) => setTimeout(resolve, most * (0.5 + Math.random() / 2)));
}
