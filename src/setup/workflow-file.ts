import { createHash } from "node:crypto";
import { withoutSteps, withSteps } from "./setup-steps.ts";

/** How a repository uses Offshoot: with the app, or with its own workflow alone. */
export type Way = "app" | "workflow";

export const workflowPath = ".github/workflows/offshoot.yml";

export interface WorkflowChoices {
  readonly way: Way;
  /** Public URL of the app, where it is known. */
  readonly app: string | null;
  /** Names of the secrets that hold providers' keys. */
  readonly keys: readonly string[];
  /** Steps that prepare the machine, as they stand in the workflow; empty: none. */
  readonly steps: string;
}

/** The workflow without the events that the app hears of by itself: only the app, a run or a person starts it. */
export function forApp(workflow: string): string {
  const reduced = workflow.replace(/^on:\n(?: .*\n|\n)*?(?= {2}workflow_dispatch:)/m, "on:\n");
  if (!/^on:\n {2}workflow_dispatch:/m.test(reduced))
    throw new Error("The workflow has no `workflow_dispatch` under `on:`.");
  return reduced;
}

/** The workflow for one repository, with a stamp by which a change of a person's is told. */
export function writeWorkflow(template: string, { way, app, keys, steps }: WorkflowChoices): string {
  const events = way === "app" ? forApp(template) : template;
  const address = app ? `# The app that asks for runs: ${app}\n` : "";
  return stamped(address + withSteps(withKeys(events, keys), steps));
}

const openaiKey = /^( +)OPENAI_API_KEY: \$\{\{ secrets\.OPENAI_API_KEY \}\}\n/m;

/** Gives the turn's step the keys of other providers beside OpenAI's. */
function withKeys(workflow: string, keys: readonly string[]): string {
  const others = [...new Set(keys)].filter((key) => key !== "OPENAI_API_KEY").sort();
  return workflow.replace(openaiKey, (line, indent: string) =>
    [line, ...others.map((key) => `${indent}${key}: \${{ secrets.${key} }}\n`)].join(""),
  );
}

const stamp = /^# Written by `offshoot init`, which keeps it up to date while nobody changes it\. ([0-9a-f]{16})\n/;

function stamped(body: string): string {
  return `# Written by \`offshoot init\`, which keeps it up to date while nobody changes it. ${fingerprint(body)}\n${body}`;
}

/** Of everything but the steps that prepare the machine, which people may change as they like. */
function fingerprint(body: string): string {
  return createHash("sha256").update(withoutSteps(body)).digest("hex").slice(0, 16);
}

/** Whether a person wrote or changed the file: it is neither as `init` wrote it nor the template as it is. */
export function isChanged(file: string, template: string): boolean {
  const text = file.replaceAll("\r\n", "\n");
  const [line = "", print] = stamp.exec(text) ?? [];
  if (print) return fingerprint(text.slice(line.length)) !== print;
  return ![template, forApp(template)].some((plain) => withoutSteps(plain) === withoutSteps(text));
}

/** The address of the app, where the file has it. */
export function appOf(file: string): string | null {
  return /^# The app that asks for runs: (\S+)$/m.exec(file)?.[1] ?? null;
}
