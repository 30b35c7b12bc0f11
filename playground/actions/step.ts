import type { Json, Scope } from "./language.ts";
import { type Executed, type Machine, print } from "./machine.ts";
import type { Stop } from "./processes.ts";

/** A step with everything in it evaluated. */
export interface StepCall {
  readonly machine: Machine;
  readonly scope: Scope;
  /** The step's keys from the file: `run` or `uses`, `with`, `shell`, … */
  readonly body: Readonly<Record<string, Json>>;
  readonly env: Readonly<Record<string, string>>;
  readonly inputs: Readonly<Record<string, string>>;
  readonly stop: Stop;
}

export interface StepOutcome {
  readonly conclusion: "success" | "failure" | "cancelled";
  /** Why it is not a success, for the log. */
  readonly problem?: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly post?: Post;
}

/** What an action wants done after the job's steps. */
export interface Post {
  readonly condition: string;
  readonly perform: (stop: Stop) => Promise<StepOutcome>;
}

export function failed(problem: string): StepOutcome {
  return { conclusion: "failure", problem, outputs: {} };
}

/** What became of a step from what became of its process. */
export function outcome(stop: Stop, { ending, outputs, problem }: Executed): StepOutcome {
  if (stop.gently.aborted || stop.now.aborted)
    return { conclusion: "cancelled", problem: "The operation was canceled.", outputs };
  switch (ending.kind) {
    case "not-started":
      return failed(`The process could not be started: ${ending.reason}`);
    case "killed":
      return { ...failed(`The process was killed from outside by ${ending.signal}.`), outputs };
    case "exited":
      if (ending.code !== 0) return { ...failed(`Process completed with exit code ${ending.code}.`), outputs };
      return problem ? failed(problem) : { conclusion: "success", outputs };
  }
}

export function printGroup(machine: Machine, title: string, content: string): void {
  print(machine, [`##[group]${title}`, ...(content ? [content] : []), "##[endgroup]"].join("\n"));
}

export function listing(title: string, values: Readonly<Record<string, string>>): string {
  const entries = Object.entries(values);
  return entries.length === 0 ? "" : [`${title}:`, ...entries.map(([name, value]) => `  ${name}: ${value}`)].join("\n");
}
