import { readFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { parse } from "yaml";
import type { Artifact, Job, Run, World } from "../world.ts";
import { actor, type Call, type Handlers, list, notFound, ok, Refusal, type Reply } from "./call.ts";
import { type Commit, readCommit, simpleCommitJson } from "./commits.ts";
import { resolveRevision, runGit } from "./git.ts";
import type { OperationId } from "./operations.ts";
import { iso, minimalRepoJson, nodeId, repoApi, repoJson, repoWeb, userJson } from "./render.ts";
import { zip } from "./zip.ts";

const FOLDER = ".github/workflows/";

/** The stable number of a workflow file, `.github/workflows/ci.yml`. */
export const workflowIdOf = (path: string): number => crc32(path);

const isoOrNull = (date: Date | null): string | null => (date ? iso(date) : null);

/** Path of the workflow that a client names by file name or by number, on the given ref. */
async function findWorkflow(world: World, wanted: string | number, ref: string): Promise<string> {
  const { code, stdout } = await runGit(world.gitDir, ["ls-tree", "--name-only", ref, FOLDER]);
  const paths = code === 0 ? stdout.toString("utf8").split("\n") : [];
  const found = paths.find((path) => path === `${FOLDER}${wanted}` || String(workflowIdOf(path)) === String(wanted));
  if (!found) throw notFound();
  return found;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

function takesDispatches(source: string): boolean {
  const workflow: unknown = parse(source);
  const on = isRecord(workflow) ? workflow.on : undefined;
  const names = typeof on === "string" ? [on] : Array.isArray(on) ? on : isRecord(on) ? Object.keys(on) : [];
  return names.includes("workflow_dispatch");
}

async function dispatch({ world, caller, params, body }: Call<"actions/create-workflow-dispatch">): Promise<Reply> {
  const ref = body.ref.replace(/^refs\/(heads|tags)\//, "");
  const branch = await resolveRevision(world.gitDir, `refs/heads/${ref}`);
  if (!branch) throw new Refusal(422, `No ref found for: ${body.ref}`);
  const path = await findWorkflow(world, params.workflow_id, branch);
  const source = await runGit(world.gitDir, ["cat-file", "blob", `${branch}:${path}`]);
  if (!takesDispatches(source.stdout.toString("utf8")))
    throw new Refusal(422, "Workflow does not have 'workflow_dispatch' trigger");
  const inputs = Object.fromEntries(Object.entries(body.inputs ?? {}).map(([name, value]) => [name, String(value)]));
  const runId = world.nextId();
  world.bus.emit("dispatch", { workflow: path, ref, inputs, sender: actor(caller), runId });
  if (body.return_run_details !== true) return { status: 204 };
  return ok({ workflow_run_id: runId, run_url: runApi(world, runId), html_url: runWeb(world, runId) });
}

const runApi = (world: World, id: number): string => `${repoApi(world)}/actions/runs/${id}`;
const runWeb = (world: World, id: number): string => `${repoWeb(world)}/actions/runs/${id}`;

function findRun(world: World, id: number): Run {
  const run = world.runs.get(id);
  if (!run) throw notFound();
  return run;
}

/** Shows the run as it is at the call, although git is asked afterwards. */
async function runJson(world: World, run: Run) {
  const shown = runFields(world, run);
  const head = await readCommit(world.gitDir, shown.head_sha);
  return { ...shown, head_commit: simpleCommitJson(head ?? missingCommit(run)) };
}

function runFields(world: World, run: Run) {
  const api = runApi(world, run.id);
  return {
    ...{ id: run.id, node_id: nodeId("WorkflowRun", run.id), name: run.name, display_title: run.title },
    ...{ head_branch: run.headBranch, head_sha: run.headSha, path: run.workflowPath, event: run.event },
    ...{ run_number: run.number, run_attempt: run.attempt, workflow_id: run.workflowId },
    ...{ status: run.status, conclusion: run.conclusion },
    ...{ check_suite_id: run.id, check_suite_node_id: nodeId("CheckSuite", run.id) },
    created_at: iso(run.createdAt),
    updated_at: iso(run.updatedAt),
    run_started_at: iso(run.startedAt ?? run.createdAt),
    actor: userJson(world, run.actor),
    triggering_actor: userJson(world, run.actor),
    pull_requests: run.pulls.flatMap((number) => pullReference(world, number)),
    repository: minimalRepoJson(world),
    head_repository: minimalRepoJson(world),
    referenced_workflows: [],
    previous_attempt_url: null,
    ...{ url: api, html_url: runWeb(world, run.id), jobs_url: `${api}/jobs`, logs_url: `${api}/logs` },
    ...{ artifacts_url: `${api}/artifacts`, cancel_url: `${api}/cancel`, rerun_url: `${api}/rerun` },
    check_suite_url: `${repoApi(world)}/check-suites/${run.id}`,
    workflow_url: `${repoApi(world)}/actions/workflows/${run.workflowId}`,
  };
}

/** A webhook's run carries whole repositories. */
export const runWebhookJson = async (world: World, run: Run) => ({
  ...(await runJson(world, run)),
  repository: repoJson(world),
  head_repository: repoJson(world),
});

/** A branch may be gone by the time its run is shown. */
const missingCommit = ({ headSha, createdAt }: Run): Commit => {
  const nobody = { name: "unknown", email: "unknown@localhost", date: iso(createdAt) };
  return { sha: headSha, tree: headSha, parents: [], message: "", author: nobody, committer: nobody };
};

function pullReference(world: World, number: number) {
  const issue = world.issues.get(number);
  if (!issue?.pull) return [];
  const repo = { id: world.ids.repo, url: repoApi(world), name: world.repo };
  const { head, headSha, base, baseSha } = issue.pull;
  return [
    {
      ...{ id: issue.id, number, url: `${repoApi(world)}/pulls/${number}` },
      head: { ref: head, sha: headSha, repo },
      base: { ref: base, sha: baseSha, repo },
    },
  ];
}

export function workflowJson(world: World, run: Run) {
  const file = run.workflowPath.slice(FOLDER.length);
  return {
    ...{ id: run.workflowId, node_id: nodeId("Workflow", run.workflowId), name: run.name, path: run.workflowPath },
    ...{ state: "active", created_at: iso(run.createdAt), updated_at: iso(run.createdAt) },
    url: `${repoApi(world)}/actions/workflows/${run.workflowId}`,
    html_url: `${repoWeb(world)}/blob/${world.defaultBranch}/${run.workflowPath}`,
    badge_url: `${repoWeb(world)}/workflows/${encodeURIComponent(file)}/badge.svg`,
  };
}

async function listRuns({ world, params }: Call<"actions/list-workflow-runs-for-repo">) {
  const { head_sha, branch, event, status, actor: login } = params;
  const runs = [...world.runs.values()].filter(
    (run) =>
      (head_sha === undefined || run.headSha === head_sha) &&
      (branch === undefined || run.headBranch === branch) &&
      (event === undefined || run.event === event) &&
      (status === undefined || run.status === status || run.conclusion === status) &&
      (login === undefined || run.actor.login === login),
  );
  const items = await Promise.all(runs.toSorted((a, b) => b.id - a.id).map((run) => runJson(world, run)));
  return list(items, (workflow_runs) => ({ total_count: items.length, workflow_runs }));
}

function jobJson(world: World, run: Run, job: Job) {
  const api = `${repoApi(world)}/actions/jobs/${job.id}`;
  return {
    ...{ id: job.id, node_id: nodeId("CheckRun", job.id), name: job.name, url: api, workflow_name: run.name },
    html_url: `${runWeb(world, run.id)}/job/${job.id}`,
    ...{ run_id: run.id, run_url: runApi(world, run.id), run_attempt: run.attempt },
    ...{ head_sha: run.headSha, head_branch: run.headBranch, status: job.status, conclusion: job.conclusion },
    created_at: iso(run.createdAt),
    started_at: iso(job.startedAt ?? run.createdAt),
    completed_at: isoOrNull(job.completedAt),
    check_run_url: `${repoApi(world)}/check-runs/${job.id}`,
    ...{
      labels: ["ubuntu-latest"],
      runner_id: 1,
      runner_name: "playground",
      runner_group_id: 1,
      runner_group_name: "Default",
    },
    steps: job.steps.map((step) => ({
      ...{ name: step.name, number: step.number, status: step.status, conclusion: step.conclusion },
      started_at: isoOrNull(step.startedAt),
      completed_at: isoOrNull(step.completedAt),
    })),
  };
}

function listJobs({ world, params }: Call<"actions/list-jobs-for-workflow-run">) {
  const run = findRun(world, params.run_id);
  const jobs = run.jobs.map((job) => jobJson(world, run, job));
  return list(jobs, (page) => ({ total_count: jobs.length, jobs: page }));
}

const logOf = (job: Job): Buffer => Buffer.from(job.log.map((line) => `${line}\n`).join(""));

function runLogs({ world, backstage, params }: Call<"actions/download-workflow-run-logs">): Reply {
  const { jobs } = findRun(world, params.run_id);
  const files = jobs.map((job, index) => ({
    name: `${index}_${job.name.replaceAll("/", "_")}.txt`,
    content: logOf(job),
  }));
  return { status: 302, location: backstage.offer({ type: "application/zip", content: zip(files) }) };
}

function jobLogs({ world, backstage, params }: Call<"actions/download-job-logs-for-workflow-run">): Reply {
  const job = [...world.runs.values()].flatMap(({ jobs }) => jobs).find(({ id }) => id === params.job_id);
  if (!job) throw notFound();
  return { status: 302, location: backstage.offer({ type: "text/plain; charset=utf-8", content: logOf(job) }) };
}

function cancel({ world, params }: Call<"actions/cancel-workflow-run">): Reply {
  const run = findRun(world, params.run_id);
  if (run.status === "completed") throw new Refusal(409, "Cannot cancel a workflow run that is completed.");
  world.bus.emit("cancel", { runId: run.id });
  return { status: 202, json: {} };
}

const ARTIFACT_LIFE_MS = 90 * 24 * 60 * 60 * 1000;

function artifactJson(world: World, artifact: Artifact) {
  const url = `${repoApi(world)}/actions/artifacts/${artifact.id}`;
  const run = world.runs.get(artifact.runId);
  const origin = run && {
    ...{ id: run.id, repository_id: world.ids.repo, head_repository_id: world.ids.repo },
    ...{ head_branch: run.headBranch, head_sha: run.headSha },
  };
  return {
    ...{ id: artifact.id, node_id: nodeId("Artifact", artifact.id), name: artifact.name },
    ...{ size_in_bytes: artifact.size, url, archive_download_url: `${url}/zip`, expired: false },
    created_at: iso(artifact.createdAt),
    updated_at: iso(artifact.createdAt),
    expires_at: iso(new Date(artifact.createdAt.getTime() + ARTIFACT_LIFE_MS)),
    workflow_run: origin ?? null,
  };
}

function findArtifact(world: World, id: number): Artifact {
  const artifact = world.artifacts.get(id);
  if (!artifact) throw notFound();
  return artifact;
}

function listArtifacts({ world, params }: Call<"actions/list-workflow-run-artifacts">) {
  const { id } = findRun(world, params.run_id);
  const found = [...world.artifacts.values()].filter(
    ({ runId, name }) => runId === id && (params.name === undefined || params.name === name),
  );
  const artifacts = found.map((artifact) => artifactJson(world, artifact));
  return list(artifacts, (page) => ({ total_count: artifacts.length, artifacts: page }));
}

async function downloadArtifact({ world, backstage, params }: Call<"actions/download-artifact">): Promise<Reply> {
  const { file } = findArtifact(world, params.artifact_id);
  return { status: 302, location: backstage.offer({ type: "application/zip", content: await readFile(file) }) };
}

export const actions: Handlers<Extract<OperationId, `actions/${string}`>> = {
  "actions/create-workflow-dispatch": dispatch,
  "actions/list-workflow-runs-for-repo": listRuns,
  "actions/get-workflow-run": async ({ world, params }) => ok(await runJson(world, findRun(world, params.run_id))),
  "actions/list-jobs-for-workflow-run": listJobs,
  "actions/download-workflow-run-logs": runLogs,
  "actions/download-job-logs-for-workflow-run": jobLogs,
  "actions/cancel-workflow-run": cancel,
  "actions/list-workflow-run-artifacts": listArtifacts,
  "actions/get-artifact": ({ world, params }) => ok(artifactJson(world, findArtifact(world, params.artifact_id))),
  "actions/download-artifact": downloadArtifact,
};
