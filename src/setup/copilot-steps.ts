import { Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";

export const copilotPath = ".github/workflows/copilot-setup-steps.yml";

export type CopilotSteps =
  | {
      readonly ok: true;
      /** As they stand in a job of a workflow, each line indented by six. */
      readonly steps: string;
      /** What the job says beside its steps, which a step cannot have. */
      readonly left: readonly string[];
    }
  | { readonly ok: false; readonly why: string };

/** Reads the steps of the one job of a `copilot-setup-steps.yml`; the checkout is the workflow's own. */
export function readCopilotSteps(text: string): CopilotSteps {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) return { ok: false, why: `It is not valid YAML: ${error.message.split("\n")[0]?.replace(/:$/, "")}.` };
  const job = jobOf(document.get("jobs"));
  if (!job) return { ok: false, why: "It has no job copilot-setup-steps." };
  const steps = job.get("steps");
  if (!isSeq(steps)) return { ok: false, why: "Its job has no steps." };
  return { ok: true, steps: print(steps), left: leftOut(job) };
}

function jobOf(jobs: unknown): YAMLMap | null {
  if (!isMap(jobs)) return null;
  const only = jobs.items.length === 1 ? jobs.items[0]?.value : null;
  const job = jobs.get("copilot-setup-steps") ?? only;
  return isMap(job) ? job : null;
}

function print(steps: YAMLSeq): string {
  const kept = steps.items.filter((step) => !isCheckout(step));
  if (kept.length === 0) return "";
  steps.items = kept;
  steps.flow = false;
  const text = new Document(steps).toString({ lineWidth: 0 });
  return text.replace(/^(?=.)/gm, "      ").replace(/\n*$/, "\n");
}

function isCheckout(step: unknown): boolean {
  const uses = isMap(step) ? step.get("uses") : null;
  return typeof uses === "string" && /^actions\/checkout@/.test(uses);
}

const unmovable = ["container", "services", "env", "defaults", "strategy", "environment"];

function leftOut(job: YAMLMap): readonly string[] {
  const keys = job.items.flatMap(({ key }) => (isScalar(key) ? [String(key.value)] : []));
  const machine = job.get("runs-on");
  const other = machine !== undefined && machine !== "ubuntu-latest" ? ["runs-on"] : [];
  return [...other, ...keys.filter((key) => unmovable.includes(key))];
}
