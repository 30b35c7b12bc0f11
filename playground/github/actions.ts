import { crc32 } from "node:zlib";
import { parse } from "yaml";
import type { Run, World } from "../world.ts";
import { actor, type Call, found, type Handlers, noContent, ok, Refusal, type Reply } from "./call.ts";
import { resolveRevision } from "./git.ts";
import { readBlob, readCommit, readTree } from "./git-objects.ts";
import { iso, links, nodeId, repoApi, repoJson, repoWeb, userJson } from "./render.ts";

/** The stable number of a workflow file, `.github/workflows/ci.yml`. */
export const workflowIdOf = (path: string): number => crc32(path);

async function dispatch({ world, caller, params, body }: Call<"actions/create-workflow-dispatch">): Promise<Reply> {
  const ref = body.ref.replace(/^refs\/heads\//, "");
  const tip = await resolveRevision(world.gitDir, `refs/heads/${ref}`);
  if (!tip) throw new Refusal(422, `No ref found for: ${body.ref}`);
  const files = (await readTree(world.gitDir, [tip, "--", ".github/workflows/"])) ?? [];
  const named = [params.workflow_id, `.github/workflows/${params.workflow_id}`];
  const { path: workflow, sha } = found(
    files.find(({ path }) => named.includes(path) || named.includes(workflowIdOf(path))),
  );
  const { on } = parse(String(await readBlob(world.gitDir, sha))) ?? {};
  if (!JSON.stringify(on ?? null).includes('"workflow_dispatch"'))
    throw new Refusal(422, "Workflow does not have 'workflow_dispatch' trigger");
  const inputs = Object.fromEntries(Object.entries(body.inputs ?? {}).map(([name, value]) => [name, String(value)]));
  world.bus.emit("dispatch", { workflow, ref, inputs, sender: actor(caller), runId: world.nextId() });
  return noContent;
}

/** A run as the API and webhooks show it, as it is at the call, although git is asked afterwards. */
export async function runJson(world: World, run: Run) {
  const url = `${repoApi(world)}/actions/runs/${run.id}`;
  const html_url = `${repoWeb(world)}/actions/runs/${run.id}`;
  const fields = {
    ...{ id: run.id, node_id: nodeId("WorkflowRun", run.id), name: run.name, display_title: run.title, url, html_url },
    ...{ head_branch: run.headBranch, head_sha: run.headSha, path: run.workflowPath, event: run.event },
    ...{ run_number: run.number, run_attempt: run.attempt, workflow_id: run.workflowId },
    ...{
      status: run.status,
      conclusion: run.conclusion,
      created_at: iso(run.createdAt),
      updated_at: iso(run.updatedAt),
    },
    run_started_at: iso(run.startedAt ?? run.createdAt),
    ...{ actor: userJson(world, run.actor), triggering_actor: userJson(world, run.actor) },
    pull_requests: run.pulls.flatMap((number) => pullReference(world, number)),
    ...{ repository: repoJson(world), head_repository: repoJson(world), referenced_workflows: [] },
    ...{ ...links(url, "jobs logs artifacts cancel rerun check_suite"), workflow_url: workflowUrl(world, run) },
    ...{ previous_attempt_url: null, check_suite_id: run.id, check_suite_node_id: nodeId("CheckSuite", run.id) },
  };
  return { ...fields, head_commit: await headCommit(world, run) };
}

async function headCommit(world: World, { headSha }: Run) {
  const commit = await readCommit(world.gitDir, headSha);
  if (!commit) return null;
  const { tree: tree_id, message, author, committer } = commit;
  return { id: headSha, tree_id, message, timestamp: committer.date, author, committer };
}

function pullReference(world: World, number: number) {
  const issue = world.issues.get(number);
  if (!issue?.pull) return [];
  const repo = { id: world.ids.repo, url: repoApi(world), name: world.repo };
  const { head, headSha, base, baseSha } = issue.pull;
  const sides = { head: { ref: head, sha: headSha, repo }, base: { ref: base, sha: baseSha, repo } };
  return [{ id: issue.id, number, url: `${repoApi(world)}/pulls/${number}`, ...sides }];
}

const workflowUrl = (world: World, { workflowId }: Run): string => `${repoApi(world)}/actions/workflows/${workflowId}`;

export const workflowJson = (world: World, run: Run) => ({
  ...{ id: run.workflowId, node_id: nodeId("Workflow", run.workflowId), name: run.name, path: run.workflowPath },
  ...{ state: "active", created_at: iso(run.createdAt), updated_at: iso(run.createdAt) },
  ...{ url: workflowUrl(world, run), ...links(workflowUrl(world, run), "html badge") },
});

async function listRuns({ world, params }: Call<"actions/list-workflow-runs-for-repo">): Promise<Reply> {
  const { head_sha, branch, event, status } = params;
  const runs = [...world.runs.values()].filter(
    (run) =>
      (head_sha === undefined || run.headSha === head_sha) &&
      (branch === undefined || run.headBranch === branch) &&
      (event === undefined || run.event === event) &&
      (status === undefined || run.status === status || run.conclusion === status),
  );
  return runsPage(world, runs);
}

async function listRunsOfWorkflow({ world, params }: Call<"actions/list-workflow-runs">): Promise<Reply> {
  const path = `.github/workflows/${params.workflow_id}`;
  return runsPage(
    world,
    [...world.runs.values()].filter(({ workflowPath }) => workflowPath === path),
  );
}

async function runsPage(world: World, runs: readonly Run[]): Promise<Reply> {
  const newestFirst = [...runs].sort((a, b) => b.id - a.id);
  const page = await Promise.all(newestFirst.map((run) => runJson(world, run)));
  return { page, wrap: (workflow_runs) => ({ total_count: page.length, workflow_runs }) };
}

function cancel({ world, params }: Call<"actions/cancel-workflow-run">): Reply {
  const { id: runId, status } = found(world.runs.get(params.run_id));
  if (status === "completed") throw new Refusal(409, "Cannot cancel a workflow run that is completed.");
  world.bus.emit("cancel", { runId });
  return { status: 202, json: {} };
}

function approve({ world, params }: Call<"actions/approve-workflow-run">): Reply {
  const { id: runId, conclusion } = found(world.runs.get(params.run_id));
  if (conclusion !== "action_required") throw new Refusal(403, "This workflow run is not awaiting approval.");
  world.bus.emit("approve", { runId });
  return { status: 201, json: {} };
}

export const actions = {
  "actions/create-workflow-dispatch": dispatch,
  "actions/list-workflow-runs": listRunsOfWorkflow,
  "actions/list-workflow-runs-for-repo": listRuns,
  "actions/get-workflow-run": async ({ world, params }) =>
    ok(await runJson(world, found(world.runs.get(params.run_id)))),
  "actions/cancel-workflow-run": cancel,
  "actions/approve-workflow-run": approve,
} satisfies Handlers;
