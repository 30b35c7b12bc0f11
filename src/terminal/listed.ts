import * as v from "valibot";
import { sessionIdSchema } from "../sessions/ids.ts";
import { actorSchema } from "../sessions/journal.ts";
import { type Head, phaseSchema, statusSchema, usageSchema } from "../sessions/session.ts";

const { unpriced: _, ...usage } = usageSchema.entries;
/** `cost_usd`: null where the price of anything that was used was not known. */
const listedUsageSchema = v.strictObject({ ...usage, cost_usd: v.nullable(v.number()) });

/** A session as `session list --json` prints it; what a session does not have is null. */
export const listedSchema = v.strictObject({
  id: sessionIdSchema,
  description: v.string(),
  status: statusSchema,
  phase: phaseSchema,
  /** The issue or pull request that it was opened on. */
  thread: v.nullable(v.number()),
  branch: v.string(),
  parent: v.nullable(sessionIdSchema),
  depth: v.number(),
  model: v.nullable(v.string()),
  created_at: v.string(),
  last_accessed: v.string(),
  created_by: actorSchema,
  usage: listedUsageSchema,
  /** Events in the journal. */
  seq: v.number(),
});

export type Listed = v.InferOutput<typeof listedSchema>;

export function listedOf(session: Head): Listed {
  const { description, status, phase, branch, created_at, last_accessed, created_by, seq } = session;
  const { unpriced, cost_usd, ...usage } = session.usage;
  return {
    id: session.session,
    ...{ description, status, phase },
    thread: session.thread ?? null,
    branch,
    parent: session.genealogy.parent_session_id ?? null,
    depth: session.genealogy.depth,
    model: session.model ?? null,
    ...{ created_at, last_accessed, created_by, seq },
    usage: { ...usage, cost_usd: unpriced === 0 ? cost_usd : null },
  };
}
