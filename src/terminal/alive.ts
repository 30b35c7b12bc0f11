import * as v from "valibot";
import { sessionIdSchema } from "../sessions/ids.ts";
import type { Event } from "../sessions/journal.ts";
import { type Lease, phaseSchema } from "../sessions/session.ts";
import { ago, when } from "../sessions/words.ts";
import { beganAfter, type Seen } from "./process.ts";

/**
 * `idle`: nobody holds the session. `live`: its holder wrote something within a minute. `quiet`: it is there, and has not.
 * `frozen`: its process is there and does not run, or does not renew its lease. `killed`: it is gone.
 */
const stateSchema = v.picklist(["idle", "live", "quiet", "frozen", "killed", "unknown"]);

/** What `session is-alive --json` prints. */
export const aliveSchema = v.strictObject({
  session: sessionIdSchema,
  state: stateSchema,
  /** How that is known, and where it is not well, what to do. */
  reason: v.string(),
  phase: phaseSchema,
  holder: v.nullable(v.string()),
  /** The page of the workflow run that holds the session. */
  run: v.nullable(v.string()),
  /** When the holder has to have said again that it is there. */
  until: v.nullable(v.string()),
  /** The last event that was more than that. */
  last_event_at: v.string(),
});

export type Verdict = Pick<v.InferOutput<typeof aliveSchema>, "state" | "reason">;

/** Where a holder can be looked at, and what is seen there. */
export type Sight =
  | { readonly at: "here"; readonly pid: number; readonly process: Seen | null }
  | { readonly at: "elsewhere" }
  | { readonly at: "platform"; readonly run: RunSight };

export type RunSight =
  | { readonly kind: "ended" | "under way"; readonly status: string }
  | { readonly kind: "unknown"; readonly why: string };

/** Anyone who works writes more often than that. */
const quietAfterMs = 60_000;

export function isRecent(lastEventAt: string, now: Date): boolean {
  return now.getTime() - Date.parse(lastEventAt) < quietAfterMs;
}

/** A lease is an event every so often; what tells of work is all else. */
export function lastWorkAt(events: readonly Event[]): string {
  return events.findLast(({ type }) => type !== "lease.renewed")?.at ?? "";
}

/** Pure: what a lease's holder is, from what can be seen of it. */
export function judge(lease: Lease, sight: Sight, { lastAt, now }: { lastAt: string; now: Date }): Verdict {
  const working: Verdict = isRecent(lastAt, now)
    ? { state: "live", reason: `It wrote its last event ${ago(lastAt, now)} ago.` }
    : { state: "quiet", reason: `Its last event is of ${when(lastAt)}, ${ago(lastAt, now)} ago.` };
  switch (sight.at) {
    case "here":
      return judgeProcess(lease, sight, now) ?? working;
    case "elsewhere":
      return judgeElsewhere(lease, working, now);
    case "platform":
      return judgeRun(sight.run, working);
  }
}

function judgeProcess(
  { taken_at, until }: Lease,
  { pid, process: seen }: Extract<Sight, { at: "here" }>,
  now: Date,
): Verdict | null {
  if (!seen) return { state: "killed", reason: `There is no process ${pid} any more. ${goOn}` };
  if (beganAfter(seen, taken_at)) {
    return { state: "killed", reason: `Process ${pid} began after the session was taken: it is another one. ${goOn}` };
  }
  if (seen.stopped) {
    return { state: "frozen", reason: `Process ${pid} is stopped. Let it go on with kill -CONT ${pid}, or end it.` };
  }
  if (!until || !isOver(until, now)) return null;
  const reason = `Process ${pid} is there, and has not renewed its lease since ${when(until)}. ${goOn}`;
  return { state: "frozen", reason };
}

const goOn = "The next run takes the session and goes on from what was saved.";

function judgeElsewhere({ holder, until }: Lease, working: Verdict, now: Date): Verdict {
  if (until && !isOver(until, now)) return working;
  const overdue = until ? `It was to say by ${when(until)} that it is still there, and did not.` : "";
  if (!until && working.state === "live") return working;
  const reason = `${overdue} Only on its own machine can be seen whether ${holder} is frozen or gone.`.trim();
  return { state: "unknown", reason };
}

function judgeRun(run: RunSight, working: Verdict): Verdict {
  switch (run.kind) {
    case "under way":
      return working.state === "live" ? working : { state: "quiet", reason: `${working.reason} ${run.status}` };
    case "ended":
      return { state: "killed", reason: `${run.status} ${goOn}` };
    case "unknown":
      return working.state === "live" ? working : { state: "unknown", reason: `${working.reason} ${run.why}` };
  }
}

function isOver(until: string, now: Date): boolean {
  return Date.parse(until) < now.getTime();
}
