import { defaultConfig, type ParsedConfig, parseConfig, providerKeys } from "../config.ts";
import { parseModelRef } from "../runner/model.ts";
import { plain } from "../sessions/words.ts";
import { checkAllowed, checkBranches, checkDispatch, checkEnabled, checkPullRequests } from "../setup/check-actions.ts";
import { checkInstallation } from "../setup/check-app.ts";
import { checkSecrets } from "../setup/check-secrets.ts";
import { checkWorkflow, wayOf } from "../setup/check-workflow.ts";
import { configPath } from "../setup/config-file.ts";
import { type Finding, ok, problem, warning } from "../setup/finding.ts";
import type { Facts, Repository } from "../setup/repository.ts";
import { workflowTemplate } from "../setup/template.ts";
import { appOf } from "../setup/workflow-file.ts";
import { ourWorkflow } from "../setup/workflow-model.ts";
import { modelOf } from "./chosen-model.ts";
import type { Clone, Origin } from "./clone.ts";
import { checkModel } from "./doctor-model.ts";
import { checkRefs, checkSandbox, checkServer } from "./doctor-trials.ts";
import { exitCodes } from "./failure.ts";
import { type GithubAccess, openGithub } from "./github-access.ts";
import { askForFacts } from "./setup-facts.ts";
import { note, painter, print, printJson, type Terminal } from "./terminal.ts";

/** `offshoot doctor`. Gives the exit code: 0 where there is no problem. */
export async function doctor(terminal: Terminal, clone: Clone, { json }: { readonly json?: boolean }): Promise<number> {
  const findings = await examine(terminal, clone);
  if (json) printJson(terminal, findings);
  else tell(terminal, findings);
  return findings.some(({ status }) => status === "problem") ? exitCodes.failed : exitCodes.done;
}

async function examine(terminal: Terminal, clone: Clone): Promise<readonly Finding[]> {
  const { origin } = clone;
  if (!origin) {
    const what = "This clone has no remote named origin.";
    const remedy = "Add it: git remote add origin https://github.com/OWNER/NAME";
    return [
      problem("remote", { what, why: "Sessions live on GitHub, in the origin.", remedy }),
      await checkSandbox(terminal),
    ];
  }
  const access = await openGithub(terminal, clone);
  if ("lacks" in access) {
    const check = access.lacks === "address" ? "remote" : "token";
    const what = "GitHub was asked nothing.";
    const why = `${access.why.charAt(0).toUpperCase()}${access.why.slice(1)}.`;
    const remote = check === "token" ? [remoteIs(clone, origin)] : [];
    return [...remote, problem(check, { what, why, remedy: access.remedy }), ...(await localTrials(terminal, clone))];
  }
  const asked = await factsOf(access);
  const fromGithub = asked.ok ? await checkFacts(terminal, { facts: asked.facts, access }) : [asked.finding];
  return [remoteIs(clone, origin), ...fromGithub, ...(await localTrials(terminal, clone))];
}

const remoteIs = ({ project }: Clone, { host }: Origin) =>
  ok("remote", `The origin is ${project} on ${host ?? "GitHub"}.`);

async function localTrials(terminal: Terminal, clone: Clone): Promise<readonly Finding[]> {
  return [await checkSandbox(terminal), await checkRefs(terminal, clone)];
}

type AskedFacts = { readonly ok: true; readonly facts: Facts } | { readonly ok: false; readonly finding: Finding };

async function factsOf(access: GithubAccess): Promise<AskedFacts> {
  try {
    return { ok: true, facts: await askForFacts(access) };
  } catch (error) {
    const { owner, repo } = access.at;
    const finding = problem("token", {
      what: `GitHub does not show ${owner}/${repo} to the token from ${access.source}.`,
      why: error instanceof Error ? error.message : String(error),
      remedy: "Check the origin's address, and that the token is valid and may read this repository (gh auth status).",
    });
    return { ok: false, finding };
  }
}

async function checkFacts(
  terminal: Terminal,
  { facts, access }: { facts: Facts; access: GithubAccess },
): Promise<readonly Finding[]> {
  const parsed = parseConfig(facts.files.config ?? "");
  const set = facts.variables.known ? facts.variables.value : new Map<string, string>();
  const { ref, provider } = modelOf(parsed, set.get("OFFSHOOT_MODEL"));
  const otherServer = ref.provider === "openai" ? set.get("OPENAI_BASE_URL") : undefined;
  const visibility = parsed.ok ? parsed.config.journal.visibility : null;
  const config = parsed.ok ? parsed.config : defaultConfig;
  const keys = providerKeys(config);
  const isModel = (name: string) => Object.hasOwn(config.providers, parseModelRef(name)?.provider ?? "");
  const { workflow } = facts.files;
  const ours = ourWorkflow(workflow);
  const isForApp = ours !== null && wayOf(ours) === "app";
  return [
    checkToken(facts, access),
    checkEnabled(facts),
    checkAllowed(facts),
    ...checkWorkflow(facts, { template: workflowTemplate, keys }),
    checkConfig(facts, parsed),
    ...checkSecrets(facts, { key: provider.key, visibility, isModel }),
    checkPullRequests(facts),
    checkDispatch(facts),
    checkBranches(facts),
    ...(isForApp ? [checkInstallation(facts), await checkServer(appOf(workflow ?? ""))] : []),
    await checkModel(terminal, { ref, provider, otherServer }),
  ];
}

function checkToken({ repository, scopes }: Facts, { source }: GithubAccess): Finding {
  const { admin, push } = mayDo(repository, scopes);
  const may = admin ? "administer the repository" : push ? "write to the repository" : "only read the repository";
  const what = `The token from ${source} may ${may}.`;
  if (!push) {
    const why = "Writing is what asking for sessions takes, and most of the settings are shown to those who may.";
    return warning("token", { what, why, remedy: "Ask for write access, or use the token of somebody who has it." });
  }
  if (scopes && !scopes.includes("workflow")) {
    const why = "It lacks the scope workflow, so `offshoot init --pull-request` cannot write the workflow with it.";
    return warning("token", { what, why, remedy: "Run: gh auth refresh --scopes workflow" });
  }
  return ok("token", what);
}

/** What the person may do, as far as a classic token lets them. */
function mayDo({ may, isPrivate }: Repository, scopes: Facts["scopes"]): Repository["may"] {
  const isShort = scopes && !scopes.includes("repo") && (isPrivate || !scopes.includes("public_repo"));
  return isShort ? { admin: false, push: false } : may;
}

function checkConfig({ files, repository }: Facts, parsed: ParsedConfig): Finding {
  if (files.config === null) return ok("config", `There is no ${configPath}; the defaults hold.`);
  if (parsed.ok) return ok("config", `${configPath} is valid.`);
  const places = parsed.problems.map(({ line, column, message }) => `line ${line}, column ${column}: ${message}`);
  return problem("config", {
    what: `${configPath} on ${repository.defaultBranch} cannot be used: ${places.join(" ")}`,
    why: "Every prompt is answered with that instead of being worked on.",
    remedy: "Correct the file on the default branch.",
  });
}

const marks = { ok: ["✓", "green"], warning: ["!", "yellow"], problem: ["✗", "red"], unknown: ["?", "cyan"] } as const;

function tell(terminal: Terminal, findings: readonly Finding[]): void {
  const paint = painter(terminal.stdout);
  const line = ({ status, what }: Finding) => `${paint(marks[status][1], marks[status][0])} ${plain(what)}`;
  for (const finding of findings) print(terminal, line(finding));
  const open = findings.filter(({ status }) => status !== "ok");
  for (const finding of open) {
    print(terminal, `\n${line(finding)}\n  ${plain(finding.why ?? "")}\n  ${plain(finding.remedy ?? "")}`);
  }
  const problems = findings.filter(({ status }) => status === "problem").length;
  if (open.length === 0) note(terminal, "\nAll is well.");
  else if (problems === 0) note(terminal, "\nNo problem was found.");
}
