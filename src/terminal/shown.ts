import * as v from "valibot";
import { commitIdSchema, eventIdSchema } from "../sessions/ids.ts";
import { actorSchema, outcomeSchema, runSchema, sourceSchema } from "../sessions/journal.ts";
import { isWaiting, type Prompt, pullRequestOf, type Session } from "../sessions/session.ts";
import { type Turn, turnsOf } from "../sessions/turns.ts";
import type { Reading } from "./chosen.ts";
import { type Listed, listedOf, listedSchema } from "./listed.ts";

const turnSchema = v.strictObject({
  turn: v.number(),
  prompt: v.strictObject({ id: eventIdSchema, text: v.string(), by: actorSchema }),
  model: v.string(),
  started_at: v.string(),
  /** Null while the turn is open, as all that follows from its end. */
  ended_at: v.nullable(v.string()),
  outcome: v.nullable(outcomeSchema),
  answer: v.nullable(v.string()),
  commit: v.nullable(commitIdSchema),
  duration_ms: v.nullable(v.number()),
  /** Taken back afterwards. */
  reverted: v.boolean(),
});

const waitingSchema = v.strictObject({
  id: eventIdSchema,
  text: v.string(),
  by: actorSchema,
  source: sourceSchema,
  at: v.string(),
});

const holderSchema = v.strictObject({
  epoch: v.number(),
  holder: v.string(),
  taken_at: v.string(),
  run: v.nullable(runSchema),
  /** When the holder has to have said that it is still there; null: a run of the platform, which can be asked. */
  until: v.nullable(v.string()),
});

/** A session as `session show --json` prints it; what a session does not have is null. */
export const shownSchema = v.strictObject({
  ...listedSchema.entries,
  project: v.string(),
  base_branch: v.string(),
  base: commitIdSchema,
  /** Where the session left its branch. */
  head: v.nullable(commitIdSchema),
  pull_request: v.nullable(v.strictObject({ number: v.number(), url: v.string() })),
  holder: v.nullable(holderSchema),
  turns: v.array(turnSchema),
  queue: v.array(waitingSchema),
  children: v.array(listedSchema),
});

export type Shown = v.InferOutput<typeof shownSchema>;

/** Pure: what a session is, and what came of it. */
export function shownOf({ session, events }: Reading, children: readonly Listed[]): Shown {
  const { project, base_branch, base, head = null } = session;
  return {
    ...listedOf(session),
    ...{ project, base_branch, base, head },
    pull_request: pullOf(session),
    holder: holderOf(session),
    turns: turnsOf(events).map(turnOf),
    queue: session.queue.filter(isWaiting).map(waitingOf),
    children: [...children],
  };
}

function pullOf(session: Session): Shown["pull_request"] {
  const pull = pullRequestOf(session);
  return pull?.number && pull.url ? { number: pull.number, url: pull.url } : null;
}

function holderOf({ lease }: Session): Shown["holder"] {
  if (!lease) return null;
  const { epoch, holder, taken_at, run = null, until = null } = lease;
  return { epoch, holder, taken_at, run, until };
}

function turnOf({ turn, prompt, model, started_at, ended, reverted }: Turn): Shown["turns"][number] {
  return {
    ...{ turn, prompt: { ...prompt }, model, started_at },
    ended_at: ended?.at ?? null,
    outcome: ended?.outcome ?? null,
    answer: ended?.answer ?? null,
    commit: ended?.commit ?? null,
    duration_ms: ended?.duration_ms ?? null,
    reverted,
  };
}

function waitingOf({ id, text = "", by, source, at }: Prompt): Shown["queue"][number] {
  return { id, text, by, source, at };
}
