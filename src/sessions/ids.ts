import * as v from "valibot";

/** A ULID in upper-case Crockford base 32, 26 characters; the first 10 are its time, so ids sort by creation. */
const ulid = v.pipe(v.string(), v.regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, "not a ULID"));

export const sessionIdSchema = v.pipe(ulid, v.brand("SessionId"));
export const eventIdSchema = v.pipe(ulid, v.brand("EventId"));
/** A full object id; never abbreviated, never empty (an empty one deletes a ref). */
export const commitIdSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/, "not a commit id"), v.brand("CommitId"));

export type SessionId = v.InferOutput<typeof sessionIdSchema>;
export type EventId = v.InferOutput<typeof eventIdSchema>;
export type CommitId = v.InferOutput<typeof commitIdSchema>;

/** Reads a full session id in either case; null when it is not one. */
export function parseSessionId(text: string): SessionId | null {
  const parsed = v.safeParse(sessionIdSchema, text.toUpperCase());
  return parsed.success ? parsed.output : null;
}

/** Where time and fresh ids come from; roots pass the real ones, tests their own. */
export interface Clock {
  readonly now: () => Date;
  /** A ULID that no one else has and that sorts after every earlier one of this process. */
  readonly newId: () => string;
}
