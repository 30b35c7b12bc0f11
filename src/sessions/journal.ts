import * as v from "valibot";
import { budgetLevels } from "./budget.ts";
import { type CommitId, commitIdSchema, eventIdSchema, sessionIdSchema } from "./ids.ts";
import { messageSchema, tokensSchema } from "./message.ts";
import { keyRingSchema } from "./secrets/journal-keys.ts";

const integer = v.pipe(v.number(), v.integer());
const count = v.pipe(integer, v.minValue(0));
const ordinal = v.pipe(integer, v.minValue(1));

const person = v.strictObject({ login: v.string(), id: integer });

export const actorSchema = v.strictObject({
  kind: v.picklist(["user", "app", "agent", "ci"]),
  ...person.entries,
  /** For delegated work: the person on whose behalf it happens. */
  for: v.optional(person),
});

/** Where a prompt came from. `id` is unique per kind, so that the same source is never queued twice. */
export const sourceSchema = v.variant("kind", [
  v.strictObject({ kind: v.picklist(["comment", "label"]), id: v.string(), thread: ordinal, url: v.string() }),
  v.strictObject({ kind: v.literal("terminal"), id: v.string(), host: v.string() }),
]);

export const runSchema = v.strictObject({ id: count, attempt: count, url: v.string() });

export const outcomeSchema = v.picklist(["done", "stopped", "failed", "limit", "refused"]);

/** What the agent and the runner keep readable for whom; the configuration's word. */
export const visibilitySchema = v.picklist(["full", "sealed", "summary"]);

export const branchSchema = v.strictObject({
  name: v.string(),
  /** False where the session works on a branch that was there before it: a pull request's own. */
  own: v.boolean(),
  from: v.string(),
  base: commitIdSchema,
});

/** A turn's tokens as the provider counted them, and what the input was made of: an estimate by length. */
export const turnUsageSchema = v.strictObject({
  ...tokensSchema.entries,
  system: count,
  tools: count,
  history: count,
  prompt: count,
});

const usd = v.pipe(v.number(), v.minValue(0));
/** US dollars by the prices of that moment; absent where they were not known. */
const cost = v.optional(usd);

/** Tokens, in and out, or US dollars: one of them. */
export const amountSchema = v.strictObject({ tokens: v.optional(ordinal), usd: v.optional(v.pipe(usd, v.gtValue(0))) });

const budgetLevelSchema = v.picklist(budgetLevels);

/** What a turn may bring a level to, where that is limited, and what was used there when it began. */
export const turnBudgetSchema = v.strictObject({
  level: budgetLevelSchema,
  ...amountSchema.entries,
  used_tokens: count,
  used_usd: usd,
});

/** What a shell runs; absent for bash. */
const program = v.optional(v.picklist(["python3", "zsh"]));

/** Exported variables of a shell, against its start. */
const envChange = v.strictObject({ set: v.record(v.string(), v.string()), unset: v.array(v.string()) });

export const problemSchema = v.strictObject({ kind: v.string(), message: v.string(), remedy: v.string() });

const head = {
  v: v.literal(1),
  seq: ordinal,
  id: eventIdSchema,
  at: v.pipe(v.string(), v.isoTimestamp()),
  by: actorSchema,
};

const event = <const T extends string, E extends v.ObjectEntries>(type: T, entries: E) =>
  v.strictObject({ ...head, type: v.literal(type), ...entries });

const step = { turn: count, step: count };

const events = [
  event("session.opened", {
    session: sessionIdSchema,
    project: v.string(),
    description: v.string(),
    thread: v.optional(ordinal),
    branch: branchSchema,
    depth: count,
    /** The session in whose work this one was opened; `depth` is its plus one. */
    parent: v.optional(sessionIdSchema),
    task: v.optional(v.strictObject({ thread: ordinal, text_hash: v.string() })),
  }),
  event("prompt.queued", {
    source: sourceSchema,
    text: v.string(),
    /** In place of the configured budget of its turn. */
    budget: v.optional(amountSchema),
    /** Before the prompts that wait: it goes on with what was interrupted. */
    ahead: v.optional(v.literal(true)),
  }),
  /** The session's budget grows, and the prompt's turn may use as much whatever other budgets are reached. */
  event("budget.raised", { prompt: eventIdSchema, ...amountSchema.entries }),
  /** `continued`: the last run gave the session back in order before its turn had ended. */
  event("wake.requested", { nonce: v.string(), reason: v.picklist(["prompt", "lost-run", "continued"]) }),
  event("lease.taken", {
    epoch: count,
    holder: v.string(),
    run: v.optional(runSchema),
    /** Without a platform's run to ask: when the lease ends, unless it is renewed. */
    until: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  }),
  /** The app has given the run a token for the identity that it showed; `proof` stands for that, which is good once. */
  event("token.granted", { run: runSchema.entries.id, proof: v.string(), until: v.string() }),
  event("lease.renewed", { epoch: count, until: v.pipe(v.string(), v.isoTimestamp()) }),
  /** `why`: there is something left to do. A `lost` run did not give it back itself; whoever found that out did. */
  event("lease.released", { epoch: count, why: v.optional(v.picklist(["job-limit", "cancelled", "lost"])) }),
  event("stop.requested", {}),
  event("journal.keyed", { ring: keyRingSchema }),
  event("turn.started", {
    turn: count,
    prompt: eventIdSchema,
    model: v.string(),
    base: commitIdSchema,
    /** How this turn is written down; absent: in full. */
    visibility: v.optional(visibilitySchema),
    budgets: v.optional(v.array(turnBudgetSchema)),
  }),
  event("context.referenced", { turn: count, kind: v.picklist(["thread"]), ref: v.string() }),
  event("turn.ended", {
    turn: count,
    prompt: eventIdSchema,
    outcome: outcomeSchema,
    answer: v.string(),
    problem: v.optional(problemSchema),
    /** The commit that the turn left on the session's branch; absent where it wrote nothing. */
    commit: v.optional(commitIdSchema),
    /** What a person should know beside the answer, e.g. that someone moved the branch. */
    notices: v.array(v.string()),
    duration_ms: count,
    peak_rss_mb: count,
    /** Paths that the turn's commit changes, the first 500. */
    files: v.optional(v.array(v.string())),
    usage: v.optional(turnUsageSchema),
    /** Of all its replies. */
    cost_usd: cost,
    /** The budget that ended it. */
    budget: v.optional(budgetLevelSchema),
  }),
  event("message.added", {
    ...step,
    message: messageSchema,
    tokens: v.optional(tokensSchema),
    cost_usd: cost,
    /** The provider's own id of its reply. */
    reply: v.optional(v.string()),
  }),
  event("file.read", { ...step, path: v.string() }),
  event("file.changed", { ...step, path: v.string(), change: v.picklist(["created", "edited"]), bytes: count }),
  event("command.ran", {
    ...step,
    shell: v.string(),
    program,
    command: v.string(),
    exit_code: integer,
    ms: count,
    cwd: v.string(),
    env: v.optional(envChange),
    stdout_bytes: count,
    stderr_bytes: count,
    /** Folder entries of `output/` in this append that hold what was too long for the message. */
    spilled: v.optional(v.array(v.string())),
  }),
  event("work.saved", { ...step, commit: commitIdSchema }),
  /** A note on where the session left its branch: with the turn's end, or later by hand, with a `label`. */
  event("checkpoint.made", { turn: count, commit: commitIdSchema, label: v.optional(v.string()) }),
  /** The holder of the session asks a model for a summary; `hint` is what a person wants to find in it. */
  event("compaction.started", { model: v.string(), hint: v.optional(v.string()) }),
  /** There is no summary, and nothing else has changed. */
  event("compaction.failed", { problem: problemSchema }),
  event("context.compacted", {
    /** The last append that the summary tells of, and how many others came between it and this one. */
    cut: commitIdSchema,
    since: count,
    model: v.string(),
    summary: v.string(),
    /** The shells as they were, for the turns to come. */
    shells: v.record(
      v.string(),
      v.strictObject({
        cwd: v.string(),
        env: envChange,
        executions: count,
        last_exit_code: v.nullable(integer),
        program,
      }),
    ),
    /** Tokens of the context before and after, estimated by length, and what making the summary took. */
    before: count,
    after: count,
    tokens: tokensSchema,
    cost_usd: cost,
  }),
  /** A turn is taken back: its words leave the context, its change the branch, by a `commit` where anything of it was there. */
  event("session.reverted", { turn: ordinal, commit: v.optional(commitIdSchema) }),
  event("session.resumed", { thread: ordinal }),
  event("session.forked", {
    session: sessionIdSchema,
    from: sessionIdSchema,
    /** The last turn that the fork has; 0 for none. */
    turn: count,
    branch: branchSchema,
    description: v.string(),
    thread: v.optional(ordinal),
  }),
  event("session.deleted", { reason: v.picklist(["deleted", "purged"]) }),
  event("session.retired", {}),
  event("effect.planned", {
    kind: v.picklist(["status", "pull_request", "answer"]),
    /** Unique per kind and session: the thread, the branch, or the turn. */
    key: v.string(),
    thread: count,
  }),
  event("effect.done", {
    effect: eventIdSchema,
    number: count,
    url: v.string(),
    /** The platform's other id of what was written. */
    node: v.optional(v.string()),
  }),
] as const;

/** One line of a journal. The JSON Schema in `docs/schemas` is made from this. */
export const eventSchema = v.variant("type", events, (issue) => `unknown event type ${issue.received}`);

export type Event = v.InferOutput<typeof eventSchema>;
export type EventType = Event["type"];
export type EventOf<T extends EventType> = Extract<Event, { type: T }>;
export type Actor = v.InferOutput<typeof actorSchema>;
export type PromptSource = v.InferOutput<typeof sourceSchema>;
/** On an issue or pull request. */
export type ThreadSource = Extract<PromptSource, { readonly thread: number }>;
export type Run = v.InferOutput<typeof runSchema>;
export type Outcome = v.InferOutput<typeof outcomeSchema>;
export type Problem = v.InferOutput<typeof problemSchema>;
export type Visibility = v.InferOutput<typeof visibilitySchema>;
export type TurnUsage = v.InferOutput<typeof turnUsageSchema>;
export type TurnBudget = v.InferOutput<typeof turnBudgetSchema>;
export type Branch = v.InferOutput<typeof branchSchema>;

/** One append of a session's chain, and the commit that holds it. */
export interface Stored {
  readonly commit: CommitId;
  readonly events: readonly Event[];
}

type Unnumbered<E> = E extends Event ? Omit<E, "v" | "seq"> : never;
/** An event before its append: `seq` is assigned at the swap, the id stays the same however often it is tried. */
export type Fact = Unnumbered<Event>;

/**
 * `malformed`: not an event; `gap`: not the next `seq`; `illegal`: cannot follow what came before it; `forged`: not what
 * its signature says.
 */
type Corruption = "malformed" | "gap" | "illegal" | "forged";

export class JournalError extends Error {
  override readonly name = "JournalError";
  readonly kind: Corruption;
  readonly commit: CommitId;
  readonly line: number;

  constructor(kind: Corruption, at: { commit: CommitId; line: number; reason: string }) {
    super(
      `The journal is corrupt at commit ${at.commit}, line ${at.line} of events.jsonl: ${at.reason}. ` +
        "Nothing was changed. Look at it with `git show " +
        `${at.commit}:events.jsonl\`, and move the session's ref back to the last good commit to continue from there.`,
    );
    this.kind = kind;
    this.commit = at.commit;
    this.line = at.line;
  }
}

/** Gives facts their place in the chain, from `after + 1` on. */
export function number(facts: readonly Fact[], after: number): Event[] {
  return facts.map((fact, index) => v.parse(eventSchema, { v: 1, seq: after + 1 + index, ...fact }));
}

/** One event a line, `v` and `seq` first. */
export function encode(events: readonly Event[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}

/**
 * Reads one append strictly; `after` is the `seq` before it.
 * Throws {@link JournalError} at the first malformed line, unknown type, or gap: nothing is skipped.
 */
export function decode(text: string, at: { commit: CommitId; after: number }): Event[] {
  const { commit, after } = at;
  const lines = text.split("\n");
  const rest = lines.pop();
  if (rest) throw new JournalError("malformed", { commit, line: lines.length + 1, reason: "torn last line" });
  if (lines.length === 0) {
    throw new JournalError("malformed", { commit, line: 1, reason: "an append without events" });
  }
  return lines.map((line, index) => decodeLine(line, { commit, line: index + 1, seq: after + 1 + index }));
}

function decodeLine(text: string, at: { commit: CommitId; line: number; seq: number }): Event {
  const parsed = parseEvent(text);
  if (!parsed.ok) throw new JournalError("malformed", { ...at, reason: parsed.reason });
  const { event } = parsed;
  if (event.seq !== at.seq) {
    throw new JournalError("gap", { ...at, reason: `seq is ${event.seq} where ${at.seq} must follow` });
  }
  return event;
}

/** Reads one line of a journal by itself, wherever it stands. */
export function parseEvent(text: string): { ok: true; event: Event } | { ok: false; reason: string } {
  const json = parseJson(text);
  if (json === undefined) return { ok: false, reason: "not JSON" };
  const parsed = v.safeParse(eventSchema, json);
  if (parsed.success) return { ok: true, event: parsed.output };
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue);
  return { ok: false, reason: path ? `${path}: ${issue.message}` : issue.message };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
