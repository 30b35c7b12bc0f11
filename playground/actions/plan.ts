import type { Status } from "./language.ts";
import type { JobPlan } from "./workflow.ts";

export type Conclusion = "success" | "failure" | "cancelled" | "skipped";

/** What became of the jobs so far; a job that is not in it has not ended. */
export type Results = ReadonlyMap<string, Conclusion>;

/** The status functions of a job's `if`: they look at everything the job depends on, however far back. */
export function jobStatus(options: {
  readonly job: JobPlan;
  readonly jobs: readonly JobPlan[];
  readonly results: Results;
  readonly cancelled: boolean;
}): Status {
  const { cancelled } = options;
  const before = ancestors(options.job, options.jobs).map((key) => options.results.get(key));
  return {
    cancelled,
    failure: !cancelled && before.includes("failure"),
    success: !cancelled && before.every((result) => result === "success"),
  };
}

function ancestors(job: JobPlan, jobs: readonly JobPlan[]): string[] {
  const seen = new Set<string>();
  const visit = (key: string) => {
    if (seen.has(key)) return;
    seen.add(key);
    for (const need of jobs.find((candidate) => candidate.key === key)?.needs ?? []) visit(need);
  };
  for (const need of job.needs) visit(need);
  return [...seen];
}

/** The worst conclusion counts; where everything was skipped, so is the whole. */
export function conclude(conclusions: readonly Conclusion[], cancelled: boolean): Conclusion {
  if (cancelled || conclusions.includes("cancelled")) return "cancelled";
  if (conclusions.includes("failure")) return "failure";
  return conclusions.length > 0 && conclusions.every((one) => one === "skipped") ? "skipped" : "success";
}
