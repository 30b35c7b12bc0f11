import { matchesGlob } from "node:path";
import type { BranchFilterConfig } from "@actions/workflow-parser/model/workflow-template";
import { git, resolveRevision } from "../github/git.ts";
import { type Attempt, commentWebhook, issueWebhook } from "../github/payloads.ts";
import { repoJson, userJson } from "../github/render.ts";
import type { Issue, Run, User, World, WorldEvents } from "../world.ts";
import { type WorkflowFile, workflowsAt } from "./workflow.ts";

/** A workflow file that an event starts, and why. */
export interface Start {
  readonly file: WorkflowFile;
  readonly runId: number;
  readonly event: Run["event"];
  /** What GITHUB_REF shows; `refs/pull/N/merge` for pull requests. */
  readonly ref: string;
  /** The commit that the workflow file is read from and that is checked out. */
  readonly sha: string;
  readonly branch: string;
  readonly actor: User;
  readonly pull: Issue | null;
  /** The run's title where the file has no `run-name`; empty for the workflow's name. */
  readonly title: string;
  /** What a dispatch gave, unchecked. */
  readonly given: Readonly<Record<string, string>>;
  /** Whether somebody has to let it begin: what a run's own token has done starts nothing by itself, nor does a fork. */
  readonly needsApproval?: boolean;
  /** The event as `github.event` and GITHUB_EVENT_PATH have it. */
  readonly payload: { readonly [key: string]: unknown };
}

type Event<Name extends keyof WorldEvents> = WorldEvents[Name][0];

/** What an invalid file wants is not known: like GitHub, only a push tells of it. */
export async function startsOfPush(world: World, event: Event<"ref">): Promise<Start[]> {
  const { ref, before, after, sender, startsWorkflows } = event;
  if (!startsWorkflows || after === null || !ref.startsWith("refs/heads/")) return [];
  const branch = ref.slice("refs/heads/".length);
  const files = await workflowsAt(world, after);
  const wanted = files.filter((file) => !file.ok || branchPasses(file.workflow.events.push, branch));
  const title = (await git(world.gitDir, ["log", "-1", "--format=%s", after])).trim();
  const payload = { ref, before, after, ...about(world, sender) };
  const cause = {
    event: "push",
    ref,
    sha: after,
    branch,
    actor: sender,
    pull: null,
    title,
    given: {},
    payload,
  } as const;
  return wanted.map((file) => ({ ...cause, file, runId: world.nextId() }));
}

/** The merge commit that GitHub would test is approximated by the pull request's head. */
export async function startsOfPull(world: World, event: Event<"pull">): Promise<Start[]> {
  const { issue, action, sender, startsWorkflows } = event;
  const { pull } = issue;
  if (!pull) return [];
  const files = await workflowsAt(world, pull.headSha);
  const wanted = files.filter((file) => {
    const filter = file.ok ? file.workflow.events.pull_request : undefined;
    return (filter?.types ?? ["opened", "synchronize", "reopened"]).includes(action) && branchPasses(filter, pull.base);
  });
  const ref = `refs/pull/${issue.number}/merge`;
  const cause = { event: "pull_request", ref, sha: pull.headSha, branch: pull.head, actor: sender } as const;
  const payload = { action, number: issue.number, ...about(world, sender) };
  const rest = {
    pull: issue,
    title: issue.title,
    given: {},
    payload,
    needsApproval: !startsWorkflows || pull.fork !== undefined,
  };
  return wanted.map((file) => ({ ...cause, ...rest, file, runId: world.nextId() }));
}

export async function startsOfDispatch(world: World, event: Event<"dispatch">): Promise<Start[]> {
  const { workflow: path, ref: branch, inputs: given, sender, runId } = event;
  const ref = `refs/heads/${branch}`;
  const sha = await resolveRevision(world.gitDir, ref);
  const file = sha && (await workflowsAt(world, sha)).find((one) => one.path === path);
  if (!file) throw new Error(`${path} cannot be dispatched: there is no such file on the branch ${branch}.`);
  const cause = { event: "workflow_dispatch", ref, sha, branch, actor: sender, pull: null, title: "" } as const;
  const payload = { inputs: { ...given }, ref, workflow: path, ...about(world, sender) };
  return [{ ...cause, file, runId, given, payload }];
}

export async function startsOfComment(world: World, event: Event<"comment">): Promise<Start[]> {
  const title = world.issues.get(event.comment.issue)?.title ?? "";
  return event.startsWorkflows ? startsOnThread(world, await commentWebhook(world, event), event.sender, title) : [];
}

export async function startsOfIssue(world: World, event: Event<"issue">): Promise<Start[]> {
  const webhook = event.startsWorkflows ? await issueWebhook(world, event) : null;
  return webhook ? startsOnThread(world, webhook, event.sender, event.issue.title) : [];
}

/** What happens on issues starts the workflows of the default branch, with the payload of the webhook. */
async function startsOnThread(world: World, webhook: Attempt, actor: User, title: string): Promise<Start[]> {
  const event = webhook.event as "issue_comment" | "issues";
  const branch = world.defaultBranch;
  const ref = `refs/heads/${branch}`;
  const sha = await resolveRevision(world.gitDir, ref);
  const files = sha ? await workflowsAt(world, sha) : [];
  const wanted = files.filter((file) => {
    const filter = file.ok ? file.workflow.events[event] : undefined;
    return filter && (filter.types ?? [webhook.action]).includes(webhook.action ?? "");
  });
  const { installation: _, ...payload } = webhook.payload as Record<string, unknown>;
  const cause = { event, ref, sha: sha ?? "", branch, actor, pull: null, title, given: {}, payload };
  return wanted.map((file) => ({ ...cause, file, runId: world.nextId() }));
}

function about(world: World, sender: User) {
  return { repository: repoJson(world), sender: userJson(world, sender) };
}

/** Whether an event's filter, if the workflow names the event at all, lets the branch through. */
function branchPasses(filter: BranchFilterConfig | undefined, branch: string): boolean {
  return filter !== undefined && (filter.branches?.some((pattern) => matchesGlob(branch, pattern)) ?? true);
}
