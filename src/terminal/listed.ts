import * as v from "valibot";
import { sessionIdSchema } from "../sessions/ids.ts";
import { actorSchema } from "../sessions/journal.ts";
import { type Head, phaseSchema, statusSchema, usageSchema } from "../sessions/session.ts";

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
  usage: usageSchema,
  /** Events in the journal. */
  seq: v.number(),
});

export type Listed = v.InferOutput<typeof listedSchema>;

export function listedOf(session: Head): Listed {
  const { description, status, phase, branch, created_at, last_accessed, created_by, usage, seq } = session;
  return {
    id: session.session,
    ...{ description, status, phase },
    thread: session.thread ?? null,
    branch,
    parent: session.genealogy.parent_session_id ?? null,
    depth: session.genealogy.depth,
    model: session.model ?? null,
    ...{ created_at, last_accessed, created_by, usage, seq },
  };
}
