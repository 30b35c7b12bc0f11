import * as v from "valibot";
import { type CommitId, commitIdSchema, eventIdSchema, sessionIdSchema } from "./ids.ts";
import { messageSchema, tokensSchema } from "./message.ts";

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
export const sourceSchema = v.strictObject({
  kind: v.picklist(["comment", "label"]),
  id: v.string(),
  thread: ordinal,
  url: v.string(),
});

export const runSchema = v.strictObject({ id: count, attempt: count, url: v.string() });

export const outcomeSchema = v.picklist(["done", "stopped", "failed", "limit", "refused"]);

const problem = v.strictObject({ kind: v.string(), message: v.string(), remedy: v.string() });

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
    branch: v.strictObject({
      name: v.string(),
      /** False where the session works on a branch that was there before it: a pull request's own. */
      own: v.boolean(),
      from: v.string(),
      base: commitIdSchema,
    }),
    depth: count,
    task: v.optional(v.strictObject({ thread: ordinal, text_hash: v.string() })),
  }),
  event("prompt.queued", { source: sourceSchema, text: v.string() }),
  event("wake.requested", { nonce: v.string(), reason: v.picklist(["prompt", "lost-run"]) }),
  event("lease.taken", { epoch: count, holder: v.string(), run: v.optional(runSchema) }),
  event("lease.released", { epoch: count }),
  event("turn.started", { turn: count, prompt: eventIdSchema, model: v.string(), base: commitIdSchema }),
  event("turn.ended", {
    turn: count,
    prompt: eventIdSchema,
    outcome: outcomeSchema,
    answer: v.string(),
    problem: v.optional(problem),
    /** The commit that the turn left on the session's branch; absent where it wrote nothing. */
    commit: v.optional(commitIdSchema),
    /** What a person should know beside the answer, e.g. that someone moved the branch. */
    notices: v.array(v.string()),
    duration_ms: count,
    peak_rss_mb: count,
  }),
  event("message.added", { ...step, message: messageSchema, tokens: v.optional(tokensSchema) }),
  event("file.read", { ...step, path: v.string() }),
  event("file.changed", { ...step, path: v.string(), change: v.picklist(["created", "edited"]), bytes: count }),
  event("command.ran", {
    ...step,
    shell: v.string(),
    command: v.string(),
    exit_code: integer,
    ms: count,
    cwd: v.string(),
    /** What changed in the shell's exported variables, against its start. */
    env: v.optional(v.strictObject({ set: v.record(v.string(), v.string()), unset: v.array(v.string()) })),
    stdout_bytes: count,
    stderr_bytes: count,
    /** Folder entries of `output/` in this append that hold what was too long for the message. */
    spilled: v.optional(v.array(v.string())),
  }),
  event("work.saved", { ...step, commit: commitIdSchema }),
  event("checkpoint.made", { turn: count, commit: commitIdSchema }),
  event("effect.planned", {
    kind: v.picklist(["status", "pull_request", "answer"]),
    /** Unique per kind and session: the thread, the branch, or the turn. */
    key: v.string(),
    thread: count,
  }),
  event("effect.done", { effect: eventIdSchema, number: count, url: v.string() }),
] as const;

/** One line of a journal. The JSON Schema in `docs/schemas` is made from this. */
export const eventSchema = v.variant("type", events, (issue) => `unknown event type ${issue.received}`);

export type Event = v.InferOutput<typeof eventSchema>;
export type EventType = Event["type"];
export type EventOf<T extends EventType> = Extract<Event, { type: T }>;
export type Actor = v.InferOutput<typeof actorSchema>;
export type PromptSource = v.InferOutput<typeof sourceSchema>;
export type Run = v.InferOutput<typeof runSchema>;
export type Outcome = v.InferOutput<typeof outcomeSchema>;
export type Problem = v.InferOutput<typeof problem>;

/** One append of a session's chain, and the commit that holds it. */
export interface Stored {
  readonly commit: CommitId;
  readonly events: readonly Event[];
}

type Unnumbered<E> = E extends Event ? Omit<E, "v" | "seq"> : never;
/** An event before its append: `seq` is assigned at the swap, the id stays the same however often it is tried. */
export type Fact = Unnumbered<Event>;

/** `malformed`: not an event; `gap`: not the next `seq`; `illegal`: cannot follow what came before it. */
type Corruption = "malformed" | "gap" | "illegal";

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
  const json = parseJson(text);
  if (json === undefined) throw new JournalError("malformed", { ...at, reason: "not JSON" });
  const parsed = v.safeParse(eventSchema, json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const path = v.getDotPath(issue);
    throw new JournalError("malformed", { ...at, reason: path ? `${path}: ${issue.message}` : issue.message });
  }
  if (parsed.output.seq !== at.seq) {
    throw new JournalError("gap", { ...at, reason: `seq is ${parsed.output.seq} where ${at.seq} must follow` });
  }
  return parsed.output;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
