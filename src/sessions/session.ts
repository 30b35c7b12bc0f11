import { parse, stringify } from "smol-toml";
import * as v from "valibot";
import { commitIdSchema, eventIdSchema, sessionIdSchema } from "./ids.ts";
import { actorSchema, type Event, type EventOf, outcomeSchema, runSchema, sourceSchema } from "./journal.ts";

/** Version of the fold: a state written by another version is folded again from the journal. */
export const foldVersion = 1;

/** Closed prompts that the state remembers, so that an older comment is never queued again. */
const closedPromptsKept = 200;

const promptSchema = v.strictObject({
  id: eventIdSchema,
  status: v.picklist(["queued", "running", ...outcomeSchema.options]),
  source: sourceSchema,
  by: actorSchema,
  at: v.string(),
  turn: v.optional(v.number()),
  /** Kept while the prompt is open; the journal has it for good. */
  text: v.optional(v.string()),
});

const leaseSchema = v.strictObject({
  epoch: v.number(),
  holder: v.string(),
  taken_at: v.string(),
  run: v.optional(runSchema),
});

const effectSchema = v.strictObject({
  id: eventIdSchema,
  kind: v.picklist(["status", "pull_request", "answer"]),
  key: v.string(),
  thread: v.number(),
  done: v.boolean(),
  number: v.optional(v.number()),
  url: v.optional(v.string()),
});

const usageSchema = v.strictObject({
  turns: v.number(),
  steps: v.number(),
  input: v.number(),
  cached: v.number(),
  output: v.number(),
  reasoning: v.number(),
  duration_ms: v.number(),
  peak_rss_mb: v.number(),
});

const stateSchema = v.strictObject({
  fold: v.literal(foldVersion),
  seq: v.number(),
  session: sessionIdSchema,
  description: v.string(),
  project: v.string(),
  created_at: v.string(),
  last_accessed: v.string(),
  created_by: actorSchema,
  status: v.picklist(["active", "available", "retired"]),
  phase: v.picklist(["idle", "queued", "working"]),
  /** `provider:model[@effort]` of the last turn. */
  model: v.optional(v.string()),
  thread: v.optional(v.number()),
  /** The session's branch, without `refs/heads/`; it exists once `head` does. */
  branch: v.string(),
  own_branch: v.boolean(),
  base_branch: v.string(),
  base: commitIdSchema,
  /** Where the session left its branch. */
  head: v.optional(commitIdSchema),
  /** The last snapshot of the work tree in the open turn. */
  wip: v.optional(commitIdSchema),
  /** The last lease's epoch; a runner that finds a higher one than its own stops. */
  epoch: v.number(),
  /** Wake-ups for a lost run since a model last answered or a turn ended. */
  lost_runs: v.number(),
  genealogy: v.strictObject({ depth: v.number(), parent_session_id: v.optional(sessionIdSchema) }),
  context_status: v.strictObject({ is_compacted: v.boolean(), last_compacted_at: v.optional(v.string()) }),
  context: v.strictObject({ cut_commit: v.optional(commitIdSchema), appends_since_cut: v.number() }),
  usage: usageSchema,
  lease: v.optional(leaseSchema),
  turn: v.optional(
    v.strictObject({
      number: v.number(),
      prompt: eventIdSchema,
      /** What the turn's work stands on. */
      base: commitIdSchema,
      started_at: v.string(),
      model: v.string(),
      step: v.number(),
      /** How many runs have worked on it. */
      runs: v.number(),
      tokens: v.number(),
    }),
  ),
  queue: v.array(promptSchema),
  effects: v.array(effectSchema),
  tools: v.record(
    v.string(),
    v.strictObject({
      last_action_summary: v.string(),
      updated_at: v.string(),
      last_exit_code: v.optional(v.number()),
    }),
  ),
});

/** A session as its journal tells it: the fold over all events, kept beside them as `state.toml`. */
export type Session = v.InferOutput<typeof stateSchema>;
export type Prompt = v.InferOutput<typeof promptSchema>;
export type Lease = v.InferOutput<typeof leaseSchema>;
export type Effect = v.InferOutput<typeof effectSchema>;

/** The state after one append. Throws when the events cannot follow the state: that is a bug or a forged journal. */
export function fold(session: Session | null, append: readonly Event[]): Session {
  const folded = append.reduce<Session | null>(apply, session);
  if (!folded) throw new FoldError("a journal begins with session.opened");
  return { ...folded, context: { ...folded.context, appends_since_cut: folded.context.appends_since_cut + 1 } };
}

export class FoldError extends Error {
  override readonly name = "FoldError";
}

/** `state.toml`: the same session always gives the same bytes. */
export function formatState(session: Session): string {
  return `${stringify(v.parse(stateSchema, session))}\n`;
}

/** Reads `state.toml`; null when it is not a state of this fold's version, and the journal has to be folded again. */
export function parseState(text: string): Session | null {
  try {
    const parsed = v.safeParse(stateSchema, parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

function apply(session: Session | null, event: Event): Session {
  if (event.type === "session.opened") {
    if (session) throw new FoldError("session.opened stands inside a journal");
    return open(event);
  }
  if (!session) throw new FoldError(`a journal begins with session.opened, not ${event.type}`);
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
    effects: [],
    tools: {},
  };
}

type Later = Exclude<Event, { type: "session.opened" }>;

function change(session: Session, event: Later): Session {
  switch (event.type) {
    case "prompt.queued":
      return withPhase({ ...session, queue: [...session.queue, queued(event)] });
    case "wake.requested":
      return { ...session, lost_runs: session.lost_runs + (event.reason === "lost-run" ? 1 : 0) };
    case "lease.taken":
      return leaseTaken(session, event);
    case "lease.released":
      return without(session, "lease");
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
  if (event.epoch !== session.epoch + 1) throw new FoldError(`epoch ${event.epoch} cannot follow ${session.epoch}`);
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

function turnStarted(session: Session, event: EventOf<"turn.started">): Session {
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
  return withPhase({ ...ended, queue: forgetOldest(queue), usage, lost_runs: 0 });
}

function messageAdded(session: Session, event: EventOf<"message.added">): Session {
  const { turn, usage } = session;
  if (!turn) throw new FoldError("message.added outside a turn");
  const { tokens } = event;
  if (!tokens) return { ...session, turn: { ...turn, step: event.step } };
  return {
    ...session,
    lost_runs: 0,
    turn: { ...turn, step: event.step, tokens: turn.tokens + tokens.input + tokens.output },
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

function toolUsed(session: Session, event: Event, action: { summary: string; exit?: number }): Session {
  const provider = session.model?.split(":", 1)[0] ?? "unknown";
  const tool = {
    last_action_summary: action.summary.slice(0, 200),
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

/** Waiting for its turn: a prompt that runs or ended is not. */
export function isWaiting(prompt: Prompt): boolean {
  return prompt.status === "queued";
}

/** Whether a run has something to do here: a turn, a waiting prompt, or an effect that was planned and not done. */
export function hasWork({ phase, effects }: Session): boolean {
  return phase !== "idle" || effects.some(({ done, kind }) => !done && kind !== "status");
}

function isOpen(prompt: Prompt): boolean {
  return prompt.status === "queued" || prompt.status === "running";
}

function forgetOldest(queue: readonly Prompt[]): Prompt[] {
  const surplus = queue.filter((prompt) => !isOpen(prompt)).length - closedPromptsKept;
  const forgotten = new Set(queue.filter((prompt) => !isOpen(prompt)).slice(0, Math.max(0, surplus)));
  return queue.filter((prompt) => !forgotten.has(prompt));
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = value;
  return rest;
}
