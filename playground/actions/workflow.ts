import type { EventsConfig } from "@actions/workflow-parser/model/workflow-template";
import type { MappingToken } from "@actions/workflow-parser/templates/tokens/mapping-token";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/template-token";
import { parser } from "./language.ts";

/** A workflow file as GitHub's parser accepts it. Tokens still hold their expressions; `resolve` evaluates them. */
export interface Workflow {
  readonly path: string;
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
export type WorkflowFile = { ok: true; workflow: Workflow } | { ok: false; problems: readonly string[] };

export async function readWorkflow(path: string, content: string): Promise<WorkflowFile> {
  const { context, value } = parser.parseWorkflow({ name: path, content }, new parser.NoOperationTraceWriter());
  const template = value && (await parser.convertWorkflowTemplate(context, value));
  const problems = context.errors.getErrors().map((error) => error.message);
  if (!template || problems.length > 0) return { ok: false, problems };

  const body = value.assertMapping("workflow");
  const jobs = template.jobs.flatMap((job): JobPlan[] => {
    const own = body.find("jobs")?.assertMapping("jobs").find(job.id.value)?.assertMapping("job");
    const steps = job.type === "job" ? job.steps : [];
    const bodies = Array.from(own?.find("steps")?.assertSequence("steps") ?? []);
    if (!own) return [];
    return [
      {
        key: job.id.value,
        needs: (job.needs ?? []).map((need) => need.value),
        condition: job.if.expression,
        body: own,
        steps: steps.flatMap((step, index): StepPlan[] => {
          const token = bodies[index];
          if (!token) return [];
          return [{ id: step.id, condition: step.if?.expression ?? "success()", body: token.assertMapping("step") }];
        }),
      },
    ];
  });
  return {
    ok: true,
    workflow: { path, name: literal(body.find("name")) ?? path, events: template.events, body, jobs },
  };
}

function literal(token: TemplateToken | undefined): string | null {
  return token && parser.isString(token) && token.value ? token.value : null;
}
