import { type Claim, fact, type Hand, type LeaseDecision, seizeLease } from "./decide.ts";
import type { EventOf, Fact, Problem } from "./journal.ts";
import { hasWork, isWaiting, type Session } from "./session.ts";
import type { Tip } from "./store.ts";

/**
 * Why a session is not compacted: nothing is asked of a retired one; without a turn there is no context; what waits or is
 * not finished comes first; nothing has been said since the last time.
 */
export type NotCompacted = "retired" | "not-started" | "waiting" | "compacted";

export type CompactionClaim =
  | Exclude<LeaseDecision, { kind: "idle" }>
  | { readonly kind: "refused"; readonly why: NotCompacted };

/** Takes the session in order to compact its context. */
export function beginCompaction(
  hand: Hand,
  session: Session,
  claim: Claim,
  asked: { readonly model: string; readonly hint?: string },
): CompactionClaim {
  const decision = seizeLease(hand, session, claim);
  if (decision.kind === "busy") return decision;
  const why = whyNot(session);
  if (why) return { kind: "refused", why };
  return { ...decision, change: { facts: [...decision.change.facts, fact(hand, "compaction.started", asked)] } };
}

function whyNot(session: Session): NotCompacted | null {
  if (session.status === "retired") return "retired";
  if (hasWork(session) || session.queue.some(isWaiting)) return "waiting";
  if (session.usage.turns === 0) return "not-started";
  return session.status === "available" ? "compacted" : null;
}

type Summary = Omit<EventOf<"context.compacted">, "v" | "seq" | "id" | "at" | "by" | "type" | "cut" | "since">;

/** The summary of all up to `cut`, told to a session that may have been written to since. */
export function compacted(hand: Hand, { cut, now }: { cut: Tip; now: Tip }, summary: Summary): Fact {
  const since = now.session.context.appends_since_cut - cut.session.context.appends_since_cut;
  return fact(hand, "context.compacted", { cut: cut.commit, since, ...summary });
}

export function compactionFailed(hand: Hand, problem: Problem): Fact {
  return fact(hand, "compaction.failed", { problem });
}
