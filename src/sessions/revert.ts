import type { CommitId } from "./ids.ts";
import type { Event } from "./journal.ts";
import type { Lease, Session } from "./session.ts";

export type NotReverted =
  | { readonly kind: "busy"; readonly lease: Lease }
  /** A turn is open, though nobody holds the session: its run was lost. */
  | { readonly kind: "working"; readonly turn: number }
  | { readonly kind: "retired" }
  /** `turns` are those that can be taken back; without any, there is nothing to take back. */
  | { readonly kind: "unknown-turn"; readonly turns: readonly number[] }
  | { readonly kind: "already-reverted"; readonly turn: number }
  /** The turn is part of a summary, from which it cannot be taken; a fork at the turn before it is without it. */
  | { readonly kind: "compacted"; readonly turn: number; readonly turns: readonly number[] };

export interface Revertible {
  readonly kind: "revertible";
  readonly turn: number;
  /** What the turn left on the session's branch; null where that is nothing. */
  readonly commit: CommitId | null;
}

/** Which turn is taken back when `turn` is meant, or the last one that still counts. `events`: since the last compaction. */
export function revertible(
  session: Session,
  events: readonly Event[],
  { turn, isVoid }: { turn: number | undefined; isVoid: (lease: Lease) => boolean },
): Revertible | NotReverted {
  const { lease } = session;
  if (lease && !isVoid(lease)) return { kind: "busy", lease };
  if (session.turn) return { kind: "working", turn: session.turn.number };
  if (session.status === "retired") return { kind: "retired" };
  const later = events.slice(events.findLastIndex(({ type }) => type === "context.compacted") + 1);
  const ended = later.flatMap((event) => (event.type === "turn.ended" ? [event.turn] : []));
  const reverted = new Set(events.flatMap((event) => (event.type === "session.reverted" ? [event.turn] : [])));
  const turns = ended.filter((number) => !reverted.has(number));
  const meant = turn ?? turns.at(-1);
  if (meant === undefined) return { kind: "unknown-turn", turns };
  if (reverted.has(meant)) return { kind: "already-reverted", turn: meant };
  if (turns.includes(meant)) return { kind: "revertible", turn: meant, commit: commitOf(later, meant) };
  const isBefore = meant >= 1 && meant <= session.usage.turns;
  return isBefore ? { kind: "compacted", turn: meant, turns } : { kind: "unknown-turn", turns };
}

function commitOf(events: readonly Event[], turn: number): CommitId | null {
  const made = events.find((event) => {
    return event.type === "checkpoint.made" && event.turn === turn && event.label === undefined;
  });
  return made?.type === "checkpoint.made" ? made.commit : null;
}
