import { repoJson, userJson } from "../github/render.ts";
import type { Issue, Run, User, World, WorldEvents } from "../world.ts";
import type { Json } from "./language.ts";

/** Why a run exists: the event, as the `github` context and GITHUB_EVENT_PATH show it. */
export interface Cause {
  readonly event: Run["event"];
  /** Full name of the ref that GITHUB_REF shows; `refs/pull/N/merge` for pull requests. */
  readonly ref: string;
  /** The commit that the workflow file is read from and that is checked out. */
  readonly sha: string;
  readonly headBranch: string;
  readonly actor: User;
  readonly pull: Issue | null;
  readonly payload: { readonly [key: string]: Json };
}

export function pushCause(world: World, event: WorldEvents["ref"][0] & { after: string }): Cause {
  const zeros = "0".repeat(40);
  return {
    event: "push",
    ref: event.ref,
    sha: event.after,
    headBranch: branchName(event.ref),
    actor: event.sender,
    pull: null,
    payload: { ref: event.ref, before: event.before ?? zeros, after: event.after, ...common(world, event.sender) },
  };
}

/** The merge commit that GitHub would test is approximated by the pull request's head. */
export function pullCause(world: World, event: WorldEvents["pull"][0]): Cause | null {
  const { issue, sender, action } = event;
  const pull = issue.pull;
  if (!pull) return null;
  const side = (ref: string, sha: string) => ({ ref, sha, repo: repoJson(world) });
  const description = {
    number: issue.number,
    title: issue.title,
    body: issue.body,
    state: issue.state,
    draft: pull.draft,
    user: userJson(world, issue.author),
    head: side(pull.head, pull.headSha),
    base: side(pull.base, pull.baseSha),
  };
  return {
    event: "pull_request",
    ref: `refs/pull/${issue.number}/merge`,
    sha: pull.headSha,
    headBranch: pull.head,
    actor: sender,
    pull: issue,
    payload: { action, number: issue.number, pull_request: description, ...common(world, sender) },
  };
}

export function dispatchCause(world: World, event: WorldEvents["dispatch"][0], found: Found): Cause {
  const { inputs, sender } = event;
  return {
    event: "workflow_dispatch",
    ref: found.ref,
    sha: found.sha,
    headBranch: branchName(found.ref),
    actor: sender,
    pull: null,
    payload: { ref: found.ref, inputs, workflow: found.path, ...common(world, sender) },
  };
}

interface Found {
  readonly ref: string;
  readonly sha: string;
  readonly path: string;
}

/** The `github` context of a run; a job adds its own keys. Every string in it becomes a GITHUB_* variable of the steps. */
export function githubContext(world: World, run: Run, cause: Cause): Record<string, Json> {
  const pull = cause.pull?.pull;
  return {
    actor: cause.actor.login,
    actor_id: String(cause.actor.id),
    api_url: `${world.url}/api/v3`,
    base_ref: pull?.base ?? "",
    event: cause.payload,
    event_name: cause.event,
    graphql_url: `${world.url}/api/graphql`,
    head_ref: pull?.head ?? "",
    ref: cause.ref,
    ref_name: branchName(cause.ref),
    ref_protected: "false",
    ref_type: "branch",
    repository: `${world.owner}/${world.repo}`,
    repository_id: String(world.ids.repo),
    repository_owner: world.owner,
    repository_owner_id: String(world.ids.owner),
    run_attempt: String(run.attempt),
    run_id: String(run.id),
    run_number: String(run.number),
    server_url: world.url,
    sha: cause.sha,
    triggering_actor: cause.actor.login,
    workflow: run.name,
    workflow_ref: `${world.owner}/${world.repo}/${run.workflowPath}@${cause.ref}`,
    workflow_sha: cause.sha,
  };
}

function branchName(ref: string): string {
  return ref.replace(/^refs\/(heads|tags|pull)\//, "");
}

function common(world: World, sender: User) {
  return { repository: repoJson(world), sender: userJson(world, sender) };
}
