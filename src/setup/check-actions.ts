import { type Finding, ok, problem, unknown, warning } from "./finding.ts";
import type { BranchRule, Facts } from "./repository.ts";
import { readWorkflow } from "./workflow-model.ts";

const settings = ({ repository }: Facts) => `${repository.web}/settings/actions`;

const onlyAdmins = "Ask with the token of somebody who administers the repository";

/** Whether GitHub runs workflows here at all. */
export function checkEnabled(facts: Facts): Finding {
  const { actions } = facts;
  if (!actions.known) {
    return unknown("actions", {
      what: `Whether Actions are switched on is not known: ${actions.why}.`,
      why: "Without them nothing runs.",
      remedy: `${onlyAdmins}, or look at ${settings(facts)}.`,
    });
  }
  if (actions.value.enabled) return ok("actions", "GitHub Actions are switched on.");
  return problem("actions", {
    what: "GitHub Actions are switched off for this repository.",
    why: "Sessions run in them.",
    remedy: `Allow them at ${settings(facts)}.`,
  });
}

const usual = ["actions/checkout@v7", "actions/upload-artifact@v7", "offshoot/offshoot@v1"];

/** What the workflow uses: its own words where it is there. */
function usedIn({ files }: Facts): readonly string[] {
  const read = readWorkflow(files.workflow ?? "");
  const uses = read.ok ? read.workflow.jobs.flatMap((job) => job.uses) : [];
  return uses.length > 0 ? [...new Set(uses)] : usual;
}

/** Whether it lets through the actions that the workflow uses. */
export function checkAllowed(facts: Facts): Finding {
  const { actions, selected } = facts;
  if (!actions.known || (actions.value.allowed === "selected" && !selected.known)) {
    const why = !actions.known ? actions.why : selected.known ? "" : selected.why;
    return unknown("allowed-actions", {
      what: `Which actions may be used is not known: ${why}.`,
      why: "A run with one that may not does not start.",
      remedy: `${onlyAdmins}, or look at ${settings(facts)}.`,
    });
  }
  const used = usedIn(facts);
  const { allowed, pinned } = actions.value;
  const list = selected.known && allowed === "selected" ? selected.value : null;
  const refused = allowed === "all" ? [] : used.filter((uses) => !list || !isAllowed(uses, list));
  if (refused.length > 0) {
    return problem("allowed-actions", {
      what: `The repository does not allow ${refused.join(", ")}.`,
      why: "GitHub refuses a run that uses an action outside of the allowed ones.",
      remedy: `Allow ${refused.map((uses) => uses.replace(/@.*/, "@*")).join(", ")} at ${settings(facts)}.`,
    });
  }
  const loose = pinned ? used.filter((uses) => !uses.startsWith("./") && !/@[0-9a-f]{40}$/.test(uses)) : [];
  if (loose.length > 0) {
    return problem("allowed-actions", {
      what: `The repository wants actions named by their full commit; ${loose.join(", ")} is not.`,
      why: "GitHub refuses a run that uses an action by a tag or a branch then.",
      remedy: "Put the commit of the tag in its place in the workflow, or change the setting.",
    });
  }
  return ok("allowed-actions", `The actions that the workflow uses are allowed.`);
}

interface Allowed {
  readonly githubOwned: boolean;
  readonly patterns: readonly string[];
}

function isAllowed(uses: string, { githubOwned, patterns }: Allowed): boolean {
  if (uses.startsWith("./")) return true;
  if (githubOwned && /^(actions|github)\//.test(uses)) return true;
  const denied = patterns.filter((pattern) => pattern.startsWith("!")).some((pattern) => fits(uses, pattern.slice(1)));
  return !denied && patterns.some((pattern) => !pattern.startsWith("!") && fits(uses, pattern));
}

/** As GitHub has it: `*` is anything, and a pattern without an `@` is for every version. */
function fits(uses: string, pattern: string): boolean {
  const whole = pattern.includes("@") ? pattern : `${pattern}@*`;
  const source = whole
    .trim()
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${source.join(".*")}$`, "i").test(uses);
}

/** Whether runs may open pull requests without the app. */
export function checkPullRequests(facts: Facts): Finding {
  const { mayOpenPullRequests } = facts;
  const why = "A run without the app works with GITHUB_TOKEN; where that may not, the answer has a link that opens it.";
  if (!mayOpenPullRequests.known) {
    return unknown("pull-requests", {
      what: `Whether Actions may open pull requests is not known: ${mayOpenPullRequests.why}.`,
      why,
      remedy: `${onlyAdmins}, or look at ${settings(facts)}.`,
    });
  }
  if (mayOpenPullRequests.value) return ok("pull-requests", "Actions may open pull requests.");
  return warning("pull-requests", {
    what: "Actions may not open pull requests here.",
    why,
    remedy: `Tick “Allow GitHub Actions to create and approve pull requests” at ${settings(facts)}.`,
  });
}

/** Whether anything stops the workflow before it starts, as the last run tells. */
export function checkDispatch(facts: Facts): Finding {
  const { lastRun, repository } = facts;
  const policies = `${repository.web}/settings/actions/policies`;
  const why =
    "A policy (“workflow execution protections”) may forbid events or accounts; GitHub's API does not show them.";
  if (!lastRun.known || lastRun.value === null) {
    const reason = lastRun.known ? "the workflow has not run yet" : lastRun.why;
    return unknown("dispatch", {
      what: `Whether a policy stops the workflow is not known: ${reason}.`,
      why,
      remedy: `Comment /agent on an issue and run this again, or look at ${policies}.`,
    });
  }
  const { url, event, conclusion } = lastRun.value;
  if (conclusion !== "startup_failure") return ok("dispatch", `GitHub starts the workflow (last on ${event}).`);
  return problem("dispatch", {
    what: `GitHub did not start the last run, on ${event}: ${url}.`,
    why,
    remedy: `Read the run's error; allow workflow_dispatch${event === "workflow_dispatch" ? "" : ` and ${event}`} and whoever asks at ${policies}.`,
  });
}

/** Whether the repository's rules let sessions have their branches. */
export function checkBranches({ branchRules, repository }: Facts): Finding {
  const rulesets = `${repository.web}/settings/rules`;
  const why = "Sessions work on branches named offshoot/…, which runs make, push to and delete.";
  if (!branchRules.known) {
    const what = `Which rules hold for branches named offshoot/… is not known: ${branchRules.why}.`;
    return unknown("branches", { what, why, remedy: `Look at ${rulesets}.` });
  }
  const blocking = branchRules.value.filter(({ type }) => blocks.has(type));
  const named = (rules: readonly BranchRule[]) =>
    rules.map(({ type, source }) => `${type.replaceAll("_", " ")} (${source})`).join(", ");
  if (blocking.length > 0) {
    return problem("branches", {
      what: `Rules for branches stop offshoot/…: ${named(blocking)}.`,
      why,
      remedy: `Take offshoot/** out of these rules at ${rulesets}, or let the app bypass them.`,
    });
  }
  const doubtful = branchRules.value.filter(
    ({ type }) => /pattern|restriction|max_file/.test(type) || type === "deletion",
  );
  if (doubtful.length > 0) {
    return warning("branches", {
      what: `Rules for branches may refuse what sessions push: ${named(doubtful)}.`,
      why,
      remedy: `Look whether names, messages and files of sessions fit them, at ${rulesets}.`,
    });
  }
  return ok("branches", "No rule for branches stops offshoot/….");
}

/** Rules that refuse a plain push of a new branch of unsigned commits. */
const blocks = new Set([
  ...["creation", "update", "required_signatures", "pull_request", "required_status_checks", "merge_queue"],
  ...["required_deployments", "workflows", "code_scanning"],
]);
