import type { EventsConfig, InputConfig } from "@actions/workflow-parser/model/workflow-template";
import type { Json } from "./language.ts";

/** Something that happened in the repository, as far as it can start workflows. */
export type Trigger =
  | { readonly event: "push"; readonly branch: string }
  | { readonly event: "pull_request"; readonly action: string; readonly base: string };

const defaultPullTypes: readonly string[] = ["opened", "synchronize", "reopened"];

/** Whether a workflow's `on:` answers the trigger. `paths` filters are not read: such a workflow always starts. */
export function startsOn(events: EventsConfig, trigger: Trigger): boolean {
  switch (trigger.event) {
    case "push": {
      const filter = events.push;
      if (!filter) return false;
      const tagsOnly = (filter.tags || filter["tags-ignore"]) && !filter.branches && !filter["branches-ignore"];
      return !tagsOnly && branchPasses(filter, trigger.branch);
    }
    case "pull_request": {
      const filter = events.pull_request;
      if (!filter) return false;
      return (filter.types ?? defaultPullTypes).includes(trigger.action) && branchPasses(filter, trigger.base);
    }
  }
}

interface BranchFilter {
  readonly branches?: string[];
  readonly "branches-ignore"?: string[];
}

/** Patterns count in order, `!` takes back what an earlier one let in. */
function branchPasses(filter: BranchFilter, branch: string): boolean {
  if (filter.branches) {
    return filter.branches.reduce((passes, pattern) => {
      const negative = pattern.startsWith("!");
      return glob(negative ? pattern.slice(1) : pattern).test(branch) ? !negative : passes;
    }, false);
  }
  return !(filter["branches-ignore"] ?? []).some((pattern) => glob(pattern).test(branch));
}

/** GitHub's filter patterns: `*` within a segment, `**` across, `?` and `+` repeat what stands before, `[…]` a set. */
function glob(pattern: string): RegExp {
  const source = pattern.replace(/\*\*|\*|\[[^\]]*\]|[?+]|[.^$(){}|\\/]/g, (part) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part.startsWith("[") || part === "?" || part === "+" ? part : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

export type Inputs = { ok: true; values: Record<string, Json> } | { ok: false; problems: readonly string[] };

/** Checks a dispatch against the workflow's declared inputs and fills in defaults; booleans become booleans. */
export function checkInputs(events: EventsConfig, given: Readonly<Record<string, string>>): Inputs {
  const dispatch = events.workflow_dispatch;
  if (!dispatch) return { ok: false, problems: ["The workflow has no `workflow_dispatch` trigger."] };
  const declared = dispatch.inputs ?? {};
  const unexpected = Object.keys(given).filter((name) => !Object.hasOwn(declared, name));
  const problems = unexpected.map((name) => `Unexpected input \`${name}\`: the workflow does not declare it.`);
  const values: Record<string, Json> = {};
  for (const [name, config] of Object.entries(declared)) {
    const value = given[name] ?? config.default?.toString() ?? (isBoolean(config) ? "false" : "");
    const problem = inputProblem(name, config, value);
    if (problem) problems.push(problem);
    values[name] = isBoolean(config) ? value === "true" : value;
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, values };
}

function inputProblem(name: string, config: InputConfig, value: string): string | null {
  if (config.required && value === "") return `The required input \`${name}\` is missing.`;
  if (isBoolean(config) && value !== "true" && value !== "false")
    return `The input \`${name}\` must be true or false, not "${value}".`;
  if (config.options && value !== "" && !config.options.includes(value))
    return `The input \`${name}\` must be one of ${config.options.join(", ")}, not "${value}".`;
  return null;
}

function isBoolean(config: InputConfig): boolean {
  return config.type.toString() === "boolean";
}
