import { type Config, defaultConfig, type ParsedConfig } from "../config.ts";
import type { Problem } from "../sessions/journal.ts";
import { formatModelRef, type ModelRef, parseModelRef } from "./model.ts";
import { openaiModel } from "./openai.ts";
import type { ModelChoice } from "./runner.ts";

/** The part of a job's environment that is about models; empty values count as not set. */
export interface ModelEnvironment {
  readonly [name: string]: string | undefined;
}

/**
 * The model of this run: `OFFSHOOT_MODEL` before the configuration's default; for the provider `openai`,
 * `OPENAI_BASE_URL` before its address. A configuration that cannot be used is answered to every prompt.
 */
export function chooseModel(parsed: ParsedConfig, env: ModelEnvironment): { config: Config; model: ModelChoice } {
  if (!parsed.ok) return { config: defaultConfig, model: { ok: false, problem: badConfig(parsed.problems) } };
  const { config } = parsed;
  const named = env.OFFSHOOT_MODEL;
  if (!named) return { config, model: modelOf(config.model.default, config, env) };
  const ref = parseModelRef(named);
  return { config, model: ref ? modelOf(ref, config, env) : { ok: false, problem: badName(named) } };
}

function modelOf(ref: ModelRef, { providers }: Config, env: ModelEnvironment): ModelChoice {
  const provider = Object.hasOwn(providers, ref.provider) ? providers[ref.provider] : undefined;
  if (!provider) return { ok: false, problem: unknownProvider(ref, Object.keys(providers)) };
  const baseURL = (ref.provider === "openai" && env.OPENAI_BASE_URL) || provider.baseUrl;
  const options = { ref, baseURL, api: provider.api, keyName: provider.key, apiKey: env[provider.key] };
  return { ok: true, ref, open: () => openaiModel(options) };
}

function badConfig(problems: readonly { message: string; line: number; column: number }[]): Problem {
  const list = problems.map(({ message, line, column }) => `\n- line ${line}, column ${column}: ${message}`).join("");
  return {
    kind: "config",
    message: `\`.github/offshoot.toml\` on the default branch cannot be used:${list}`,
    remedy: "Correct the file on the default branch, then ask again.",
  };
}

function badName(name: string): Problem {
  return {
    kind: "unknown-model",
    message: `The variable \`OFFSHOOT_MODEL\` is \`${name}\`, which does not name a model.`,
    remedy: "Write it as provider:model or provider:model@effort, e.g. `openai:gpt-5.5@high`, then ask again.",
  };
}

function unknownProvider(ref: ModelRef, known: readonly string[]): Problem {
  return {
    kind: "unknown-model",
    message: `The model \`${formatModelRef(ref)}\` names the provider \`${ref.provider}\`; known are ${known.join(", ")}.`,
    remedy: `Add \`[providers.${ref.provider}]\` with \`base_url\` and \`key\` to .github/offshoot.toml, or choose another model.`,
  };
}
