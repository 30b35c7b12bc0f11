import { runJob } from "./job.ts";
import { atFirst, fields, holds, resolve, type Scope, text } from "./language.ts";
import type { JobCall, Outcome } from "./machine.ts";
import { uninterrupted } from "./processes.ts";
import { type Conclusion, conclude, writeLog } from "./records.ts";
import type { JobPlan } from "./workflow.ts";

type RunCall = Omit<JobCall, "job" | "plan">;

interface End extends Outcome {
  readonly key: string;
  /** The conclusions of the job and of all that it depends on, however far back. */
  readonly lineage: readonly Conclusion[];
}

/** Runs the jobs of a run, each as soon as its needs have ended. */
export async function runJobs(call: RunCall): Promise<Conclusion> {
  const { jobs } = call.workflow;
  const ends = new Map<string, Promise<End>>();
  const end = (plan: JobPlan): Promise<End> => {
    const ending = ends.get(plan.key) ?? runAfter(plan);
    ends.set(plan.key, ending);
    return ending;
  };
  const runAfter = async (plan: JobPlan): Promise<End> => {
    const needs = await Promise.all(jobs.filter(({ key }) => plan.needs.includes(key)).map(end));
    return decideAndRun(call, plan, needs);
  };
  const conclusions = (await Promise.all(jobs.map(end))).map(({ conclusion }) => conclusion);
  return conclude(conclusions, call.stop.gently.aborted);
}

function groupOf({ body }: JobPlan, scope: Scope): string {
  const concurrency = resolve(body.find("concurrency"), scope);
  return text(fields(concurrency).group ?? concurrency);
}

/** A job that waits is cancelled with its run, and where another one comes to wait for the same. */
async function inGroup({ inTurn, stop }: RunCall, group: string, begin: () => Promise<Outcome>): Promise<Outcome> {
  let outcome: Outcome = { conclusion: "cancelled", outputs: {} };
  await inTurn(group, uninterrupted(stop).gently, async () => {
    outcome = await begin();
  });
  return outcome;
}

async function decideAndRun(call: RunCall, plan: JobPlan, needs: readonly End[]): Promise<End> {
  const { world, run, stop } = call;
  const job = run.jobs.find(({ key }) => key === plan.key);
  if (!job) throw new Error(`The run has no job ${plan.key}.`);
  const before = needs.flatMap(({ lineage }) => lineage);
  const cancelled = stop.gently.aborted;
  const perform = async (): Promise<Outcome> => {
    const results = needs.map(({ key, conclusion, outputs }) => [key, { result: conclusion, outputs }]);
    const contexts = { ...call.contexts, needs: Object.fromEntries(results) };
    const failure = !cancelled && before.includes("failure");
    const success = !cancelled && before.every((conclusion) => conclusion === "success");
    const wanted = !stop.now.aborted && holds(plan.condition, { contexts, status: { cancelled, failure, success } });
    if (!wanted) return { conclusion: cancelled ? "cancelled" : "skipped", outputs: {} };
    const begin = (): Promise<Outcome> => {
      Object.assign(job, { status: "in_progress", startedAt: world.now() });
      return runJob({ ...call, plan, job, contexts, stop: uninterrupted(stop) });
    };
    const group = groupOf(plan, { contexts, status: atFirst });
    return group ? inGroup(call, group, begin) : begin();
  };
  const result = await perform().catch((error: Error): Outcome => {
    writeLog(world, job, `##[error]${error.message}`);
    return { conclusion: "failure", outputs: {} };
  });
  Object.assign(job, { status: "completed", conclusion: result.conclusion, completedAt: world.now() });
  return { ...result, key: plan.key, lineage: [...before, result.conclusion] };
}
