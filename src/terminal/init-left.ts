import type { ParsedConfig } from "../config.ts";
import { makeJournalKey } from "../setup/check-secrets.ts";
import type { Choices } from "../setup/plan.ts";
import type { Repository } from "../setup/repository.ts";
import { modelOf } from "./chosen-model.ts";
import type { GithubAccess } from "./github-access.ts";
import { askForSecretNames } from "./setup-facts.ts";
import { print, type Terminal } from "./terminal.ts";

interface Situation {
  readonly access: GithubAccess | null;
  readonly repository: Repository | null;
  readonly choices: Choices;
  /** What brings the files to the default branch; null: they are there. */
  readonly next: string | null;
  readonly config: ParsedConfig;
}

/** Says what a person has to do by themselves, each with its command or address. */
export async function tellWhatIsLeft(terminal: Terminal, situation: Situation): Promise<void> {
  const { choices, next } = situation;
  const app = choices.way === "app" ? "Install the app for this repository, if that is not done." : null;
  const steps = [next, ...(await secretsLeft(situation)), app].filter((step) => step !== null);
  const last = "Then comment on an issue: /agent <what to do>. To see whether all is well: offshoot doctor";
  print(terminal, `\nLeft to do:\n${[...steps, last].map((step, at) => `${at + 1}. ${step}`).join("\n")}`);
}

async function secretsLeft({ access, repository, config }: Situation): Promise<readonly string[]> {
  const known = access && (await askForSecretNames(access));
  const set = known?.known ? known.value : [];
  const { key } = modelOf(config, undefined).provider;
  const name = repository?.name ?? "OWNER/NAME";
  const page = repository ? ` (or at ${repository.web}/settings/secrets/actions)` : "";
  const model = `Set the model's key as the secret ${key}${page}:\n     gh secret set ${key} --repo ${name}`;
  const visibility = config.ok ? config.config.journal.visibility : null;
  const isSealed = visibility === "sealed" || (visibility === null && !repository?.isPrivate);
  const journal = `${visibility === "sealed" ? "Make" : repository ? "The repository is public, so make" : "If the repository is public, make"} the key that seals its journals, the secret OFFSHOOT_JOURNAL_KEY:
     ${makeJournalKey(name)}
   With \`| tee /dev/stderr\` before \`| gh\` it is shown once, for whoever wants to read them at a terminal.`;
  return [
    ...(set.includes(key) ? [] : [model]),
    ...(set.includes("OFFSHOOT_JOURNAL_KEY") || !isSealed ? [] : [journal]),
  ];
}
