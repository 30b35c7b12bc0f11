import { randomUUID } from "node:crypto";
import type { Delivery, User, World, WorldEvents } from "../world.ts";
import { runJson, workflowJson } from "./actions.ts";
import { found } from "./call.ts";
import { checkWebhook } from "./description.ts";
import { commentJson, issueJson, labelJson, nodeId, repoJson, userJson } from "./render.ts";

/** A webhook before it is sent; workflows are started by the same payload. */
export type Attempt = Pick<Delivery, "guid" | "event" | "action" | "payload" | "redelivery">;

interface About {
  readonly event: string;
  readonly action: string;
  readonly sender: User;
}

/** A webhook as it is sent for the first time. Nothing of the world is kept in it. */
function webhook(world: World, { event, action, sender }: About, about: Record<string, unknown>): Attempt {
  const rendered = {
    ...{ action, ...about, ...(action === "edited" ? { changes: {} } : {}) },
    repository: repoJson(world),
    installation: { id: world.ids.installation, node_id: nodeId("Installation", world.ids.installation) },
    sender: userJson(world, sender),
  };
  const payload: unknown = JSON.parse(JSON.stringify(rendered));
  const name = `${event}-${action}`.replaceAll("_", "-");
  const errors = checkWebhook(name, payload);
  if (errors.length > 0) world.violations.push(`webhook ${name}: ${errors.slice(0, 5).join("; ")}`);
  return { event, action, payload, guid: randomUUID(), redelivery: false };
}

/** Null for pull requests: their own event is none that the App hears. */
export async function issueWebhook(world: World, { action, issue, label, sender }: WorldEvents["issue"][0]) {
  if (issue.pull) return null;
  const about = { issue: issueJson(world, issue), ...(label ? { label: labelJson(world, label) } : {}) };
  return webhook(world, { event: "issues", action, sender }, about);
}

export async function commentWebhook(world: World, { action, comment, sender }: WorldEvents["comment"][0]) {
  const issue = found(world.issues.get(comment.issue));
  const about = { issue: issueJson(world, issue), comment: commentJson(world, issue, comment) };
  return webhook(world, { event: "issue_comment", action, sender }, about);
}

export async function runWebhook(world: World, { action, run }: WorldEvents["run"][0]) {
  const workflow_run = await runJson(world, run);
  return webhook(
    world,
    { event: "workflow_run", action, sender: run.actor },
    { workflow_run, workflow: workflowJson(world, run) },
  );
}
