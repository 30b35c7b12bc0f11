import type { Run } from "../../playground/world.ts";
import { given } from "../sessions/events.ts";

/** A workflow run that is under way. */
export function runAt(actor: Run["actor"] | undefined, headSha: string): Run {
  const now = new Date();
  return {
    ...{ id: 471_100, number: 1, workflowPath: ".github/workflows/offshoot.yml", workflowId: 1, name: "offshoot" },
    ...{ title: "a session", event: "workflow_dispatch", headSha, headBranch: "main", actor: given(actor), pulls: [] },
    ...{ createdAt: now, updatedAt: now, startedAt: now, attempt: 1, jobs: [] },
    ...{ status: "in_progress", conclusion: null },
  };
}
