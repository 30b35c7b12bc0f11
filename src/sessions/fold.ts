import { type Event, type EventOf, JournalError, type Stored } from "./journal.ts";
import { type Effect, foldVersion, isClosed, isWaiting, type Prompt, type Session } from "./session.ts";

/** Closed prompts that the state remembers. */
const closedPromptsKept = 200;

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
  return { ...change(session, event), seq: event.seq, last_accessed: event.at };
}

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
    genealogy: { depth: event.depth },
    context_status: { is_compacted: false },
    context: { appends_since_cut: 0 },
    usage: { turns: 0, steps: 0, input: 0, cached: 0, output: 0, reasoning: 0, duration_ms: 0, peak_rss_mb: 0 },
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
      return withPhase({ ...session, lost_runs: 0, queue: [...session.queue, queued(event)] });
    case "wake.requested":
      return {
        ...session,
        wake: event.nonce,
        lost_runs: session.lost_runs + (event.reason === "lost-run" ? 1 : 0),
      };
    case "lease.taken":
      return leaseTaken(session, event);
    case "lease.released":
      return leaseReleased(session, event);
    case "turn.started":
      return turnStarted(session, event);
    case "turn.ended":
      return turnEnded(session, event);
    case "message.added":
      return messageAdded(session, event);
    case "command.ran":
      return toolUsed(session, event, { summary: `exec ${event.command.split("\n", 1)[0]}`, exit: event.exit_code });
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

function queued(event: EventOf<"prompt.queued">): Prompt {
  return { id: event.id, status: "queued", source: event.source, by: event.by, at: event.at, text: event.text };
}

function leaseTaken(session: Session, event: EventOf<"lease.taken">): Session {
  if (event.epoch !== session.epoch + 1) throw new FoldError(event, `epoch ${session.epoch} was the last`);
  const { turn } = session;
  return {
    ...session,
    epoch: event.epoch,
    lease: {
      epoch: event.epoch,
      holder: event.holder,
      taken_at: event.at,
      ...(event.run ? { run: event.run } : {}),
    },
    ...(turn ? { turn: { ...turn, runs: turn.runs + 1 } } : {}),
  };
}

function leaseReleased(session: Session, event: EventOf<"lease.released">): Session {
  if (session.lease?.epoch !== event.epoch) throw new FoldError(event, `nobody holds epoch ${event.epoch}`);
  return without(session, "lease");
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
    tokens: 0,
  };
  const queue = session.queue.map((prompt) =>
    prompt.id === event.prompt ? { ...prompt, status: "running" as const, turn: event.turn } : prompt,
  );
  return withPhase({ ...session, turn, queue, model: event.model });
}

function turnEnded(session: Session, event: EventOf<"turn.ended">): Session {
  openTurn(session, event);
  const queue = session.queue.map((prompt) =>
    prompt.id === event.prompt ? { ...without(prompt, "text"), status: event.outcome } : prompt,
  );
  const usage = {
    ...session.usage,
    turns: session.usage.turns + 1,
    duration_ms: session.usage.duration_ms + event.duration_ms,
    peak_rss_mb: Math.max(session.usage.peak_rss_mb, event.peak_rss_mb),
  };
  const ended = without(without(session, "turn"), "wip");
  return withPhase(forgetOldest({ ...ended, queue, usage, lost_runs: 0 }));
}

function messageAdded(session: Session, event: EventOf<"message.added">): Session {
  const turn = { ...openTurn(session, event), step: event.step };
  const { tokens } = event;
  if (!tokens) return { ...session, turn };
  const { usage } = session;
  return {
    ...session,
    lost_runs: 0,
    turn: { ...turn, tokens: turn.tokens + tokens.input + tokens.output },
    usage: {
      ...usage,
      steps: usage.steps + 1,
      input: usage.input + tokens.input,
      cached: usage.cached + tokens.cached,
      output: usage.output + tokens.output,
      reasoning: usage.reasoning + tokens.reasoning,
    },
  };
}

function openTurn({ turn }: Session, event: EventOf<"message.added" | "turn.ended">): NonNullable<Session["turn"]> {
  if (turn?.number !== event.turn) throw new FoldError(event, `turn ${event.turn} is not open`);
  return turn;
}

function toolUsed(session: Session, event: Event, action: { summary: string; exit?: number }): Session {
  const provider = session.model?.split(":", 1)[0] ?? "unknown";
  const tool = {
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
  return effect.kind === "answer" ? [] : [{ ...effect, done: true, number: event.number, url: event.url }];
}

function withPhase(session: Session): Session {
  if (session.turn) return { ...session, phase: "working" };
  return { ...session, phase: session.queue.some(isWaiting) ? "queued" : "idle" };
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
