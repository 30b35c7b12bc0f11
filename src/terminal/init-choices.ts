import { defaultConfig, parseConfig, providerKeys } from "../config.ts";
import { formatModelRef, type ModelRef } from "../runner/model.ts";
import { wayOf } from "../setup/check-workflow.ts";
import { type ConfigChoices, configPath } from "../setup/config-file.ts";
import type { Choices } from "../setup/plan.ts";
import type { Files } from "../setup/repository.ts";
import { appOf } from "../setup/workflow-file.ts";
import { ourWorkflow } from "../setup/workflow-model.ts";
import { ask } from "./ask.ts";
import { namedModel } from "./chosen-model.ts";
import { Failure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

export interface InitOptions {
  readonly app?: string;
  readonly workflow?: boolean;
  readonly model?: string;
  readonly pullRequest?: boolean;
  readonly files?: boolean;
  readonly yes?: boolean;
}

/** What was chosen, by options, by the files that are there, or by the person, who is asked for the rest. */
export async function choose(terminal: Terminal, files: Files, options: InitOptions): Promise<Choices> {
  const config = files.config === null ? null : usable(files.config);
  const { way, app } = await chooseWay(terminal, files, options);
  if (config) return { way, app, keys: providerKeys(config), config: usual };
  const chosen = await chooseModel(terminal, options);
  return { way, app, config: chosen, keys: chosen.provider ? [chosen.provider.key] : [] };
}

const usual: ConfigChoices = { model: formatModelRef(defaultConfig.model.default), provider: null };

/** A configuration that people wrote is theirs to correct. */
function usable(text: string): typeof defaultConfig {
  const parsed = parseConfig(text);
  if (parsed.ok) return parsed.config;
  const places = parsed.problems.map(({ line, column, message }) => `\n  line ${line}, column ${column}: ${message}`);
  const remedy = "Correct it, and run the command again. Nothing was written.";
  throw new Failure("failed", `${configPath} cannot be used:${places.join("")}`, remedy);
}

async function chooseWay(terminal: Terminal, { workflow }: Files, options: InitOptions) {
  if (options.app !== undefined && options.workflow) {
    throw new Failure("usage", "--app and --workflow exclude each other.", "Give one of them.");
  }
  if (options.app !== undefined) return { way: "app" as const, app: publicUrl(options.app) };
  if (options.workflow) return { way: "workflow" as const, app: null };
  const present = ourWorkflow(workflow);
  if (present) return { way: wayOf(present), app: appOf(workflow ?? "") };
  if (options.yes) return { way: "workflow" as const, app: null };
  const question = `Two ways to run:
  1  the workflow alone: no server; a comment is heard when a runner has started
  2  with the app: a server of yours hears comments at once, and CI starts by itself on what sessions push
Which one?`;
  const answer = await ask(terminal, question, "1");
  if (answer === null) {
    const remedy = "Say --workflow (no server needed) or --app URL (with the app's address).";
    throw new Failure("usage", "Which way to run is not said, and there is nobody to ask.", remedy);
  }
  if (answer === "1") return { way: "workflow" as const, app: null };
  if (answer !== "2") throw new Failure("usage", `${answer} is neither 1 nor 2.`, "Run the command again.");
  return { way: "app" as const, app: publicUrl((await ask(terminal, "The app's address, https://…:")) ?? "") };
}

function publicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash) {
    return url.href.replace(/\/$/, "");
  }
  const remedy = "Give the address where the app is reached, e.g. --app https://offshoot.example.com.";
  throw new Failure("usage", `${text || "Nothing"} is not the address of an app.`, remedy);
}

async function chooseModel(terminal: Terminal, options: InitOptions): Promise<ConfigChoices> {
  const given = options.model ?? terminal.env.OFFSHOOT_MODEL;
  const answer = given || (options.yes ? usual.model : await ask(terminal, "Which model?", usual.model)) || usual.model;
  const ref = namedModel(answer);
  return { model: answer, provider: ref.provider === "openai" ? null : await chooseProvider(terminal, ref) };
}

async function chooseProvider(terminal: Terminal, { provider: name }: ModelRef): Promise<ConfigChoices["provider"]> {
  const key = `${name.toUpperCase().replaceAll("-", "_")}_API_KEY`;
  const baseUrl = await ask(terminal, `Where is the API of ${name}, https://…?`);
  if (baseUrl && /^https?:\/\/\S+$/.test(baseUrl) && URL.canParse(baseUrl)) return { name, baseUrl, key };
  const missing = baseUrl ? `${baseUrl} is not an address.` : `The address of ${name}'s API is not known.`;
  const remedy = `Write ${configPath} with [providers.${name}] (docs/configuration.md), and run the command again.`;
  throw new Failure("usage", missing, remedy);
}
