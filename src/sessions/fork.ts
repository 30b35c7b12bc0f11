import { branchName } from "./branch-name.ts";
import { fact, type Hand } from "./decide.ts";
import { replay } from "./fold.ts";
import type { SessionId } from "./ids.ts";
import type { Event, Stored } from "./journal.ts";
import type { Session } from "./session.ts";
import { type Append, type Change, compose, refOf, type SessionStore, StoreError, type Tip } from "./store.ts";
import { backOff, NoSession, patiently } from "./transact.ts";

export interface Fork {
  /** The session that is forked; it stays as it is. */
  readonly from: SessionId;
  /** The last turn that the fork has, 0 for none; without it, all that have ended. */
  readonly turn?: number | undefined;
  /** A fresh id. */
  readonly session: SessionId;
  /** Without it, that of the session that is forked. */
  readonly description?: string | undefined;
  /** An issue or pull request, of which the fork becomes the active session. */
  readonly thread?: number | undefined;
  readonly hand: Hand;
}

export type Forked =
  | { readonly kind: "forked"; readonly tip: Tip }
  | { readonly kind: "unknown-turn"; readonly turns: readonly number[] }
  | { readonly kind: "deleted" };

/**
 * Opens a session that goes on from where a turn of another one ended, with its context and its code, on a branch of its
 * own. Throws {@link NoSession} where there is none to fork.
 */
export async function forkSession(store: SessionStore, fork: Fork): Promise<Forked> {
  const journal = await store.journal(fork.from);
  if (journal.length === 0) throw new NoSession(fork.from);
  if (replay(journal)?.deleted) return { kind: "deleted" };
  const from = pointOf(journal, fork.turn);
  if (!from) return { kind: "unknown-turn", turns: turnsOf(journal) };
  return { kind: "forked", tip: await append(store, fork, { from, keys: replay(journal)?.keys }) };
}

interface Point {
  readonly from: Tip;
  /** The keys that the session has now: what is sealed before that turn opens with them, too. */
  readonly keys: Session["keys"];
}

async function append(store: SessionStore, { session, thread, ...fork }: Fork, { from, keys }: Point): Promise<Tip> {
  const isRekeyed = keys && keys.ring.master !== from.session.keys?.ring.master;
  const facts: Change["facts"] = [
    forked({ ...fork, session, thread }, from.session),
    ...(isRekeyed ? [fact(fork.hand, "journal.keyed", { ring: keys.ring })] : []),
  ];
  for (let attempt = 1; ; attempt += 1) {
    const threads = thread === undefined ? [] : [await activeOn(store, thread, session)];
    const change = compose(session, from, { facts, threads });
    const swap = await patiently(() => store.append(change));
    if (swap.ok) return swap.tip;
    if (swap.moved.includes(refOf.session(session))) throw new StoreError("invalid", `${session} is a session already`);
    await backOff(attempt);
  }
}

/** Pure: the event with which the fork of a session begins. */
function forked({ hand, session, description, thread }: Omit<Fork, "from">, from: Session) {
  const { branch: name, own_branch, base_branch, head = from.base } = from;
  const title = description ?? (own_branch ? name.replace(/^offshoot\/|-[^-]*$/g, "") : name);
  return fact(hand, "session.forked", {
    session,
    from: from.session,
    turn: from.usage.turns,
    branch: { name: branchName({ session, title }), own: true, from: base_branch, base: head },
    description: description ?? from.description,
    ...(thread === undefined ? {} : { thread }),
  });
}

async function activeOn(
  store: SessionStore,
  number: number,
  session: SessionId,
): Promise<NonNullable<Append["threads"]>[number]> {
  const index = await store.thread(number);
  return { number, from: index?.commit ?? null, sessions: [...(index?.sessions ?? []), session] };
}

/** The session after its last append that may be gone on from, or after the one that ended this turn. */
function pointOf(journal: readonly Stored[], turn: number | undefined): Tip | null {
  const at = journal.findLastIndex(({ events }) => events.some((event) => isPoint(event, turn)));
  const before = journal.slice(0, at + 1);
  const [session, commit] = [replay(before), before.at(-1)?.commit];
  return session && commit ? { commit, session } : null;
}

/** Where no turn is open. What was compacted or taken back after a turn is part of the session, and not of that turn. */
function isPoint(event: Event, turn: number | undefined): boolean {
  switch (event.type) {
    case "session.opened":
      return turn === undefined || turn === 0;
    case "turn.ended":
    case "session.forked":
      return turn === undefined || turn === event.turn;
    case "session.reverted":
    case "context.compacted":
      return turn === undefined;
    default:
      return false;
  }
}

function turnsOf(journal: readonly Stored[]): readonly number[] {
  const events = journal.flatMap(({ events }) => events);
  return [0, ...events.flatMap((event) => (event.type === "turn.ended" ? [event.turn] : []))];
}
