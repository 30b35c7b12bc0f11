import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { type Finding, isTable, misplaced, type Path } from "./config-keys.ts";
import { locateKeys, type Position } from "./config-positions.ts";
import { type ConfigFile, configSchema } from "./config-schema.ts";
import type { Level } from "./github/forge.ts";
import type { ModelRef } from "./runner/model.ts";
import type { Price } from "./sessions/budget.ts";
import type { Visibility } from "./sessions/journal.ts";

/** Where the configuration is, on the default branch. */
export const configPath = ".github/offshoot.toml";

/** A server that offers models. */
export interface Provider {
  readonly baseUrl: string;
  readonly api: "responses" | "chat";
  /** Name of the environment variable that holds the key. */
  readonly key: string;
}

/** The most of each; null: as much as it takes. */
export interface Budget {
  readonly tokens: number | null;
  readonly usd: number | null;
}

/** `.github/offshoot.toml`, complete with defaults. Frozen. */
export interface Config {
  readonly model: { readonly default: ModelRef };
  /** Prices by `provider:model`; what a model costs that is not there is not known. */
  readonly models: Readonly<Record<string, Price>>;
  readonly providers: Readonly<Record<string, Provider>>;
  /** What one turn may take. */
  readonly limits: {
    readonly steps: number;
    readonly minutes: number;
    readonly commandSeconds: number;
  };
  readonly budgets: {
    readonly turn: Budget;
    readonly session: Budget;
    /** A session that has no parent, with all that descend from it. */
    readonly tree: Budget;
    /** All sessions of the repository, by the day of UTC. */
    readonly day: Budget;
  };
  readonly permissions: {
    /** What somebody needs to be heard. */
    readonly trigger: Level;
  };
  readonly setup: {
    /** Run in the agent's shell before a run's first turn. */
    readonly commands: readonly string[];
    /** The most that all of them take together. */
    readonly minutes: number;
  };
  readonly shells: {
    /** Whether the agent may open terminals for interactive programs, beside its shells. */
    readonly terminal: boolean;
  };
  readonly compaction: {
    /** Tokens that the models in use take at once. */
    readonly window: number;
    /** The most of it that a context has when it was compacted. */
    readonly target: number;
  };
  readonly triggers: { readonly label: string };
  /** Null: as the repository's own visibility suggests. */
  readonly journal: { readonly visibility: Visibility | null };
}

/** `line` and `column` count from 1. */
export interface Problem extends Position {
  readonly message: string;
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const openai: Provider = { baseUrl: "https://api.openai.com/v1", api: "responses", key: "OPENAI_API_KEY" };

/** Reads the text of `.github/offshoot.toml`; an empty text gives the defaults. Every problem is named, not only the first. */
export function parseConfig(text: string): ParsedConfig {
  const file = readToml(text);
  if (!file.ok) return file;
  const parsed = v.safeParse(configSchema, file.values);
  const stray = misplaced(file.values);
  const findings = [
    ...stray,
    ...(parsed.issues ?? [])
      .filter(isTold)
      .map(toFinding)
      .filter(({ path }) => !stray.some((found) => isWithin(path, found.path))),
    ...(parsed.success ? unusable(parsed.output) : []),
  ];
  if (findings.length === 0 && parsed.success) return { ok: true, config: deepFreeze(complete(parsed.output)) };
  return { ok: false, problems: place(findings, text) };
}

function readToml(text: string) {
  try {
    return { ok: true as const, values: parse(text) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = `This is not valid TOML: ${error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "")}.`;
    return { ok: false as const, problems: [{ message, line: error.line, column: error.column }] };
  }
}

/** All keys that are no setting are found apart; of these the schema names the first only. */
function isTold({ expected }: v.BaseIssue<unknown>): boolean {
  return expected !== "never";
}

function isWithin(path: Path, outer: Path): boolean {
  return outer.every((key, at) => path[at] === key);
}

function toFinding({ path: items, message, input }: v.BaseIssue<unknown>): Finding {
  const path = (items ?? []).map(({ key }) => String(key));
  if (input === undefined) return { path, message: `${path.join(".")} is missing.` };
  // A name is in the path already, a table is too long, and where a key's name should be there may be the key.
  const isValue = items?.at(-1)?.origin === "value" && !isTable(input) && path.at(-1) !== "key";
  const given = isValue ? `; it is ${typeof input === "number" ? input : JSON.stringify(input)}` : "";
  return { path, message: `${path.join(".")} ${message}${given}.` };
}

/** What each setting alone does not show. */
function unusable(file: ConfigFile): Finding[] {
  const findings: Finding[] = [];
  for (const [name, { base_url, key }] of Object.entries(file.providers)) {
    const missing = [...(base_url ? [] : ["base_url"]), ...(key ? [] : ["key"])];
    if (name === "openai" || missing.length === 0) continue;
    findings.push({ path: ["providers", name], message: `providers.${name} needs ${missing.join(" and ")}.` });
  }
  const chosen = file.model.default.provider;
  if (chosen !== "openai" && !Object.hasOwn(file.providers, chosen)) {
    const message = `model.default names the provider "${chosen}", which has no [providers.${chosen}].`;
    findings.push({ path: ["model", "default"], message });
  }
  return findings;
}

/** What holds where the repository has no configuration. */
export const defaultConfig: Config = deepFreeze(complete(v.parse(configSchema, {})));

/** The variables, and the secrets of the same names, in which the keys of the providers are. */
export function providerKeys({ providers }: Config): readonly string[] {
  return Object.values(providers).map(({ key }) => key);
}

function complete(file: ConfigFile): Config {
  const { steps, minutes, command_seconds } = file.limits;
  const { turn, session, tree, day } = file.budgets;
  return {
    model: file.model,
    models: mapped(file.models, ({ input, cached = input, output }) => ({ input, cached, output })),
    providers: mapped({ openai: {}, ...file.providers }, toProvider),
    limits: { steps, minutes, commandSeconds: command_seconds },
    budgets: { turn: toBudget(turn), session: toBudget(session), tree: toBudget(tree), day: toBudget(day) },
    permissions: file.permissions,
    setup: file.setup,
    shells: file.shells,
    compaction: file.compaction,
    triggers: file.triggers,
    journal: { visibility: file.journal.visibility ?? null },
  };
}

function mapped<T, R>(table: Readonly<Record<string, T>>, change: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, change(value)]));
}

function toProvider(given: Partial<ConfigFile["providers"][string]>): Provider {
  return { baseUrl: given.base_url ?? openai.baseUrl, api: given.api ?? openai.api, key: given.key ?? openai.key };
}

function toBudget({ tokens, usd }: ConfigFile["budgets"]["session"]): Budget {
  return { tokens: tokens ?? null, usd: usd ?? null };
}

function place(findings: readonly Finding[], text: string): Problem[] {
  const locate = locateKeys(text);
  const problems = findings.map(({ path, message }) => ({ message, ...locate(path) }));
  return problems.sort((a, b) => a.line - b.line || a.column - b.column);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
