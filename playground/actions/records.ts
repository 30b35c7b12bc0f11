import { workflowIdOf } from "../github/actions.ts";
import type { Job, Run, World } from "../world.ts";
import type { Cause } from "./cause.ts";
import { resolve, type Scope, text } from "./language.ts";
import { writeLog } from "./machine.ts";
import type { JobPlan, Workflow } from "./workflow.ts";

/** Adds a queued run, without jobs yet, to the world. */
export function addRun(
  world: World,
  cause: Cause,
  about: { readonly id: number; readonly path: string; readonly name: string; readonly title: string },
): Run {
  const earlier = [...world.runs.values()].filter((run) => run.workflowPath === about.path);
  const run: Run = {
    id: about.id,
    number: earlier.length + 1,
    workflowPath: about.path,
    workflowId: workflowIdOf(about.path),
    name: about.name,
    title: about.title,
    event: cause.event,
    headSha: cause.sha,
    headBranch: cause.headBranch,
    actor: cause.actor,
    pulls: pullsAt(world, cause),
    createdAt: world.now(),
    attempt: 1,
    status: "queued",
    conclusion: null,
    startedAt: null,
    updatedAt: world.now(),
    jobs: [],
  };
  world.runs.set(run.id, run);
  return run;
}

function pullsAt(world: World, { headBranch, sha }: Cause): number[] {
  const open = [...world.issues.values()].filter((issue) => issue.state === "open");
  return open.filter(({ pull }) => pull?.head === headBranch && pull.headSha === sha).map((issue) => issue.number);
}

/** Names the run and adds its jobs, as far as they can be known before it starts. */
export function fillRun(world: World, run: Run, workflow: Workflow, scope: Scope): void {
  run.title = text(resolve(workflow.body.find("run-name"), scope)).trim() || run.title;
  for (const plan of workflow.jobs) run.jobs.push(newJob(world, plan.key, jobName(plan, scope)));
}

/** A name that needs the results of other jobs stays the job's key. */
function jobName(plan: JobPlan, scope: Scope): string {
  try {
    return text(resolve(plan.body.find("name"), scope)) || plan.key;
  } catch {
    return plan.key;
  }
}

/** Ends a run that could not be started, with the reasons in the log of a job that stands for the file. */
export function failRun(world: World, run: Run, problems: readonly string[]): void {
  const job = newJob(world, "workflow", run.workflowPath);
  for (const problem of problems) writeLog(world, job, `##[error]${problem}`);
  const now = world.now();
  run.jobs.push(Object.assign(job, { status: "completed", conclusion: "failure", startedAt: now, completedAt: now }));
  completeRun(world, run, "failure");
}

export function beginRun(world: World, run: Run): void {
  Object.assign(run, { status: "in_progress", startedAt: world.now(), updatedAt: world.now() });
  world.bus.emit("run", { action: "in_progress", run });
}

export function completeRun(world: World, run: Run, conclusion: NonNullable<Run["conclusion"]>): void {
  Object.assign(run, { status: "completed", conclusion, updatedAt: world.now() });
  const unfinished = run.jobs.filter((job) => job.status !== "completed");
  for (const job of unfinished) Object.assign(job, { status: "completed", conclusion, completedAt: world.now() });
  world.bus.emit("run", { action: "completed", run });
}

function newJob(world: World, key: string, name: string): Job {
  return {
    id: world.nextId(),
    key,
    name,
    status: "queued",
    conclusion: null,
    startedAt: null,
    completedAt: null,
    log: [],
    steps: [],
    summary: "",
  };
}
