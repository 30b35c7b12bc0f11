import type { World, WorldEvents } from "../world.ts";
import { type Cause, dispatchCause, pullCause, pushCause } from "./cause.ts";
import { findRef, workflowAt, workflowsAt } from "./repository.ts";
import { startsOn, type Trigger } from "./triggers.ts";
import type { WorkflowFile } from "./workflow.ts";

/** A workflow file that an event starts. */
export interface Start {
  readonly cause: Cause;
  readonly path: string;
  readonly file: WorkflowFile;
  /** What a dispatch gave, unchecked. */
  readonly given: Readonly<Record<string, string>> | null;
  /** The run's id where the event brought one. */
  readonly runId: number | null;
}

export async function startsOfPush(world: World, event: WorldEvents["ref"][0]): Promise<Start[]> {
  const { ref, after, startsWorkflows } = event;
  if (!startsWorkflows || after === null || !ref.startsWith("refs/heads/")) return [];
  const cause = pushCause(world, { ...event, after });
  return startsAt(world, cause, { event: "push", branch: cause.headBranch });
}

export async function startsOfPull(world: World, event: WorldEvents["pull"][0]): Promise<Start[]> {
  const cause = pullCause(world, event);
  if (!event.startsWorkflows || !cause) return [];
  const base = event.issue.pull?.base ?? "";
  return startsAt(world, cause, { event: "pull_request", action: event.action, base });
}

export async function startsOfDispatch(world: World, event: WorldEvents["dispatch"][0]): Promise<Start[]> {
  const { workflow: path, inputs: given, runId } = event;
  const found = await findRef(world, event.ref);
  if (!found) throw new Error(`${path} cannot be dispatched: the repository has no branch or tag ${event.ref}.`);
  const missing = { ok: false, problems: [`${path}: there is no such file at ${event.ref}.`] } as const;
  const file = (await workflowAt(world, found.sha, path)) ?? missing;
  return [{ cause: dispatchCause(world, event, { ...found, path }), path, file, given, runId }];
}

/** What an invalid file wants is not known: like GitHub, only a push tells of it. */
async function startsAt(world: World, cause: Cause, trigger: Trigger): Promise<Start[]> {
  const found = await workflowsAt(world, cause.sha);
  const wanted = found.filter(({ file }) =>
    file.ok ? startsOn(file.workflow.events, trigger) : trigger.event === "push",
  );
  return wanted.map(({ path, file }) => ({ cause, path, file, given: null, runId: null }));
}
