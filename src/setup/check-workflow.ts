import { copilotPath, readCopilotSteps } from "./copilot-steps.ts";
import { type Finding, ok, problem, unknown, warning } from "./finding.ts";
import type { Facts } from "./repository.ts";
import { nextSteps, stepsIn, whoseSteps, withoutSteps } from "./setup-steps.ts";
import { appOf, forApp, isChanged, type Way, workflowPath, writeWorkflow } from "./workflow-file.ts";
import { ourWorkflow, readWorkflow, turnJob, type WorkflowModel } from "./workflow-model.ts";

const init = "Run: offshoot init";

/** Which way a workflow is for: with the app it does not hear of comments itself. */
export function wayOf({ triggers }: WorkflowModel): Way {
  return triggers.includes("issue_comment") ? "workflow" : "app";
}

export interface WorkflowChecks {
  readonly template: string;
  /** Names of the secrets that hold the providers' keys, as the configuration has them. */
  readonly keys: readonly string[];
}

/** Everything about the workflow on the default branch. */
export function checkWorkflow(facts: Facts, { template, keys }: WorkflowChecks): readonly Finding[] {
  const { files, repository } = facts;
  const at = `${workflowPath} on ${repository.defaultBranch}`;
  if (files.workflow === null) {
    const why = "Nothing runs sessions without it, and GitHub starts workflows of the default branch alone.";
    return [problem("workflow", { what: `There is no ${at}.`, why, remedy: `${init}, and merge what it writes.` })];
  }
  const workflow = ourWorkflow(files.workflow);
  if (!workflow) {
    const read = readWorkflow(files.workflow);
    const what = read.ok ? `${at} does not use the action offshoot/offshoot.` : `${at} is not valid YAML: ${read.why}.`;
    const remedy = `${init} (it shows what it would change, and asks).`;
    return [problem("workflow", { what, why: "GitHub cannot run sessions with it.", remedy })];
  }
  return [
    state(facts, at),
    checkTriggers(workflow),
    checkPermissions(workflow),
    checkVersion(files.workflow, { way: wayOf(workflow), template, keys }),
    ...checkSteps(facts),
  ];
}

function state({ workflowState, repository }: Facts, at: string): Finding {
  if (!workflowState.known) {
    return unknown("workflow", {
      what: `${at} is there; whether it is switched on is not known: ${workflowState.why}.`,
      why: "A workflow that is switched off runs for nobody.",
      remedy: `Look at ${repository.web}/actions/workflows/offshoot.yml.`,
    });
  }
  if (workflowState.value === "active") return ok("workflow", `${at} is there and switched on.`);
  return problem("workflow", {
    what: `${at} is switched off (${workflowState.value.replaceAll("_", " ")}).`,
    why: "GitHub does not run it.",
    remedy: "Run: gh workflow enable offshoot.yml",
  });
}

function checkTriggers(workflow: WorkflowModel): Finding {
  const way = wayOf(workflow);
  const { triggers } = workflow;
  if (!triggers.includes("workflow_dispatch")) {
    return problem("triggers", {
      what: "The workflow has no workflow_dispatch under `on:`.",
      why: "The next run of a session is always asked for with it.",
      remedy: init,
    });
  }
  const said = way === "app" ? "It runs when the app asks for it." : "It runs on comments by itself, without an app.";
  if (way === "workflow" && !triggers.includes("issues")) {
    return warning("triggers", {
      what: `${said} Labels are not heard.`,
      why: "There is no `issues` under `on:`, so the label opens no session.",
      remedy: init,
    });
  }
  return ok("triggers", said);
}

const needed = { contents: "write", issues: "write", "pull-requests": "write", actions: "read" } as const;

function checkPermissions(workflow: WorkflowModel): Finding {
  const { permissions = {} } = turnJob(workflow) ?? {};
  const short = Object.entries(needed).filter(
    ([name, level]) => permissions[name] !== level && permissions[name] !== "write",
  );
  const asked =
    wayOf(workflow) === "app" && permissions["id-token"] !== "write" ? [["id-token", "write"] as const] : [];
  const missing = [...short, ...asked].map(([name, level]) => `${name}: ${level}`);
  if (missing.length === 0)
    return ok("permissions", "The workflow's jobs name what their tokens may do, and it is enough.");
  return problem("permissions", {
    what: `The workflow's job for turns lacks ${missing.join(", ")}.`,
    why: "What a job does not name is forbidden to its token.",
    remedy: "Add it under the job's `permissions:`, or run: offshoot init",
  });
}

interface Expected {
  readonly way: Way;
  readonly template: string;
  readonly keys: readonly string[];
}

function checkVersion(file: string, { way, template, keys }: Expected): Finding {
  if (isChanged(file, template)) {
    return warning("version", {
      what: "The workflow was changed by hand, so it is not kept up to date.",
      why: "What newer versions of Offshoot need may be missing in it.",
      remedy: "Run: offshoot init (it shows the difference, and asks)",
    });
  }
  const fresh = writeWorkflow(template, { way, app: appOf(file), keys, steps: "" });
  const plain = keys.some((key) => key !== "OPENAI_API_KEY") ? [] : [template, forApp(template)];
  if ([fresh, ...plain].some((text) => withoutSteps(text) === withoutSteps(file))) {
    return ok("version", "The workflow is as this version of Offshoot writes it.");
  }
  return warning("version", {
    what: "The workflow is not as this version of Offshoot writes it for this configuration.",
    why: "It is from another version, or lacks the key of a provider that was added.",
    remedy: init,
  });
}

function checkSteps(facts: Facts): readonly Finding[] {
  const { copilot, workflow } = facts.files;
  const present = stepsIn(workflow ?? "") ?? "";
  const whose = whoseSteps(present);
  if (copilot === null) {
    if (whose !== "copied") return [];
    const what = `The workflow's setup steps are from ${copilotPath}, which is gone.`;
    return [warning("setup-steps", { what, why: "They run on, and follow nothing.", remedy: init })];
  }
  const read = readCopilotSteps(copilot);
  if (!read.ok) {
    const why = "Offshoot takes the steps that prepare the machine from there.";
    return [warning("setup-steps", { what: `${copilotPath}: ${read.why}`, why, remedy: "Correct the file." })];
  }
  if (whose === "person") return [ok("setup-steps", "The workflow's setup steps are your own.")];
  if (nextSteps(present, read.steps) === present)
    return [ok("setup-steps", `The setup steps are those of ${copilotPath}.`)];
  return [
    warning("setup-steps", {
      what: `The workflow's setup steps are not those of ${copilotPath}.`,
      why: "That file changed since they were copied, so sessions run on a machine that was prepared otherwise.",
      remedy: init,
    }),
  ];
}
