import { type Asked, type Finding, ok, problem, unknown, warning } from "./finding.ts";
import type { Facts } from "./repository.ts";
import { ourWorkflow, turnJob } from "./workflow-model.ts";

export interface SecretChecks {
  /** The secret with the key of the chosen model's provider. */
  readonly key: string;
  /** What the configuration says of the journal; null: nothing. */
  readonly visibility: "full" | "sealed" | "summary" | null;
  /** Whether a text names a model of a provider that is configured. */
  readonly isModel: (name: string) => boolean;
}

const journalKey = "OFFSHOOT_JOURNAL_KEY";

export function checkSecrets(facts: Facts, { key, visibility, isModel }: SecretChecks): readonly Finding[] {
  return [checkModelKey(facts, key), ...checkJournalKey(facts, visibility), checkVariables(facts, key, isModel)];
}

/** Where the secret is; null: nowhere. */
function whereIs(facts: Facts, name: string): Asked<string | null> {
  const places: readonly (readonly [string, Asked<readonly string[]>])[] = [
    ["the repository", facts.secrets],
    ["the organization", facts.organizationSecrets],
    ["the environment", facts.environmentSecrets],
  ];
  const found = places.find(([, names]) => names.known && names.value.includes(name));
  if (found) return { known: true, value: found[0] };
  const hidden = places.map(([, names]) => names).find((names) => !names.known);
  return hidden && !hidden.known ? hidden : { known: true, value: null };
}

const secretsPage = ({ repository }: Facts) => `${repository.web}/settings/secrets/actions`;

function checkModelKey(facts: Facts, key: string): Finding {
  const { workflow } = facts.files;
  if (ourWorkflow(workflow) && !workflow?.includes(`secrets.${key}`)) {
    return problem("model-key", {
      what: `The workflow does not pass on the secret ${key}.`,
      why: "The configured model's provider takes its key from it.",
      remedy: "Run: offshoot init",
    });
  }
  const where = whereIs(facts, key);
  if (!where.known) {
    return unknown("model-key", {
      what: `Whether the secret ${key} is set is not known: ${where.why}.`,
      why: "Without it every turn fails.",
      remedy: `Look at ${secretsPage(facts)}.`,
    });
  }
  if (where.value) return ok("model-key", `The secret ${key} is set (in ${where.value}).`);
  return problem("model-key", {
    what: `There is no secret ${key}.`,
    why: "The model's provider asks for it, so every turn fails.",
    remedy: `Run: gh secret set ${key} --repo ${facts.repository.name} (it asks for the value), or set it at ${secretsPage(facts)}`,
  });
}

/** Only where journals are sealed, or could be. */
function checkJournalKey(facts: Facts, visibility: SecretChecks["visibility"]): readonly Finding[] {
  const { isPrivate } = facts.repository;
  if (visibility === "full" || visibility === "summary" || (visibility === null && isPrivate)) return [];
  const where = whereIs(facts, journalKey);
  const why = "Without it, what would be sealed is not kept: reasoning and the output of commands.";
  if (!where.known) {
    const what = `Whether the secret ${journalKey} is set is not known: ${where.why}.`;
    return [unknown("journal-key", { what, why, remedy: `Look at ${secretsPage(facts)}.` })];
  }
  if (where.value) return [ok("journal-key", `The secret ${journalKey} is set (in ${where.value}).`)];
  const remedy = `Run: ${makeJournalKey(facts.repository.name)}`;
  return [warning("journal-key", { what: `There is no secret ${journalKey}.`, why, remedy })];
}

/** A command that makes the key and stores it, without showing it in a list of processes. */
export function makeJournalKey(repository: string): string {
  return `openssl rand -base64 32 | gh secret set ${journalKey} --repo ${repository}`;
}

function checkVariables(facts: Facts, key: string, isModel: SecretChecks["isModel"]): Finding {
  const { variables, repository } = facts;
  const page = `${repository.web}/settings/variables/actions`;
  const why = "OFFSHOOT_MODEL and OPENAI_BASE_URL go before the configuration.";
  if (!variables.known) {
    const what = `Which variables are set is not known: ${variables.why}.`;
    return unknown("variables", { what, why, remedy: `Look at ${page}.` });
  }
  const set = variables.value;
  const exposed = [key, journalKey].filter((name) => set.has(name));
  if (exposed.length > 0) {
    return problem("variables", {
      what: `${exposed.join(" and ")} is a variable, and has to be a secret.`,
      why: "Variables are readable to everyone who may write to the repository, and stand in logs as they are.",
      remedy: `Delete it at ${page}, make a new key, and set that as a secret.`,
    });
  }
  const model = set.get("OFFSHOOT_MODEL");
  if (model && !isModel(model)) {
    return problem("variables", {
      what: "The variable OFFSHOOT_MODEL names no model of a provider that is configured.",
      why: "It goes before the configuration, so every turn fails.",
      remedy: `Write it as provider:model or provider:model@effort, e.g. openai:gpt-5.5@high, at ${page}.`,
    });
  }
  const url = set.get("OPENAI_BASE_URL");
  if (url && !/^https?:\/\//.test(url)) {
    const what = "The variable OPENAI_BASE_URL is no address.";
    return problem("variables", { what, why, remedy: `Correct it at ${page}, e.g. https://api.openai.com/v1.` });
  }
  const ours = ["OFFSHOOT_MODEL", "OPENAI_BASE_URL"].filter((name) => set.get(name));
  return ok("variables", ours.length > 0 ? `${ours.join(" and ")} set.` : "No variable changes what is configured.");
}

/** The environment that turns run in, where the workflow names one. */
export function environmentOf(workflow: string | null): string | null {
  const ours = ourWorkflow(workflow);
  return ours && (turnJob(ours)?.environment ?? null);
}
