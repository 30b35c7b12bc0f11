import { parse, stringify } from "smol-toml";
import * as v from "valibot";
import { commitIdSchema, eventIdSchema, sessionIdSchema } from "./ids.ts";
import { actorSchema, amountSchema, outcomeSchema, runSchema, sourceSchema, turnBudgetSchema } from "./journal.ts";
import { keyRingSchema } from "./secrets/journal-keys.ts";

/** Version of the fold: a state written by another version is folded again from the journal. */
export const foldVersion = 3;

const promptSchema = v.strictObject({
  id: eventIdSchema,
  status: v.picklist(["queued", "running", ...outcomeSchema.options]),
  source: sourceSchema,
  by: actorSchema,
  at: v.string(),
  turn: v.optional(v.number()),
  /** Kept while the prompt is open; the journal has it for good. */
  text: v.optional(v.string()),
  /** What its turn may take, in place of what is configured. */
  budget: v.optional(amountSchema),
  /** The budget may be used up whatever other budgets are reached. */
  raises: v.optional(v.literal(true)),
});

const spentSchema = v.strictObject({ tokens: v.number(), usd: v.number() });

const leaseSchema = v.strictObject({
  epoch: v.number(),
  holder: v.string(),
  taken_at: v.string(),
  run: v.optional(runSchema),
  /** For a holder without a run: void from then on, unless renewed. */
  until: v.optional(v.string()),
});

const effectSchema = v.strictObject({
  id: eventIdSchema,
  kind: v.picklist(["status", "pull_request", "answer"]),
  key: v.string(),
  thread: v.number(),
  done: v.boolean(),
  number: v.optional(v.number()),
  url: v.optional(v.string()),
  node: v.optional(v.string()),
});

export const usageSchema = v.strictObject({
  turns: v.number(),
  steps: v.number(),
  input: v.number(),
  cached: v.number(),
  output: v.number(),
  reasoning: v.number(),
  /** What is known of the cost in US dollars, and the tokens whose price was not known. */
  cost_usd: v.number(),
  unpriced: v.number(),
  duration_ms: v.number(),
  peak_rss_mb: v.number(),
  /** What the input was made of, estimated by length. */
  breakdown: v.strictObject({ system: v.number(), tools: v.number(), history: v.number(), prompt: v.number() }),
});

export const statusSchema = v.picklist(["active", "available", "retired"]);
export const phaseSchema = v.picklist(["idle", "queued", "held", "working"]);

const stateSchema = v.strictObject({
  fold: v.literal(foldVersion),
  seq: v.number(),
  session: sessionIdSchema,
  description: v.string(),
  project: v.string(),
  created_at: v.string(),
  last_accessed: v.string(),
  created_by: actorSchema,
  /** `available`: its context is compacted, and no turn has run since. */
  status: statusSchema,
  /** `held`: prompts wait, and after a stop or at a budget none starts before somebody asks again. */
  phase: phaseSchema,
  /** Somebody wants the open turn to end. */
  stop: v.optional(eventIdSchema),
  deleted: v.optional(v.picklist(["deleted", "purged"])),
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
  /** Wake-ups for a lost run since a person last asked, a model last answered, or a turn last ended. */
  lost_runs: v.number(),
  /** The nonce of the last wake-up that was asked for. */
  wake: v.optional(v.string()),
  /** The nonces of all that were asked for since a run last took the session: any of them may be the one that comes. */
  wakes: v.optional(v.array(v.string())),
  genealogy: v.strictObject({ depth: v.number(), parent_session_id: v.optional(sessionIdSchema) }),
  context_status: v.strictObject({ is_compacted: v.boolean(), last_compacted_at: v.optional(v.string()) }),
  /** Turns read the appends since the cut and none before them. */
  context: v.strictObject({ cut_commit: v.optional(commitIdSchema), appends_since_cut: v.number() }),
  /** Wrapped keys of what is sealed in the journal; from the event `since` on, what runs append is signed. */
  keys: v.optional(v.strictObject({ since: v.number(), ring: keyRingSchema })),
  usage: usageSchema,
  /** What the session's budgets are held against; a fork begins at nothing. */
  spent: v.strictObject({
    ...spentSchema.entries,
    /** The last day, by UTC, on which it used anything. */
    day: v.optional(v.strictObject({ date: v.string(), ...spentSchema.entries })),
  }),
  /** By how much people have raised the session's budget. */
  raised: v.optional(spentSchema),
  /** Of the last turn; while it is open, what it takes itself is not in them. */
  budgets: v.optional(v.array(turnBudgetSchema)),
  lease: v.optional(leaseSchema),
  /** What runs have shown of their identity, until it would be good no longer. */
  proofs: v.optional(v.array(v.strictObject({ id: v.string(), until: v.string() }))),
  /** Why the last run gave the session back with something left to do, until another run is asked for. */
  left: v.optional(v.picklist(["job-limit", "cancelled"])),
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
      ...spentSchema.entries,
    }),
  ),
  /** Paths that the session's commits changed, the last 500. */
  touched: v.array(v.string()),
  /** Open prompts and the last closed ones. */
  queue: v.array(promptSchema),
  /** The highest id of a comment whose prompt has left the queue; no comment up to it is queued again. */
  forgotten_comment: v.number(),
  effects: v.array(effectSchema),
  tools: v.record(
    v.string(),
    v.strictObject({
      last_action_summary: v.string(),
      updated_at: v.string(),
      last_exit_code: v.optional(v.number()),
      /** The provider's own id of the last reply. */
      provider_session_id: v.optional(v.string()),
    }),
  ),
});

/** What a list tells of a session; in `state.toml` all of it stands before the queue, the effects and the tools. */
const headSchema = v.object(
  v.pick(stateSchema, [
    ...(["fold", "seq", "session", "description", "created_at", "last_accessed", "created_by", "status"] as const),
    ...(["phase", "model", "thread", "branch", "genealogy", "usage", "spent", "touched"] as const),
  ]).entries,
);

export type Head = v.InferOutput<typeof headSchema>;

/** A session as its journal tells it: the fold over all events, kept beside them as `state.toml`. */
export type Session = v.InferOutput<typeof stateSchema>;
export type Prompt = v.InferOutput<typeof promptSchema>;
export type Lease = v.InferOutput<typeof leaseSchema>;
export type Effect = v.InferOutput<typeof effectSchema>;

/** `state.toml`: the same session always gives the same bytes. */
export function formatState(session: Session): string {
  return stringify(v.parse(stateSchema, session));
}

/** Reads `state.toml`; null when it is not a state of this fold's version, and the journal has to be folded again. */
export function parseState(text: string): Session | null {
  const parsed = v.safeParse(stateSchema, parseToml(text));
  return parsed.success ? parsed.output : null;
}

/** Reads of `state.toml` what a list tells, in half the time that all of it takes; null as for {@link parseState}. */
export function parseHead(text: string): Head | null {
  const end = text.search(/^(?:\[\[(?:queue|effects)\]\]|\[tools)/m);
  const parsed = v.safeParse(headSchema, parseToml(end < 0 ? text : text.slice(0, end)));
  return parsed.success ? parsed.output : null;
}

function parseToml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** Waiting for its turn: a prompt that runs or ended is not. */
export function isWaiting(prompt: Prompt): boolean {
  return prompt.status === "queued";
}

/** Its turn has ended, or it will never have one. */
export function isClosed(prompt: Prompt): boolean {
  return prompt.status !== "queued" && prompt.status !== "running";
}

/** The issue or pull request on which a prompt was asked; null for a terminal's. */
export function threadOf({ source }: Pick<Prompt, "source">): number | null {
  return source.kind === "terminal" ? null : source.thread;
}

/** The pull request of the session's work, or, without a number, where a person opens it; undefined: there is none. */
export function pullRequestOf({ effects }: Pick<Session, "effects">): Effect | undefined {
  return effects.findLast(({ kind, done }) => kind === "pull_request" && done);
}

/** Whether a turn is open, or a prompt waits for one. */
export function hasTurns({ phase }: Session): boolean {
  return phase === "queued" || phase === "working";
}

/** Whether a run has something to do here: turns, or an effect that was planned and not done. */
export function hasWork(session: Session): boolean {
  return hasTurns(session) || session.effects.some(({ done, kind }) => !done && kind !== "status");
}
