import { type ConfigChoices, configPath, writeConfig } from "./config-file.ts";
import { copilotPath, readCopilotSteps } from "./copilot-steps.ts";
import { difference } from "./difference.ts";
import type { Files } from "./repository.ts";
import { nextSteps, stepsIn, whoseSteps } from "./setup-steps.ts";
import { appOf, isChanged, type Way, workflowPath, writeWorkflow } from "./workflow-file.ts";

/** What is chosen for a repository. */
export interface Choices {
  readonly way: Way;
  readonly app: string | null;
  /** For a configuration that is not there yet. */
  readonly config: ConfigChoices;
  /** Names of the secrets that hold providers' keys. */
  readonly keys: readonly string[];
}

/** What is to become of one file. */
export type FilePlan = {
  readonly path: string;
  readonly text: string;
} & (
  | { readonly kind: "create" | "update" | "keep" }
  /** A person wrote or changed it, so a person has to say whether it goes. */
  | { readonly kind: "ask"; readonly difference: string }
);

export interface Plan {
  readonly files: readonly FilePlan[];
  /** What people should know of it. */
  readonly notes: readonly string[];
}

/** Reads the files of a set-up in one place; `read` gives null where there is none. */
export async function filesBy(read: (path: string) => Promise<string | null>): Promise<Files> {
  const [workflow, config, copilot] = await Promise.all([read(workflowPath), read(configPath), read(copilotPath)]);
  return { workflow, config, copilot };
}

/** What `init` writes where these files are. */
export function planFiles(template: string, files: Files, choices: Choices): Plan {
  const { steps, notes } = planSteps(files);
  const app = choices.app ?? appOf(files.workflow ?? "");
  const workflow = writeWorkflow(template, {
    ...{ way: choices.way, keys: choices.keys, steps },
    app: choices.way === "app" ? app : null,
  });
  return {
    files: [
      planWorkflow(template, files.workflow, workflow),
      {
        path: configPath,
        kind: files.config === null ? "create" : "keep",
        text: files.config ?? writeConfig(choices.config),
      },
    ],
    notes,
  };
}

function planWorkflow(template: string, present: string | null, text: string): FilePlan {
  const path = workflowPath;
  if (present === null) return { path, kind: "create", text };
  if (present.replaceAll("\r\n", "\n") === text) return { path, kind: "keep", text: present };
  if (isChanged(present, template)) return { path, kind: "ask", text, difference: difference(present, text) };
  return { path, kind: "update", text };
}

function planSteps({ workflow, copilot }: Files): { readonly steps: string; readonly notes: readonly string[] } {
  const present = stepsIn(workflow ?? "") ?? "";
  const read = copilot === null ? null : readCopilotSteps(copilot);
  if (read && !read.ok) return { steps: present, notes: [`${copilotPath} was not used. ${read.why}`] };
  const steps = nextSteps(present, read?.steps ?? null);
  if (!read) return { steps, notes: [] };
  if (whoseSteps(present) === "person") {
    return { steps, notes: [`The workflow has setup steps of your own, so those of ${copilotPath} were not copied.`] };
  }
  const left = read.left.length > 0 ? ` Not copied, since it is not of a step: ${read.left.join(", ")}.` : "";
  return { steps, notes: [`The setup steps are those of ${copilotPath}.${left}`] };
}
