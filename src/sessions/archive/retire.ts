import { fact, type Hand } from "../decide.ts";
import type { SessionId } from "../ids.ts";
import type { Fact } from "../journal.ts";
import { isModel } from "../model-name.ts";
import { isWaiting, type Lease, type Session } from "../session.ts";

/** Why a session is not retired. */
export type Kept =
  | { readonly kind: "held"; readonly lease: Lease }
  /** A turn is open, and nobody works on it. */
  | { readonly kind: "open turn"; readonly turn: number }
  | { readonly kind: "waiting"; readonly prompts: number }
  | { readonly kind: "recent"; readonly last_accessed: string }
  | { readonly kind: "other model"; readonly model: string | null }
  /** Its journal is corrupt, and nobody writes after that. */
  | { readonly kind: "corrupt"; readonly reason: string };

/** Which sessions a cleaning takes. */
export interface CleanRule {
  /** Only sessions to which nothing happened for that many days. */
  readonly days: number;
  /** Only sessions whose last turn's model is one of these; with none, any. */
  readonly models: readonly string[];
}

/** Why a cleaning by this rule leaves a session; null: it takes it. `isHeld`: somebody is known to work on it. */
export function keptFromCleaning(session: Session, rule: CleanRule, now: Date, isHeld: boolean): Kept | null {
  return keptByRule(session, rule, now) ?? keptByWork(session, isHeld) ?? keptByPrompts(session);
}

/** Why a session cannot be deleted; null: it can. Prompts that wait end with it. */
export function keptFromDeletion(session: Session, isHeld: boolean): Kept | null {
  return keptByWork(session, isHeld);
}

/** Why the rule alone leaves a session, whoever works on it. */
export function keptByRule(session: Session, { days, models }: CleanRule, now: Date): Kept | null {
  const { last_accessed, model = null } = session;
  if (Date.parse(last_accessed) > now.getTime() - days * 86_400_000) return { kind: "recent", last_accessed };
  const isMeant = models.length === 0 || models.some((name) => isModel(model, name));
  return isMeant ? null : { kind: "other model", model };
}

function keptByWork({ lease, turn }: Session, isHeld: boolean): Kept | null {
  if (lease && isHeld) return { kind: "held", lease };
  return turn ? { kind: "open turn", turn: turn.number } : null;
}

function keptByPrompts({ queue }: Session): Kept | null {
  const prompts = queue.filter(isWaiting).length;
  return prompts > 0 ? { kind: "waiting", prompts } : null;
}

/** The last events of a session; a lease that nobody holds any more ends with it. */
export function retirement(hand: Hand, { lease }: Session, as: "retired" | "deleted"): readonly [Fact, ...Fact[]] {
  const before = [
    ...(lease ? [fact(hand, "lease.released", { epoch: lease.epoch })] : []),
    ...(as === "deleted" ? [fact(hand, "session.deleted", { reason: "deleted" })] : []),
  ];
  const last = fact(hand, "session.retired", {});
  const [first, ...rest] = before;
  return first ? [first, ...rest, last] : [last];
}

/** What to tell a person about a session that stays, and what they can do. */
export function explainKept(session: SessionId, kept: Kept): string {
  switch (kept.kind) {
    case "held": {
      const { holder, run } = kept.lease;
      const who = run ? `run ${run.id} (${run.url})` : holder;
      return `Session ${session} is at work: ${who} holds it. Stop it, or wait until it has ended.`;
    }
    case "open turn":
      return `Session ${session} has not ended its turn ${kept.turn}, and no run works on it. Ask it for something, or stop it: the next run ends the turn.`;
    case "waiting":
      return `Session ${session} has ${kept.prompts} waiting ${kept.prompts === 1 ? "prompt" : "prompts"}. Drop them from its queue, or delete the session.`;
    case "recent":
      return `Session ${session} was last used at ${kept.last_accessed}.`;
    case "other model":
      return `Session ${session} ${kept.model ? `last ran with ${kept.model}` : "has not run yet"}.`;
    case "corrupt":
      return `Session ${session} cannot be read. ${kept.reason}`;
  }
}
