import * as v from "valibot";
import { commitIdSchema, sessionIdSchema } from "../sessions/ids.ts";
import { type EventOf, outcomeSchema, problemSchema, turnUsageSchema } from "../sessions/journal.ts";
import type { Session } from "../sessions/session.ts";

/** What became of a turn, as `run --json` and `session result --json` print it; what there is not is null. */
export const turnResultSchema = v.strictObject({
  session: sessionIdSchema,
  turn: v.number(),
  outcome: outcomeSchema,
  answer: v.string(),
  problem: v.nullable(problemSchema),
  branch: v.string(),
  /** What the turn left, on `branch` or, where a notice says so, on one of its own. */
  commit: v.nullable(commitIdSchema),
  files: v.array(v.string()),
  notices: v.array(v.string()),
  usage: v.nullable(turnUsageSchema),
  duration_ms: v.number(),
});

export type TurnResult = v.InferOutput<typeof turnResultSchema>;

export function turnResult({ session, branch }: Session, ended: Omit<EventOf<"turn.ended">, "v" | "seq">): TurnResult {
  const { turn, outcome, answer, problem = null, commit = null, files = [], notices, usage = null } = ended;
  const { duration_ms } = ended;
  return { session, turn, outcome, answer, problem, branch, commit, files, notices, usage, duration_ms };
}
