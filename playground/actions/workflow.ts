import type { EventsConfig } from "@actions/workflow-parser/model/workflow-template";
import type { MappingToken } from "@actions/workflow-parser/templates/tokens/mapping-token";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/template-token";
import { git } from "../github/git.ts";
import type { World } from "../world.ts";
import { type Json, parser } from "./language.ts";

/** A workflow file as GitHub's parser accepts it. Tokens still hold their expressions; `resolve` evaluates them. */
export interface Workflow {
  readonly name: string;
  readonly events: EventsConfig;
  readonly body: MappingToken;
  readonly jobs: readonly JobPlan[];
}

export interface JobPlan {
  readonly key: string;
  readonly needs: readonly string[];
  /** An expression without `${{ }}` that asks for the status itself: `success() && (…)` unless the file says more. */
  readonly condition: string;
  readonly body: MappingToken;
  readonly steps: readonly StepPlan[];
}

export interface StepPlan {
  /** The step's own id, or one beginning with `__`. */
  readonly id: string;
  readonly condition: string;
  readonly body: MappingToken;
}

/** Each problem names file, line, column and reason. */
export type WorkflowFile = { readonly path: string } & (
  | { readonly ok: true; readonly workflow: Workflow }
  | { readonly ok: false; readonly problems: readonly string[] }
);

/** The keys that the playground acts on; `*` is any key or item, `true` whatever is below. */
type Shape = true | { readonly [key: string]: Shape };

const step: Shape = { id: true, name: true, if: true, uses: true, with: true, run: true, env: true };
const supported: Shape = {
  ...{ name: true, "run-name": true, permissions: true, env: true, concurrency: { group: true } },
  on: {
    ...{ issue_comment: { types: true }, issues: { types: true } },
    push: { branches: true },
    pull_request: { branches: true, types: true },
    workflow_dispatch: { inputs: { "*": { description: true, required: true, default: true, type: true } } },
    "*": true,
  },
  jobs: {
    "*": {
      ...{ name: true, needs: true, if: true, "runs-on": true, permissions: true, env: true, outputs: true },
      ...{ "timeout-minutes": true, concurrency: { group: true }, steps: { "*": step } },
    },
  },
};

/** The workflow files of a commit. */
export async function workflowsAt({ gitDir }: World, commit: string): Promise<WorkflowFile[]> {
  const listed = await git(gitDir, ["ls-tree", "--name-only", "-z", commit, ".github/workflows/"]);
  const paths = listed.split("\0").filter((path) => /\.ya?ml$/.test(path));
  const read = async (path: string) => readWorkflow(path, await git(gitDir, ["cat-file", "blob", `${commit}:${path}`]));
  return Promise.all(paths.map(read));
}

async function readWorkflow(path: string, content: string): Promise<WorkflowFile> {
  const { context, value } = parser.parseWorkflow({ name: path, content }, new parser.NoOperationTraceWriter());
  const template = value && (await parser.convertWorkflowTemplate(context, value));
  const invalid = context.errors.getErrors().map((error) => error.message);
  if (!template || invalid.length > 0) return { ok: false, path, problems: invalid };
  const problems = unsupportedKeys(value, supported).map((problem) => `${path} ${problem}`);
  if (problems.length > 0) return { ok: false, path, problems };

  const body = value.assertMapping("workflow");
  const bodies = body.find("jobs")?.assertMapping("jobs");
  const jobs = template.jobs.map((job): JobPlan => {
    const own = bodies?.find(job.id.value)?.assertMapping("job");
    if (!own || job.type !== "job") throw new Error(`${path}: the job ${job.id.value} has no steps.`);
    const needs = (job.needs ?? []).map((need) => need.value);
    const steps = Array.from(own.find("steps")?.assertSequence("steps") ?? [], (token, index): StepPlan => {
      const step = job.steps[index];
      return { id: step?.id ?? "", condition: step?.if?.expression ?? "success()", body: token.assertMapping("step") };
    });
    return { key: job.id.value, needs, condition: job.if.expression, body: own, steps };
  });
  const name = body.find("name")?.toString() || path;
  return { ok: true, path, workflow: { name, events: template.events, body, jobs } };
}

function unsupportedKeys(token: TemplateToken, shape: Shape): string[] {
  if (shape === true) return [];
  if (parser.isSequence(token)) return Array.from(token).flatMap((item) => unsupportedKeys(item, shape["*"] ?? true));
  if (!parser.isMapping(token)) return [];
  return Array.from(token).flatMap(({ key, value }) => {
    const below = shape[key.toString()] ?? shape["*"];
    if (below !== undefined) return unsupportedKeys(value, below);
    return [`(Line: ${key.line}, Col: ${key.col}): \`${key}\` is not supported by the playground.`];
  });
}

/** What a dispatch gives, with the workflow's defaults; booleans become booleans. Without problems the values hold. */
export function readInputs({ events }: Workflow, given: Readonly<Record<string, string>>) {
  const declared = events.workflow_dispatch?.inputs ?? {};
  const problems = Object.keys(given)
    .filter((name) => !Object.hasOwn(declared, name))
    .map((name) => `Unexpected input \`${name}\`: the workflow does not declare it.`);
  const values: Record<string, Json> = {};
  for (const [name, { type, required, default: usual = "" }] of Object.entries(declared)) {
    const value = given[name] ?? String(usual);
    if (required && value === "") problems.push(`The required input \`${name}\` is missing.`);
    values[name] = String(type) === "boolean" ? value === "true" : value;
  }
  return { problems, values };
}
