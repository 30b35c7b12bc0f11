import { workflowIdOf } from "../github/actions.ts";
import type { Job, Run, World } from "../world.ts";
import type { Json } from "./language.ts";
import type { Start } from "./starts.ts";

export type Conclusion = NonNullable<Run["conclusion"]>;

/** Adds a queued run, without jobs yet, to the world. */
export function addRun(world: World, start: Start): Run {
  const { runId: id, file, event, sha, branch, actor } = start;
  const earlier = [...world.runs.values()].filter((run) => run.workflowPath === file.path);
  const name = file.ok ? file.workflow.name : file.path;
  const open = [...world.issues.values()].filter((issue) => issue.state === "open");
  const pulls = open.filter(({ pull }) => pull?.head === branch && pull.headSha === sha).map(({ number }) => number);
  const run: Run = {
    ...{ id, number: earlier.length + 1, attempt: 1, workflowPath: file.path, workflowId: workflowIdOf(file.path) },
    ...{ name, title: start.title || name, event, headSha: sha, headBranch: branch, actor, pulls, jobs: [] },
    ...{ status: "queued", conclusion: null, createdAt: world.now(), startedAt: null, updatedAt: world.now() },
  };
  world.runs.set(id, run);
  return run;
}

export function addJob(world: World, run: Run, about: { readonly key: string; readonly name: string }): Job {
  const times = { startedAt: null, completedAt: null };
  const job: Job = {
    ...{ ...about, ...times, id: world.nextId(), status: "queued", conclusion: null, log: [], steps: [], summary: "" },
  };
  run.jobs.push(job);
  return job;
}

export function beginRun(world: World, run: Run): void {
  Object.assign(run, { status: "in_progress", startedAt: world.now(), updatedAt: world.now() });
  world.bus.emit("run", { action: "in_progress", run });
}

export function completeRun(world: World, run: Run, conclusion: Conclusion): void {
  Object.assign(run, { status: "completed", conclusion, updatedAt: world.now() });
  const unfinished = run.jobs.filter((job) => job.status !== "completed");
  for (const job of unfinished) Object.assign(job, { status: "completed", conclusion, completedAt: world.now() });
  world.bus.emit("run", { action: "completed", run });
}

/** Ends a run that could not be started, with the reasons in the log of a job that stands for the file. */
export function failRun(world: World, run: Run, problems: readonly string[]): void {
  const job = addJob(world, run, { key: "workflow", name: run.workflowPath });
  job.startedAt = world.now();
  for (const problem of problems) writeLog(world, job, `##[error]${problem}`);
  completeRun(world, run, "failure");
}

/** Adds lines to a job's log, each with its timestamp in front. */
export function writeLog(world: World, job: Job, message: string): void {
  const now = world.now().toISOString().replace("Z", "0000Z");
  for (const line of message.split("\n")) job.log.push(`${now} ${line}`);
}

/** The `github` context of a run; a job adds its own keys. Every key of it but `event` becomes a GITHUB_* variable of the steps. */
export function githubContext({ owner, repo, ids, url }: World, run: Run, start: Start): Record<string, Json> {
  const { ref, sha, actor, event, pull, payload } = start;
  const repository = `${owner}/${repo}`;
  return {
    event: JSON.parse(JSON.stringify(payload)) as Json,
    ...{ actor: actor.login, actor_id: String(actor.id), event_name: event },
    ...{ server_url: url, api_url: `${url}/api/v3` },
    ...{ repository, repository_id: String(ids.repo) },
    ...{ repository_owner: owner, repository_owner_id: String(ids.owner) },
    ...{ ref, sha, ref_name: ref.replace(/^refs\/(heads|pull)\//, ""), ref_type: "branch", ref_protected: "false" },
    ...{ base_ref: pull?.pull?.base ?? "", head_ref: pull?.pull?.head ?? "" },
    ...{ run_id: String(run.id), run_number: String(run.number), run_attempt: String(run.attempt) },
    ...{ workflow: run.name, workflow_ref: `${repository}/${run.workflowPath}@${ref}`, workflow_sha: sha },
  };
}

/** The worst conclusion counts; where everything was skipped, so is the whole. */
export function conclude(conclusions: readonly Conclusion[], cancelled: boolean): Conclusion {
  if (cancelled || conclusions.includes("cancelled")) return "cancelled";
  if (conclusions.includes("failure")) return "failure";
  return conclusions.length > 0 && conclusions.every((one) => one === "skipped") ? "skipped" : "success";
}
