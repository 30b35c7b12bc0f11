import { type Event, type EventOf, JournalError, type Stored } from "./journal.ts";
import { type Effect, foldVersion, isClosed, isWaiting, type Lease, type Prompt, type Session } from "./session.ts";
import { count, nothingSpent, plus as plusSpent, raised, settled, spentBy } from "./spending.ts";

/** Closed prompts that the state remembers. */
const closedPromptsKept = 200;
const wakesKept = 20;
/** Paths that the state remembers. */
const touchedKept = 500;

type Breakdown = Session["usage"]["breakdown"];

/** What happened cannot follow what happened before: a bug in whoever decided it, or a forged journal. */
export class FoldError extends Error {
  override readonly name = "FoldError";
  readonly seq: number;

  constructor({ seq, type }: Event, reason: string) {
    super(`${type} cannot stand here: ${reason}`);
    this.seq = seq;
  }
}

/** The state after one append. Throws {@link FoldError} when the events cannot follow the state. */
export function fold(session: Session | null, append: readonly Event[]): Session {
  const folded = append.reduce<Session | null>(apply, session);
  if (!folded) throw new Error("An append without events opens no session.");
  const { context } = folded;
  return { ...folded, context: { ...context, appends_since_cut: context.appends_since_cut + 1 } };
}

/** The state after all appends of a journal, oldest first; null without any. Throws {@link JournalError}. */
export function replay(journal: readonly Stored[]): Session | null {
  return journal.reduce<Session | null>((session, { commit, events }) => {
    try {
      return fold(session, events);
    } catch (error) {
      if (!(error instanceof FoldError)) throw error;
      throw new JournalError("illegal", { commit, line: error.seq - (session?.seq ?? 0), reason: error.message });
    }
  }, null);
}

function apply(session: Session | null, event: Event): Session {
  if (event.type === "session.opened") {
    if (session) throw new FoldError(event, "the session is open already");
    return open(event);
  }
  if (!session) throw new FoldError(event, "a journal begins with session.opened");
  if (session.status === "retired") throw new FoldError(event, "the session is retired");
  return { ...change(session, event), seq: event.seq, last_accessed: event.at };
}

const noUsage: Session["usage"] = {
  ...{
    turns: 0,
    steps: 0,
    input: 0,
    cached: 0,
    output: 0,
    reasoning: 0,
    cost_usd: 0,
    unpriced: 0,
    duration_ms: 0,
    peak_rss_mb: 0,
  },
  breakdown: { system: 0, tools: 0, history: 0, prompt: 0 },
};

function open(event: EventOf<"session.opened">): Session {
  return {
    fold: foldVersion,
    seq: event.seq,
    session: event.session,
    description: event.description,
    project: event.project,
    created_at: event.at,
    last_accessed: event.at,
    created_by: event.by,
    status: "active",
    phase: "idle",
    ...(event.thread === undefined ? {} : { thread: event.thread }),
    branch: event.branch.name,
    own_branch: event.branch.own,
    base_branch: event.branch.from,
    base: event.branch.base,
    ...(event.branch.own ? {} : { head: event.branch.base }),
    epoch: 0,
    lost_runs: 0,
    genealogy: { depth: event.depth, ...(event.parent ? { parent_session_id: event.parent } : {}) },
    context_status: { is_compacted: false },
    context: { appends_since_cut: 0 },
    usage: noUsage,
    spent: nothingSpent,
    touched: [],
    queue: [],
    forgotten_comment: 0,
    effects: [],
    tools: {},
  };
}

type Later = Exclude<Event, { type: "session.opened" }>;

function change(session: Session, event: Later): Session {
  switch (event.type) {
    case "prompt.queued":
      return promptQueued(session, event);
    case "budget.raised":
      return budgetRaised(session, event);
    case "wake.requested":
      return {
        ...without(session, "left"),
        wake: event.nonce,
        wakes: [...(session.wakes ?? []), event.nonce].slice(-wakesKept),
        lost_runs: session.lost_runs + (event.reason === "lost-run" ? 1 : 0),
      };
    case "lease.taken":
      return leaseTaken(session, event);
    case "token.granted":
      return tokenGranted(session, event);
    case "lease.renewed":
      return { ...session, lease: { ...held(session, event), until: event.until } };
    case "lease.released":
      return leaseReleased(session, event);
    case "stop.requested":
      return session.turn ? { ...session, stop: event.id } : session;
    case "journal.keyed":
      return keyed(session, event);
    case "turn.started":
      return turnStarted(session, event);
    case "turn.ended":
      return turnEnded(session, event);
    case "message.added":
      return messageAdded(session, event);
    case "command.ran":
      return toolUsed(session, event, { summary: `exec ${event.command.split("\n", 1)[0]}`, exit: event.exit_code });
    case "context.referenced":
    case "compaction.started":
    case "compaction.failed":
      return session;
    case "context.compacted":
      return compacted(session, event);
    case "session.reverted":
      return event.commit ? { ...session, head: event.commit } : session;
    case "session.resumed":
      return { ...session, thread: session.thread ?? event.thread };
    case "session.forked":
      return forked(session, event);
    case "session.deleted":
      return { ...session, deleted: event.reason };
    case "session.retired":
      return retired(session, event);
    case "file.read":
      return toolUsed(session, event, { summary: `read ${event.path}` });
    case "file.changed":
      return toolUsed(session, event, { summary: `${event.change} ${event.path}` });
    case "work.saved":
      return { ...session, wip: event.commit };
    case "checkpoint.made":
      return { ...session, head: event.commit };
    case "effect.planned":
      return { ...session, effects: [...session.effects, planned(event)] };
    case "effect.done":
      return { ...session, effects: session.effects.flatMap((effect) => done(effect, event)) };
  }
}

function promptQueued(session: Session, event: EventOf<"prompt.queued">): Session {
  const before = event.ahead ? session.queue.filter((prompt) => !isWaiting(prompt)) : session.queue;
  const after = event.ahead ? session.queue.filter(isWaiting) : [];
  const asked = { ...session, lost_runs: 0, queue: [...before, queued(event), ...after] };
  return withPhase({ ...asked, phase: "queued" });
}

function queued({ id, source, by, at, text, budget }: EventOf<"prompt.queued">): Prompt {
  return { id, status: "queued", source, by, at, text, ...(budget ? { budget } : {}) };
}

function budgetRaised(session: Session, event: EventOf<"budget.raised">): Session {
  if (!session.queue.some((prompt) => prompt.id === event.prompt && isWaiting(prompt))) {
    throw new FoldError(event, `prompt ${event.prompt} does not wait`);
  }
  return { ...session, ...raised(session, event) };
}

function leaseTaken(session: Session, event: EventOf<"lease.taken">): Session {
  if (event.epoch !== session.epoch + 1) throw new FoldError(event, `epoch ${session.epoch} was the last`);
  const { turn } = session;
  return {
    ...without(without(session, "left"), "wakes"),
    epoch: event.epoch,
    lease: {
      epoch: event.epoch,
      holder: event.holder,
      taken_at: event.at,
      ...(event.run ? { run: event.run } : {}),
      ...(event.until ? { until: event.until } : {}),
    },
    ...(turn ? { turn: { ...turn, runs: turn.runs + 1 } } : {}),
  };
}

function tokenGranted(session: Session, { at, proof: id, until }: EventOf<"token.granted">): Session {
  const good = (session.proofs ?? []).filter((proof) => Date.parse(proof.until) > Date.parse(at));
  return { ...session, proofs: [...good, { id, until }] };
}

/** A job's time is up for the longest of turns: that is no sign of something in it that kills runs. */
function leaseReleased(session: Session, event: EventOf<"lease.released">): Session {
  held(session, event);
  const { turn } = session;
  const { why } = event;
  const left = why && why !== "lost" ? { left: why } : {};
  const again = turn && why === "job-limit" ? { turn: { ...turn, runs: turn.runs - 1 } } : {};
  return { ...without(session, "lease"), ...left, ...again };
}

function held({ lease }: Session, event: EventOf<"lease.renewed" | "lease.released">): Lease {
  if (lease?.epoch !== event.epoch) throw new FoldError(event, `nobody holds epoch ${event.epoch}`);
  return lease;
}

/** Keys are the session's own, or those of the session that it was forked from. */
function keyed(session: Session, event: EventOf<"journal.keyed">): Session {
  const owner = session.keys?.ring.session ?? session.session;
  if (event.ring.session !== owner) throw new FoldError(event, `the keys are for session ${event.ring.session}`);
  return { ...session, keys: { since: session.keys?.since ?? event.seq, ring: event.ring } };
}

function compacted(session: Session, event: EventOf<"context.compacted">): Session {
  if (session.turn) throw new FoldError(event, `turn ${session.turn.number} is open`);
  return {
    ...session,
    ...count(session, event),
    status: "available",
    context_status: { is_compacted: true, last_compacted_at: event.at },
    context: { cut_commit: event.cut, appends_since_cut: event.since },
  };
}

/** A session of its own from here on: what is asked of the other one, and shown for it, stays with that one. */
function forked(session: Session, event: EventOf<"session.forked">): Session {
  if (session.session !== event.from) throw new FoldError(event, `this is session ${session.session}`);
  const { turn: _turn, lease: _lease, wip: _wip, stop: _stop, head: _head, thread: _thread, ...others } = session;
  const { raised: _raised, budgets: _budgets, ...kept } = others;
  return withPhase({
    ...kept,
    session: event.session,
    description: event.description,
    created_at: event.at,
    created_by: event.by,
    ...(event.thread === undefined ? {} : { thread: event.thread }),
    ...{ branch: event.branch.name, own_branch: event.branch.own },
    ...{ base_branch: event.branch.from, base: event.branch.base },
    genealogy: { depth: session.genealogy.depth, parent_session_id: event.from },
    lost_runs: 0,
    spent: nothingSpent,
    queue: session.queue.filter(isClosed),
    effects: [],
  });
}

function retired(session: Session, event: EventOf<"session.retired">): Session {
  if (session.turn) throw new FoldError(event, `turn ${session.turn.number} is open`);
  if (session.lease) throw new FoldError(event, `${session.lease.holder} holds the session`);
  return { ...session, status: "retired" };
}

function turnStarted(session: Session, event: EventOf<"turn.started">): Session {
  if (session.turn) throw new FoldError(event, `turn ${session.turn.number} has not ended`);
  if (!session.queue.some(({ id, status }) => id === event.prompt && status === "queued")) {
    throw new FoldError(event, `prompt ${event.prompt} does not wait`);
  }
  const turn = {
    number: event.turn,
    prompt: event.prompt,
    base: event.base,
    started_at: event.at,
    model: event.model,
    step: 0,
    runs: 1,
    ...nothingSpent,
  };
  const queue = session.queue.map((prompt) =>
    prompt.id === event.prompt ? { ...prompt, status: "running" as const, turn: event.turn } : prompt,
  );
  const { budgets: _, ...kept } = session;
  const budgets = event.budgets ? { budgets: event.budgets } : {};
  return withPhase({ ...kept, ...budgets, status: "active", turn, queue, model: event.model });
}

function turnEnded(session: Session, event: EventOf<"turn.ended">): Session {
  openTurn(session, event);
  const queue = session.queue.map((prompt) => (prompt.id === event.prompt ? closed(prompt, event.outcome) : prompt));
  const usage = {
    ...session.usage,
    turns: session.usage.turns + 1,
    duration_ms: session.usage.duration_ms + event.duration_ms,
    peak_rss_mb: Math.max(session.usage.peak_rss_mb, event.peak_rss_mb),
    breakdown: event.usage ? plus(session.usage.breakdown, event.usage) : session.usage.breakdown,
  };
  const ended = without(without(without(session, "turn"), "wip"), "stop");
  const touched = lastTouched(session.touched, event.files ?? []);
  // What was asked after the stop is somebody asking again.
  const askedAgain = session.queue.some((prompt) => isWaiting(prompt) && session.stop && prompt.id > session.stop);
  const isHeld = event.budget !== undefined || (event.outcome === "stopped" && !askedAgain);
  const phase = isHeld ? ("held" as const) : ("queued" as const);
  return withPhase(forgetOldest({ ...ended, ...settled(session), queue, usage, touched, lost_runs: 0, phase }));
}

function closed(prompt: Prompt, status: EventOf<"turn.ended">["outcome"]): Prompt {
  return { ...without(without(without(prompt, "text"), "budget"), "raises"), status };
}

function plus(one: Breakdown, other: Breakdown): Breakdown {
  return {
    system: one.system + other.system,
    tools: one.tools + other.tools,
    history: one.history + other.history,
    prompt: one.prompt + other.prompt,
  };
}

function lastTouched(before: readonly string[], now: readonly string[]): string[] {
  return [...before.filter((path) => !now.includes(path)), ...now].slice(-touchedKept);
}

function messageAdded(session: Session, event: EventOf<"message.added">): Session {
  const turn = { ...openTurn(session, event), step: event.step };
  const { tokens } = event;
  if (!tokens) return { ...session, turn };
  const reply = { ...event, tokens };
  const { usage, spent } = count(session, reply);
  return {
    ...(event.reply ? replied(session, { ...event, reply: event.reply }) : session),
    lost_runs: 0,
    turn: { ...turn, ...plusSpent(turn, spentBy(reply)) },
    usage: { ...usage, steps: usage.steps + 1 },
    spent,
  };
}

function openTurn({ turn }: Session, event: EventOf<"message.added" | "turn.ended">): NonNullable<Session["turn"]> {
  if (turn?.number !== event.turn) throw new FoldError(event, `turn ${event.turn} is not open`);
  return turn;
}

/** Who answered, as `state.toml` names it under `tools`. */
function providerOf({ model }: Session): string {
  return model?.split(":", 1)[0] ?? "unknown";
}

function replied(session: Session, { at, reply }: { at: string; reply: string }): Session {
  const provider = providerOf(session);
  const before = session.tools[provider] ?? { last_action_summary: "answered" };
  return {
    ...session,
    tools: { ...session.tools, [provider]: { ...before, updated_at: at, provider_session_id: reply } },
  };
}

function toolUsed(session: Session, event: Event, action: { summary: string; exit?: number }): Session {
  const provider = providerOf(session);
  const tool = {
    ...session.tools[provider],
    last_action_summary: action.summary.slice(0, 200).toWellFormed(),
    updated_at: event.at,
    ...(action.exit === undefined ? {} : { last_exit_code: action.exit }),
  };
  return { ...session, tools: { ...session.tools, [provider]: tool } };
}

function planned(event: EventOf<"effect.planned">): Effect {
  return { id: event.id, kind: event.kind, key: event.key, thread: event.thread, done: false };
}

/** Answers are one a turn and never touched again, so a posted one is left to the journal. */
function done(effect: Effect, event: EventOf<"effect.done">): Effect[] {
  if (effect.id !== event.effect) return [effect];
  if (effect.kind === "answer") return [];
  const { number, url, node } = event;
  return [{ ...effect, done: true, number, url, ...(node === undefined ? {} : { node }) }];
}

function withPhase(session: Session): Session {
  if (session.turn) return { ...session, phase: "working" };
  if (!session.queue.some(isWaiting)) return { ...session, phase: "idle" };
  return { ...session, phase: session.phase === "held" ? "held" : "queued" };
}

function forgetOldest(session: Session): Session {
  const closed = session.queue.filter(isClosed);
  const forgotten = new Set(closed.slice(0, Math.max(0, closed.length - closedPromptsKept)));
  const comments = [...forgotten].flatMap(({ source }) => (source.kind === "comment" ? [Number(source.id)] : []));
  return {
    ...session,
    queue: session.queue.filter((prompt) => !forgotten.has(prompt)),
    forgotten_comment: Math.max(session.forgotten_comment, ...comments.filter(Number.isSafeInteger)),
  };
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = value;
  return rest;
}
