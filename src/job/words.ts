import type { Recovery } from "../github/wake.ts";
import type { RunReport } from "../runner/run.ts";
import type { SessionId } from "../sessions/ids.ts";

/** What a run says about itself in its log, as a notice and in the job's summary: every run says something. */

export const notForUs = (event: string) => `The event \`${event}\` starts nothing here.`;

/** What became of an event. `taken`: of what was asked; `wanted`: the session that a turn is wanted for now. */
export function routed(taken: string, wanted: SessionId | null): string {
  if (wanted) return `Session ${wanted} has something to do: the job \`turn\` goes on with it.`;
  return outcomes[taken] ?? `Nothing is to be started (${taken}).`;
}

const outcomes: Readonly<Record<string, string>> = {
  ignored:
    "Nothing was asked: no line outside of code and quotes begins with `/agent`, or the comment is a bot's, is gone, or the label is another one.",
  refused: "Whoever asked may not write to this repository, or GitHub did not say; nothing was started.",
  answered: "Nothing was started; a comment on the thread says why.",
  queued: "The prompt is queued. A run that holds the session sees it by itself.",
  known: "This was asked before, and a run has it or had it.",
  resumed: "The session is the thread's active one now; the next `/agent` goes on with it.",
};

/** What became of a session whose turn's job has ended. */
export function recovered(session: SessionId, recovery: Recovery): string {
  switch (recovery) {
    case "woken":
      return `Session ${session} has something left to do: a new run goes on with it.`;
    case "left":
      return `Session ${session} needs no other run: nothing is left to do, or another run has it.`;
    case "gave up":
      return `Session ${session} has lost several runs in a row and waits for a person; a comment on the thread says so.`;
  }
}

/** What a run has done for its session. */
export function worked(session: SessionId, report: RunReport): string {
  switch (report.kind) {
    case "busy":
      return `Nothing was done: ${report.lease.run?.url ?? report.lease.holder} holds session ${session} and sees all that is queued.`;
    case "idle":
      return `Nothing was done: session ${session} has nothing to do any more; another run was faster.`;
    case "drained":
      return `Session ${session}: turns done: ${report.turns}; ${endings[report.left ?? "done"]}`;
  }
}

const endings = {
  done: "nothing is left to do.",
  "job-limit": "this job's time is nearly over, so the open work is saved and given back. Another run goes on with it.",
  cancelled: "the run was cancelled, so the open work is saved and given back. Another run goes on with it.",
  lost: "the session is given back.",
};
