import type { Amount } from "./budget.ts";
import type { Clock, CommitId, EventId, SessionId } from "./ids.ts";
import type { Actor, EventOf, EventType, Fact, PromptSource, Run, TurnBudget, Visibility } from "./journal.ts";
import { hasWork, isWaiting, type Lease, type Prompt, type Session } from "./session.ts";
import type { Change, ThreadIndex } from "./store.ts";

/** Who decides, and where time and ids come from. */
export interface Hand extends Clock {
  readonly by: Actor;
}

type Fields<T extends EventType> = Omit<EventOf<T>, "v" | "seq" | "id" | "at" | "by" | "type">;

/** A fact by this hand, now. */
export function fact<T extends EventType>(hand: Hand, type: T, fields: Fields<T>): Fact & { type: T } {
  const head = { id: hand.newId() as EventId, at: hand.now().toISOString(), by: hand.by };
  return { ...head, type, ...fields } as unknown as Fact & { type: T };
}

export interface NewPrompt {
  readonly source: PromptSource;
  readonly text: string;
  /** What its turn may take, in place of what is configured. */
  readonly budget?: Amount;
  /** Goes on with what was interrupted, before the prompts that wait; its budget is one more for the session. */
  readonly continues?: true;
}

/** What a model is asked by somebody who only wants it to go on. */
export const goOn = "Go on where you left off. If nothing is left to do, say so.";

function promptFacts(hand: Hand, { source, text, budget, continues }: NewPrompt): [Fact, ...Fact[]] {
  const ahead = continues ? { ahead: true as const } : {};
  const own = budget && !continues ? { budget } : {};
  const queued = fact(hand, "prompt.queued", { source, text, ...own, ...ahead });
  return continues && budget ? [queued, fact(hand, "budget.raised", { prompt: queued.id, ...budget })] : [queued];
}

export interface NewSession {
  readonly session: SessionId;
  readonly opened: Omit<Fields<"session.opened">, "session" | "thread">;
  readonly thread: { readonly number: number; readonly index: ThreadIndex | null };
  readonly prompt: NewPrompt;
}

/** Opens a session with its first prompt, and makes it the active one of its thread. */
export function open(hand: Hand, { session, opened, thread, prompt }: NewSession): Change {
  return {
    facts: [
      fact(hand, "session.opened", { session, thread: thread.number, ...opened }),
      ...promptFacts(hand, prompt),
      wake(hand, "prompt"),
    ],
    threads: [
      {
        number: thread.number,
        from: thread.index?.commit ?? null,
        sessions: [...(thread.index?.sessions ?? []), session],
      },
    ],
  };
}

/** The deepest that sessions may be opened by sessions within sessions; one that a person opens is at 0. */
export const deepest = 3;

/** Opens a session that belongs to no thread; whoever opens it works on it. */
export function openAlone(hand: Hand, { session, opened, prompt }: Omit<NewSession, "thread">): Change {
  return { facts: [fact(hand, "session.opened", { session, ...opened }), ...promptFacts(hand, prompt)] };
}

function wake(hand: Hand, reason: Fields<"wake.requested">["reason"]): Fact {
  return fact(hand, "wake.requested", { nonce: hand.newId(), reason });
}

/** Makes a session the active one of a thread; null where it is retired, or the active one there already. */
export function resume(hand: Hand, session: Session, thread: NewSession["thread"]): Change | null {
  const { number, index } = thread;
  const others = index?.sessions.filter((other) => other !== session.session) ?? [];
  if (session.status === "retired" || index?.sessions.at(-1) === session.session) return null;
  return {
    facts: [fact(hand, "session.resumed", { thread: number })],
    threads: [{ number, from: index?.commit ?? null, sessions: [...others, session.session] }],
  };
}

export type Queued =
  | { readonly kind: "queued"; readonly change: Change }
  /** The same source asked before; nothing to do. */
  | { readonly kind: "known" }
  /** Nothing is asked of a retired session any more. */
  | { readonly kind: "retired" };

/** Queues a prompt once per source; asks for a run unless one holds the session and will see the prompt by itself. */
export function queue(hand: Hand, session: Session, prompt: NewPrompt): Queued {
  if (session.status === "retired") return { kind: "retired" };
  if (isKnown(session, prompt.source)) return { kind: "known" };
  const [queued, ...raise] = promptFacts(hand, prompt);
  const woken = session.lease ? [] : [wake(hand, "prompt")];
  return { kind: "queued", change: { facts: [queued, ...raise, ...woken] } };
}

/** Whether a prompt of this source was queued in the session before. */
export function isKnown({ queue, forgotten_comment }: Session, { kind, id }: PromptSource): boolean {
  if (kind === "comment" && Number(id) <= forgotten_comment) return true;
  return queue.some(({ source }) => source.kind === kind && source.id === id);
}

/** Runs that may be lost in a row before a person has to look. */
export const lostRunsAllowed = 3;

export type Rescue =
  | { readonly kind: "wake"; readonly change: Change }
  | { readonly kind: "leave"; readonly why: "nothing to do" | "another run has it" | "gave up before" }
  | { readonly kind: "give-up"; readonly change: Change };

/**
 * What to do about a session when a run of it has ended: nothing, where the work is done or another run has it; else
 * take back what a lost run held and wake it again, until too many runs were lost in a row. `isVoid`: whether the lease of another run is one that has
 * ended, too.
 */
export function rescue(
  hand: Hand,
  session: Session,
  { ended, isVoid }: { ended: Run; isVoid: (lease: Lease) => boolean },
): Rescue {
  const { lease } = session;
  if (!lease && !hasWork(session)) return { kind: "leave", why: "nothing to do" };
  if (lease && !isSameRun(lease.run, ended) && !isVoid(lease)) return { kind: "leave", why: "another run has it" };
  if (session.lost_runs > lostRunsAllowed) return { kind: "leave", why: "gave up before" };
  const wanted = wake(hand, session.left ? "continued" : "lost-run");
  const change: Change = { facts: lease ? [released(hand, lease.epoch, "lost"), wanted] : [wanted] };
  return session.lost_runs === lostRunsAllowed ? { kind: "give-up", change } : { kind: "wake", change };
}

function isSameRun(one: Run | undefined, other: Run): boolean {
  return one !== undefined && one.id === other.id && one.attempt <= other.attempt;
}

export interface Holder {
  readonly holder: string;
  readonly run?: Run;
  /** For a holder without a run: how long a lease of its lasts unless it is renewed. */
  readonly forMs?: number;
}

export type LeaseDecision =
  | { readonly kind: "taken"; readonly epoch: number; readonly change: Change }
  | { readonly kind: "busy"; readonly lease: Lease }
  /** Nobody holds the session and nothing is to do: a late or doubled wake-up. */
  | { readonly kind: "idle" };

export interface Claim extends Holder {
  /** Whether a lease's holder is known to be gone. */
  readonly isVoid: (lease: Lease) => boolean;
}

/** Claims the session for what there is to do in it. */
export function takeLease(hand: Hand, session: Session, claim: Claim): LeaseDecision {
  return session.lease || hasWork(session) ? seizeLease(hand, session, claim) : { kind: "idle" };
}

/** Claims the session, whatever it is for; a lease stands until it is released or `isVoid`. */
export function seizeLease(hand: Hand, session: Session, claim: Claim): Exclude<LeaseDecision, { kind: "idle" }> {
  const { lease } = session;
  const earlierAttempt =
    lease?.run && claim.run && isSameRun(lease.run, claim.run) && lease.run.attempt < claim.run.attempt;
  if (lease && !earlierAttempt && !claim.isVoid(lease)) return { kind: "busy", lease };
  const epoch = session.epoch + 1;
  const { holder, run, forMs } = claim;
  const until = forMs === undefined ? {} : { until: after(hand, forMs) };
  const taken = fact(hand, "lease.taken", { epoch, holder, ...(run ? { run } : {}), ...until });
  return { kind: "taken", epoch, change: { facts: [taken] } };
}

/** For a holder without a run, which has to say from time to time that it is still there. */
export function renewLease(hand: Hand, epoch: number, forMs: number): Fact {
  return fact(hand, "lease.renewed", { epoch, until: after(hand, forMs) });
}

function after({ now }: Hand, ms: number): string {
  return new Date(now().getTime() + ms).toISOString();
}

export interface Proof {
  /** Stands for one showing of a run's identity. */
  readonly id: string;
  /** RFC 3339: when it is good no longer. */
  readonly until: string;
}

/** Gives a run a token for a proof that nobody has used before; null where somebody has. */
export function grantToken(hand: Hand, session: Session, run: Pick<Run, "id">, proof: Proof): Change | null {
  if (session.proofs?.some(({ id }) => id === proof.id)) return null;
  return { facts: [fact(hand, "token.granted", { run: run.id, proof: proof.id, until: proof.until })] };
}

/** Whether a lease that has to be renewed was not; one with a run never expires, the platform knows about the run. */
export function hasExpired({ until }: Lease, now: Date): boolean {
  return until !== undefined && Date.parse(until) < now.getTime();
}

export type Stop =
  | { readonly kind: "asked"; readonly change: Change }
  /** Somebody has asked for it before. */
  | { readonly kind: "known" }
  /** No turn is open. */
  | { readonly kind: "idle" };

/** Asks for the open turn to end; what waits stays, and no turn starts before somebody asks for something again. */
export function requestStop(hand: Hand, { turn, stop }: Session): Stop {
  if (!turn) return { kind: "idle" };
  if (stop) return { kind: "known" };
  return { kind: "asked", change: { facts: [fact(hand, "stop.requested", {})] } };
}

/** Runs that may work on one turn before it counts as failed: something in it kills them. */
export const runsPerTurn = 3;

export interface Start {
  readonly model: string;
  readonly base: CommitId;
  /** The prompt as the model is to read it. */
  readonly ask: (prompt: Prompt) => string;
  /** What else it reads with the prompt. */
  readonly references?: readonly Pick<Fields<"context.referenced">, "kind" | "ref">[];
  readonly visibility?: Visibility;
  /** What the prompt's turn may take. */
  readonly budgets?: (prompt: Prompt) => readonly TurnBudget[];
}

/** Starts the turn of the first waiting prompt; null when none waits or a turn is open. */
export function startTurn(hand: Hand, session: Session, start: Start): Change | null {
  const { model, base, ask, references = [], visibility, budgets = () => [] } = start;
  const prompt = session.queue.find(isWaiting);
  if (!prompt || session.turn || session.phase === "held") return null;
  const turn = session.usage.turns + 1;
  const limits = budgets(prompt);
  const more = { ...(visibility ? { visibility } : {}), ...(limits.length > 0 ? { budgets: [...limits] } : {}) };
  return {
    facts: [
      fact(hand, "turn.started", { turn, prompt: prompt.id, model, base, ...more }),
      ...references.map((referred) => fact(hand, "context.referenced", { turn, ...referred })),
      fact(hand, "message.added", { turn, step: 0, message: { role: "user", text: ask(prompt) } }),
    ],
  };
}

/**
 * Gives the session back; null while there is work left that its holder can do. Decided against the state that the swap
 * is made from, so a prompt that arrives meanwhile makes the swap fail and is seen.
 */
export function release(hand: Hand, session: Session, epoch: number, isLeft = hasWork): Change | null {
  if (isLeft(session)) return null;
  return { facts: [fact(hand, "lease.released", { epoch })] };
}

/** Why a session is given back although there is something left to do. */
export type Leaving = NonNullable<Fields<"lease.released">["why"]>;

/** Gives the session back with its work unfinished: another run goes on from what is saved. */
export function released(hand: Hand, epoch: number, why: Leaving): Fact {
  return fact(hand, "lease.released", { epoch, why });
}
