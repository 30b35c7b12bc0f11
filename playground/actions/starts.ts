import { matchesGlob } from "node:path";
import type { BranchFilterConfig } from "@actions/workflow-parser/model/workflow-template";
import { git, resolveRevision } from "../github/git.ts";
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
}

type Event<Name extends keyof WorldEvents> = WorldEvents[Name][0];

/** What an invalid file wants is not known: like GitHub, only a push tells of it. */
export async function startsOfPush(world: World, event: Event<"ref">): Promise<Start[]> {
  const { ref, after, sender, startsWorkflows } = event;
  if (!startsWorkflows || after === null || !ref.startsWith("refs/heads/")) return [];
  const branch = ref.slice("refs/heads/".length);
  const files = await workflowsAt(world, after);
  const wanted = files.filter((file) => !file.ok || branchPasses(file.workflow.events.push, branch));
  const title = (await git(world.gitDir, ["log", "-1", "--format=%s", after])).trim();
  const cause = { event: "push", ref, sha: after, branch, actor: sender, pull: null, title, given: {} } as const;
  return wanted.map((file) => ({ ...cause, file, runId: world.nextId() }));
}

/** The merge commit that GitHub would test is approximated by the pull request's head. */
export async function startsOfPull(world: World, event: Event<"pull">): Promise<Start[]> {
  const { issue, action, sender, startsWorkflows } = event;
  const { pull } = issue;
  if (!startsWorkflows || !pull) return [];
  const files = await workflowsAt(world, pull.headSha);
  const wanted = files.filter((file) => {
    const filter = file.ok ? file.workflow.events.pull_request : undefined;
    return (filter?.types ?? ["opened", "synchronize", "reopened"]).includes(action) && branchPasses(filter, pull.base);
  });
  const ref = `refs/pull/${issue.number}/merge`;
  const cause = { event: "pull_request", ref, sha: pull.headSha, branch: pull.head, actor: sender } as const;
  const about = { pull: issue, title: issue.title, given: {} };
  return wanted.map((file) => ({ ...cause, ...about, file, runId: world.nextId() }));
}

export async function startsOfDispatch(world: World, event: Event<"dispatch">): Promise<Start[]> {
  const { workflow: path, ref: branch, inputs: given, sender, runId } = event;
  const ref = `refs/heads/${branch}`;
  const sha = await resolveRevision(world.gitDir, ref);
  const file = sha && (await workflowsAt(world, sha)).find((one) => one.path === path);
  if (!file) throw new Error(`${path} cannot be dispatched: there is no such file on the branch ${branch}.`);
  const cause = { event: "workflow_dispatch", ref, sha, branch, actor: sender, pull: null, title: "" } as const;
  return [{ ...cause, file, runId, given }];
}

/** Whether an event's filter, if the workflow names the event at all, lets the branch through. */
function branchPasses(filter: BranchFilterConfig | undefined, branch: string): boolean {
  return filter !== undefined && (filter.branches?.some((pattern) => matchesGlob(branch, pattern)) ?? true);
}
