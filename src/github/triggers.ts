import type { EmitterWebhookEvent } from "@octokit/webhooks";
import type { SessionId } from "../sessions/ids.ts";
import type { Run } from "../sessions/journal.ts";
import type { Account } from "./forge.ts";
import type { Subject } from "./glance.ts";
import { sessionOfRun } from "./workflow.ts";

/** What an event means for sessions. */
export type Trigger =
  /** Somebody wrote a comment; what it says is asked of the API. */
  | { readonly kind: "comment"; readonly comment: number; readonly node: string; readonly thread: number }
  | {
      readonly kind: "label";
      readonly thread: number;
      readonly label: string;
      readonly by: Account;
      readonly url: string;
      readonly delivery: string;
    }
  /** A run of our workflow is over, well or not. */
  | { readonly kind: "run-ended"; readonly run: Run; readonly session: SessionId };

export type TriggeringEvent = EmitterWebhookEvent<
  "issue_comment.created" | "issues.labeled" | "workflow_run.completed"
>;

/** Pure: null when the event starts nothing. */
export function triggerOf(event: TriggeringEvent): Trigger | null {
  switch (event.name) {
    case "issue_comment":
      return commentTrigger(event.payload);
    case "issues": {
      const { issue, label, sender } = event.payload;
      const by = { login: sender.login, id: sender.id, bot: sender.type === "Bot" };
      return {
        kind: "label",
        thread: issue.number,
        label: label?.name ?? "",
        by,
        url: issue.html_url,
        delivery: event.id,
      };
    }
    case "workflow_run": {
      const { id, run_attempt: attempt, html_url: url, ...run } = event.payload.workflow_run;
      const session = run.event === "workflow_dispatch" ? sessionOfRun(run.display_title ?? "") : null;
      return session && { kind: "run-ended", session, run: { id, attempt, url } };
    }
  }
}

/** What an event is judged by can be read at once where its trigger tells this. */
export function subjectOf(trigger: Trigger): Subject | null {
  switch (trigger.kind) {
    case "comment":
      return { thread: trigger.thread, comment: { id: trigger.comment, node: trigger.node } };
    case "label":
      return { thread: trigger.thread, comment: null };
    case "run-ended":
      return null;
  }
}

/** Most comments are not for us, and a bot's never is: those cost no request. */
function commentTrigger({ comment, issue }: EmitterWebhookEvent<"issue_comment.created">["payload"]): Trigger | null {
  if (comment.user?.type === "Bot" || !comment.body.includes("/agent")) return null;
  return { kind: "comment", comment: comment.id, node: comment.node_id, thread: issue.number };
}
