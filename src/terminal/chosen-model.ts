import { type Config, defaultConfig, type ParsedConfig, type Provider } from "../config.ts";
import { type ModelRef, parseModelRef } from "../runner/model.ts";
import { Failure } from "./failure.ts";

export interface ChosenModel {
  readonly ref: ModelRef;
  readonly provider: Provider;
}

/** The model that a repository's turns are worked on with, and where it is: the variable's, else the configuration's. */
export function modelOf(parsed: ParsedConfig, variable: string | undefined): ChosenModel {
  const { model, providers }: Config = parsed.ok ? parsed.config : defaultConfig;
  const named = variable ? parseModelRef(variable) : null;
  const ref = named && Object.hasOwn(providers, named.provider) ? named : model.default;
  return { ref, provider: (providers[ref.provider] ?? defaultConfig.providers.openai) as Provider };
}

/** The model that a person named. Throws a {@link Failure} where it is none. */
export function namedModel(text: string): ModelRef {
  const ref = parseModelRef(text);
  if (ref) return ref;
  const remedy = "Write it as provider:model or provider:model@effort, e.g. openai:gpt-5.5@high.";
  throw new Failure("usage", `${text} does not name a model.`, remedy);
}
