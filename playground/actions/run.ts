import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/template-token";
import type { Job, Run, World } from "../world.ts";
import { type JobResult, runJob } from "./job.ts";
import type { Lanes } from "./lanes.ts";
import { holds, isRecord, resolve, type Scope, text } from "./language.ts";
import { writeLog } from "./machine.ts";
import { type Conclusion, conclude, jobStatus } from "./plan.ts";
import type { Stop } from "./processes.ts";
import type { JobPlan, Workflow } from "./workflow.ts";

export interface RunOptions {
  readonly world: World;
  readonly run: Run;
  readonly workflow: Workflow;
  /** `github`, `inputs`, `vars`. */
  readonly contexts: Scope["contexts"];
  readonly actions: Readonly<Record<string, string>>;
  readonly lanes: Lanes;
  readonly stop: Stop;
}

/** Runs the jobs of a run, each as soon as its needs have ended. */
export async function runJobs(options: RunOptions): Promise<Conclusion> {
  const { workflow, stop, run } = options;
  const ends = new Map<string, Promise<JobResult>>();
  const end = (plan: JobPlan): Promise<JobResult> => {
    const known = ends.get(plan.key);
    if (known) return known;
    const started = runAfter(plan);
    ends.set(plan.key, started);
    return started;
  };
  const results = new Map<string, JobResult>();
  const runAfter = async (plan: JobPlan): Promise<JobResult> => {
    await Promise.all(workflow.jobs.filter((other) => plan.needs.includes(other.key)).map(end));
    const job = run.jobs.find((candidate) => candidate.key === plan.key);
    if (!job) throw new Error(`The run has no job ${plan.key}.`);
    const result = await decideAndRun({ ...options, plan, job, results });
    results.set(plan.key, result);
    Object.assign(job, { status: "completed", conclusion: result.conclusion, completedAt: options.world.now() });
    return result;
  };
  const all = await Promise.all(workflow.jobs.map(end));
  return conclude(
    all.map((result) => result.conclusion),
    stop.gently.aborted,
  );
}

interface JobCall extends RunOptions {
  readonly plan: JobPlan;
  readonly job: Job;
  readonly results: ReadonlyMap<string, JobResult>;
}

const nothing = {} as const;

async function decideAndRun(call: JobCall): Promise<JobResult> {
  const { plan, stop, world, job } = call;
  const cancelled = () => stop.gently.aborted;
  try {
    const wanted = () => !stop.now.aborted && holds(plan.condition, jobScope(call, cancelled()));
    if (!wanted()) return { conclusion: cancelled() ? "cancelled" : "skipped", outputs: nothing };
    return await runInLane(call, wanted);
  } catch (error) {
    writeLog(world, job, `##[error]${error instanceof Error ? error.message : String(error)}`);
    return { conclusion: "failure", outputs: nothing };
  }
}

/** As on GitHub, cancelling a run leaves those of its jobs alone whose `if` still holds. */
async function runInLane(call: JobCall, wanted: () => boolean): Promise<JobResult> {
  const { plan, stop, world, job, run, lanes } = call;
  const scope = jobScope(call, stop.gently.aborted);
  const cancel = new AbortController();
  const over = new AbortController();
  const onCancel = () => {
    if (!wanted()) cancel.abort();
  };
  stop.gently.addEventListener("abort", onCancel, { once: true, signal: over.signal });
  const start = () => {
    Object.assign(job, { status: "in_progress", startedAt: world.now() });
    return runJob({ ...call, contexts: scope.contexts, stop: { gently: cancel.signal, now: stop.now } });
  };
  try {
    const name = `job ${run.id} ${plan.key}`;
    const result = await inLane(lanes, plan.body.find("concurrency"), scope, { name, cancel }, start);
    return result ?? { conclusion: "cancelled", outputs: nothing };
  } finally {
    over.abort();
  }
}

/** Does `start` when the concurrency group is free, at once where there is none; null when cancelled before. */
export async function inLane<Result>(
  lanes: Lanes,
  concurrency: TemplateToken | undefined,
  scope: Scope,
  who: { readonly name: string; readonly cancel: AbortController },
  start: () => Promise<Result>,
): Promise<Result | null> {
  const value = resolve(concurrency, scope);
  const group = text(isRecord(value) ? value.group : value);
  if (group === "") return await start();
  const cancelInProgress = isRecord(value) && text(value["cancel-in-progress"]) === "true";
  const { name, cancel } = who;
  const entry = { name, group, cancelInProgress, signal: cancel.signal, cancel: () => cancel.abort() };
  if (!(await lanes.enter(entry))) return null;
  try {
    return await start();
  } finally {
    lanes.leave(group, name);
  }
}

function jobScope(call: JobCall, cancelled: boolean): Scope {
  const { plan, workflow, contexts, results } = call;
  const ended = new Map([...results].map(([key, result]) => [key, result.conclusion]));
  const needs = plan.needs.map((key) => {
    const result = results.get(key);
    return [key, { result: result?.conclusion ?? "skipped", outputs: result?.outputs ?? nothing }] as const;
  });
  const status = jobStatus({ job: plan, jobs: workflow.jobs, results: ended, cancelled });
  return { contexts: { ...contexts, needs: Object.fromEntries(needs), strategy: nothing, matrix: nothing }, status };
}
