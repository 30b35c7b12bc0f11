import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { locateKeys, type Position } from "./config-positions.ts";
import { type ModelRef, parseModelRef } from "./runner/model.ts";
import type { Visibility } from "./sessions/journal.ts";

/** A server that offers models. */
export interface Provider {
  readonly baseUrl: string;
  readonly api: "responses" | "chat";
  /** Name of the environment variable that holds the key. */
  readonly key: string;
}

/** `.github/offshoot.toml`, complete with defaults. Frozen. */
export interface Config {
  readonly model: { readonly default: ModelRef };
  readonly providers: Readonly<Record<string, Provider>>;
  /** What one turn may take. */
  readonly limits: {
    readonly steps: number;
    readonly tokens: number;
    readonly minutes: number;
    readonly commandSeconds: number;
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

const atLeastOne = "must be a whole number of at least 1";
const count = v.pipe(v.number(atLeastOne), v.safeInteger(atLeastOne), v.minValue(1, atLeastOne));
const between = "must be a number between 0 and 1";
const share = v.pipe(v.number(between), v.gtValue(0, between), v.ltValue(1, between));
const filled = v.pipe(v.string("must be a text"), v.trim(), v.nonEmpty("must not be empty"));

const modelRef = v.pipe(
  v.string("must be a text such as openai:gpt-5.5@high"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const ref = parseModelRef(dataset.value);
    if (ref) return ref;
    addIssue({ message: "must be written provider:model[@effort], such as openai:gpt-5.5@high" });
    return NEVER;
  }),
);

const isTable = (value: unknown) => Object.prototype.toString.call(value) === "[object Object]";
const table = v.custom<Record<string, unknown>>(isTable, "must be a table");

const address = "must be an address that begins with http:// or https://";
const provider = v.object({
  base_url: v.optional(v.pipe(v.string(address), v.regex(/^https?:\/\//, address), v.url(address))),
  api: v.optional(v.picklist(["responses", "chat"], 'must be "responses" or "chat"'), "responses"),
  key: v.optional(
    v.pipe(filled, v.regex(/^[A-Za-z_]\w*$/, "must be the name of an environment variable, not the key itself")),
  ),
});

/** Every setting, by its section. */
export const sections = {
  model: v.object({
    // The strongest general model when this was written; a repository pins its own.
    default: v.optional(modelRef, "openai:gpt-5.5"),
  }),
  providers: v.record(
    v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*$/, "is not a provider's name: small letters, digits and hyphens")),
    v.pipe(table, provider),
  ),
  limits: v.object({
    // Real fixes take 20 to 60 steps; more is mostly a model that goes round in circles.
    steps: v.optional(count, 100),
    // 100 steps of 20,000 tokens, most of them cached: a few dollars at worst.
    tokens: v.optional(count, 2_000_000),
    // Well within the six hours that GitHub gives a job, and people wait for the answer.
    minutes: v.optional(count, 60),
    // A full test suite fits; a command that waits for input does not hold up the turn for long.
    command_seconds: v.optional(count, 600),
  }),
  shells: v.object({
    // Whole screens cost tokens, and waiting for one to come to rest costs time; few tasks need it.
    terminal: v.optional(v.boolean("must be true or false"), false),
  }),
  compaction: v.object({
    // What the smaller ones of today's models take; a larger one does well with it, too.
    window: v.optional(count, 200_000),
    // Room for three times as much again, and a summary that long leaves little out.
    target: v.optional(share, 0.25),
  }),
  triggers: v.object({
    label: v.optional(filled, "agent"),
  }),
  journal: v.object({
    visibility: v.optional(v.picklist(["full", "sealed", "summary"], 'must be "full", "sealed" or "summary"')),
  }),
};

const fileSchema = v.object({
  model: v.optional(v.pipe(table, sections.model), {}),
  providers: v.optional(v.pipe(table, sections.providers), {}),
  limits: v.optional(v.pipe(table, sections.limits), {}),
  shells: v.optional(v.pipe(table, sections.shells), {}),
  compaction: v.optional(v.pipe(table, sections.compaction), {}),
  triggers: v.optional(v.pipe(table, sections.triggers), {}),
  journal: v.optional(v.pipe(table, sections.journal), {}),
});

type File = v.InferOutput<typeof fileSchema>;
type Path = readonly string[];

interface Finding {
  readonly path: Path;
  readonly message: string;
}

const openai: Provider = { baseUrl: "https://api.openai.com/v1", api: "responses", key: "OPENAI_API_KEY" };

/** Reads the text of `.github/offshoot.toml`; an empty text gives the defaults. Every problem is named, not only the first. */
export function parseConfig(text: string): ParsedConfig {
  const file = readToml(text);
  if (!file.ok) return file;
  const parsed = v.safeParse(fileSchema, file.values);
  const findings = [
    ...unknownKeys(file.values),
    ...(parsed.issues ?? []).map(toFinding),
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

function toFinding({ path: items, message, input }: v.BaseIssue<unknown>): Finding {
  const path = (items ?? []).map(({ key }) => String(key));
  // A name is in the path already, a table is too long, and where a key's name should be there may be the key.
  const isValue = items?.at(-1)?.origin === "value" && !isTable(input) && path.at(-1) !== "key";
  const given = isValue ? `; it is ${JSON.stringify(input)}` : "";
  return { path, message: `${path.join(".")} ${message}${given}.` };
}

function unknownKeys(values: Readonly<Record<string, unknown>>): Finding[] {
  const { providers: _, ...others } = sections;
  return [
    ...unknownIn(values, Object.keys(sections), []),
    ...Object.entries(others).flatMap(([name, section]) =>
      unknownIn(values[name], Object.keys(section.entries), [name]),
    ),
    ...Object.entries(asTable(values.providers)).flatMap(([name, given]) =>
      unknownIn(given, Object.keys(provider.entries), ["providers", name]),
    ),
  ];
}

function unknownIn(given: unknown, known: readonly string[], path: Path): Finding[] {
  return Object.keys(asTable(given))
    .filter((key) => !known.includes(key))
    .map((key) => ({
      path: [...path, key],
      message: `${[...path, key].join(".")} is not a setting. Did you mean "${nearest(key, known)}"?`,
    }));
}

function asTable(value: unknown): object {
  return v.is(table, value) ? value : {};
}

/** What each setting alone does not show. */
function unusable(file: File): Finding[] {
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
export const defaultConfig: Config = deepFreeze(complete(v.parse(fileSchema, {})));

function complete(file: File): Config {
  const { steps, tokens, minutes, command_seconds } = file.limits;
  const providers = { openai: {}, ...file.providers };
  return {
    model: file.model,
    providers: Object.fromEntries(Object.entries(providers).map(([name, given]) => [name, toProvider(given)])),
    limits: { steps, tokens, minutes, commandSeconds: command_seconds },
    shells: file.shells,
    compaction: file.compaction,
    triggers: file.triggers,
    journal: { visibility: file.journal.visibility ?? null },
  };
}

function toProvider(given: Partial<v.InferOutput<typeof provider>>): Provider {
  return { baseUrl: given.base_url ?? openai.baseUrl, api: given.api ?? openai.api, key: given.key ?? openai.key };
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

function nearest(key: string, known: readonly string[]): string {
  return known.reduce((best, next) => (distance(key, next) < distance(key, best) ? next : best));
}

/** Levenshtein's edit distance. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...to].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
