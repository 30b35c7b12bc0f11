import type { Step } from "../world.ts";
import { holds, type Json, resolve, resolveStrings, type Scope, text } from "./language.ts";
import { closeMachine, failed, type JobCall, type Machine, type Outcome, openMachine, print } from "./machine.ts";
import { uninterrupted } from "./processes.ts";
import { type Conclusion, conclude } from "./records.ts";
import { performStep, type StepOutcome } from "./steps.ts";
import type { StepPlan } from "./workflow.ts";

/** A job while its steps run. */
interface Running extends Machine {
  /** The `steps` context. */
  readonly steps: Record<string, Json>;
  readonly conclusions: Conclusion[];
}

const defaultMinutes = 360;
const skipped: Outcome = { conclusion: "skipped", outputs: {} };

/** Runs a job from its first step to its last post step. Nothing of it is left when the promise resolves. */
export async function runJob(call: JobCall): Promise<Outcome> {
  const limit = Number(call.plan.body.find("timeout-minutes")?.toString() ?? defaultMinutes);
  const timeout = AbortSignal.timeout(limit * 60_000);
  const stop = { now: call.stop.now, gently: AbortSignal.any([call.stop.gently, timeout]) };
  const machine = await openMachine({ ...call, stop });
  try {
    return await runSteps({ ...machine, steps: {}, conclusions: [] });
  } catch (error) {
    print(machine, `##[error]${error instanceof Error ? error.message : String(error)}`);
    return { conclusion: "failure", outputs: {} };
  } finally {
    if (timeout.aborted) print(machine, `##[error]The job has exceeded its ${limit} minutes.`);
    await closeMachine(machine);
  }
}

async function runSteps(job: Running): Promise<Outcome> {
  for (const { body } of [job.workflow, job.plan])
    Object.assign(job.env, resolveStrings(body.find("env"), scope(job, job.env)));

  const posts: (() => Promise<Outcome>)[] = [];
  for (const step of job.plan.steps) {
    const name = stepName(job, step);
    const { outputs, conclusion, post } = await record(job, name, () => runStep(job, step));
    job.steps[step.id] = { outputs, outcome: conclusion, conclusion };
    if (post) posts.unshift(() => record(job, `Post ${name}`, () => post(uninterrupted(job.stop))));
  }
  for (const post of posts) await post();
  const outputs = resolveStrings(job.plan.body.find("outputs"), scope(job, job.env));
  const ran = job.conclusions.filter((one) => one !== "skipped");
  return { conclusion: conclude(ran, job.stop.gently.aborted), outputs };
}

async function runStep(job: Running, { id, condition, body }: StepPlan): Promise<StepOutcome> {
  const env = { ...job.env, ...resolveStrings(body.find("env"), scope(job, job.env)) };
  const at = scope(job, env);
  if (!holds(condition, at)) return skipped;
  const what = { uses: text(resolve(body.find("uses"), at)), script: text(resolve(body.find("run"), at)) };
  const given = { inputs: resolveStrings(body.find("with"), at), env: { ...env, GITHUB_ACTION: id } };
  return performStep({ ...what, ...given, machine: job, scope: at, stop: uninterrupted(job.stop) });
}

/** Shows a step in the job's list, from its beginning to its end; the end of the playground leaves it out. */
async function record(running: Running, name: string, perform: () => Promise<StepOutcome>): Promise<StepOutcome> {
  const { job, world, stop, conclusions } = running;
  const times = { startedAt: world.now(), completedAt: null };
  const step: Step = { number: job.steps.length + 1, name, status: "in_progress", conclusion: null, ...times };
  job.steps.push(step);
  const outcome = stop.now.aborted ? skipped : await perform().catch((error: Error) => failed(error.message));
  if (outcome.problem) print(running, `##[error]${outcome.problem}`);
  conclusions.push(outcome.conclusion);
  Object.assign(step, { status: "completed", conclusion: outcome.conclusion, completedAt: world.now() });
  return outcome;
}

function scope(job: Running, env: Record<string, string>): Scope {
  const { contexts, github, secrets, steps, conclusions } = job;
  const cancelled = job.stop.gently.aborted;
  const failure = !cancelled && conclusions.includes("failure");
  const status = { cancelled, failure, success: !cancelled && !failure };
  return { contexts: { ...contexts, github, env, secrets, steps }, status };
}

/** As on GitHub: the given name, else what the step runs. */
function stepName(job: Running, { body }: StepPlan): string {
  const given = body.find("name");
  const name = text(resolve(given ?? body.find("uses") ?? body.find("run"), scope(job, job.env)));
  return given ? name : `Run ${name.trim().split("\n")[0]}`;
}
