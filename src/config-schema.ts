import * as v from "valibot";
import { parseModelRef } from "./runner/model.ts";

const atLeastOne = "must be a whole number of at least 1";
const count = v.pipe(v.number(atLeastOne), v.safeInteger(atLeastOne), v.minValue(1, atLeastOne));
const between = "must be a number between 0 and 1";
const share = v.pipe(v.number(between), v.gtValue(0, between), v.ltValue(1, between));
const filled = v.pipe(v.string("must be a text"), v.trim(), v.nonEmpty("must not be empty"));
const mostUsd = 1_000_000;
const anAmount = "must be a number of US dollars above 0, and at most 1,000,000";
const usd = v.pipe(v.number(anAmount), v.gtValue(0, anAmount), v.maxValue(mostUsd, anAmount));
const aPrice = "must be a number of US dollars from 0 to 1,000,000";
const perMillion = v.pipe(v.number(aPrice), v.minValue(0, aPrice), v.maxValue(mostUsd, aPrice));
const yesOrNo = v.boolean("must be true or false");

const modelRef = v.pipe(
  v.string("must be a text such as openai:gpt-5.5@high"),
  v.description("provider:model, or with an effort provider:model@high. OFFSHOOT_MODEL goes before it."),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const ref = parseModelRef(dataset.value);
    if (ref) return ref;
    addIssue({ message: "must be written provider:model[@effort], such as openai:gpt-5.5@high" });
    return NEVER;
  }),
);

function told<const T extends v.GenericSchema>(schema: T, description: string) {
  return v.pipe(schema, v.description(description));
}

const aTable = "must be a table";

/** A table of a TOML file that may be left out. */
function section<const E extends v.ObjectEntries>(entries: E) {
  return v.strictObject(entries, aTable);
}

const aProvider = "is not a provider's name: small letters, digits and hyphens";
const aModel = "is not a model's name: provider:model, such as openai:gpt-5.5, without an effort";
const address = "must be an address that begins with http:// or https://";
const aVariable = "must be the name of an environment variable, not the key itself";

const provider = section({
  base_url: v.optional(
    told(
      v.pipe(v.string(address), v.regex(/^https?:\/\//, address), v.url(address)),
      "Where the provider's server is.",
    ),
  ),
  api: v.optional(
    told(v.picklist(["responses", "chat"], 'must be "responses" or "chat"'), "The OpenAI API that the server speaks."),
    "responses",
  ),
  key: v.optional(
    told(
      v.pipe(v.string("must be a text"), v.regex(/^[A-Za-z_]\w*$/, aVariable)),
      "The name of the environment variable that holds the key, never the key itself.",
    ),
  ),
});

const model = section({
  input: told(perMillion, "US dollars for a million tokens of input."),
  cached: v.optional(
    told(perMillion, "US dollars for a million tokens of input from the provider's cache; as `input` when left out."),
  ),
  output: told(perMillion, "US dollars for a million tokens of output, reasoning included."),
});

const tokensOf = (what: string) => told(count, `Tokens of ${what}, in and out.`);
const usdOf = (what: string) => told(usd, `US dollars of ${what}; every model in use needs its prices under [models].`);

function budget(what: string) {
  return section({ tokens: v.optional(tokensOf(what)), usd: v.optional(usdOf(what)) });
}

/** `.github/offshoot.toml`: every setting, with what it means and what holds without it. */
export const configSchema = section({
  model: v.optional(
    section({
      // The strongest general model when this was written; a repository pins its own.
      default: v.optional(modelRef, "openai:gpt-5.5"),
    }),
    {},
  ),
  models: v.optional(
    told(
      v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*:[^\s@]+$/, aModel)), model, aTable),
      "Prices, by provider:model.",
    ),
    {},
  ),
  providers: v.optional(
    told(
      v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*$/, aProvider)), provider, aTable),
      "Servers that offer models, by name.",
    ),
    {},
  ),
  limits: v.optional(
    section({
      // Real fixes take 20 to 60 steps; more is mostly a model that goes round in circles.
      steps: v.optional(told(count, "Steps of one turn: replies of the model with their tool calls."), 100),
      // Well within the six hours that GitHub gives a job, and people wait for the answer.
      minutes: v.optional(told(count, "Minutes of one turn."), 60),
      // A full test suite fits; a command that waits for input does not hold up the turn for long.
      command_seconds: v.optional(told(count, "The longest that the agent may let a command run."), 600),
    }),
    {},
  ),
  budgets: v.optional(
    section({
      turn: v.optional(
        section({
          // 100 steps of 20,000 tokens, most of them cached: a few dollars at worst.
          tokens: v.optional(tokensOf("one turn"), 2_000_000),
          usd: v.optional(usdOf("one turn")),
        }),
        {},
      ),
      session: v.optional(budget("one session"), {}),
      tree: v.optional(budget("a session with all that descend from it"), {}),
      day: v.optional(budget("all sessions of the repository on one day, by UTC"), {}),
    }),
    {},
  ),
  permissions: v.optional(
    section({
      trigger: v.optional(
        told(
          v.picklist(["write", "maintain", "admin"], 'must be "write", "maintain" or "admin"'),
          "The access to the repository that somebody needs to be heard.",
        ),
        "write",
      ),
    }),
    {},
  ),
  setup: v.optional(
    section({
      commands: v.optional(
        told(v.array(filled, "must be a list of commands"), "Run in the agent's shell before a run's first turn."),
        [],
      ),
      // An installation of dependencies from nothing fits.
      minutes: v.optional(told(count, "The longest that all of them together may take."), 10),
    }),
    {},
  ),
  shells: v.optional(
    section({
      // Whole screens cost tokens, and waiting for one to come to rest costs time; few tasks need it.
      terminal: v.optional(told(yesOrNo, "Whether the agent may open terminals for interactive programs."), false),
    }),
    {},
  ),
  compaction: v.optional(
    section({
      // What the smaller ones of today's models take; a larger one does well with it, too.
      window: v.optional(told(count, "Tokens that the models in use take at once."), 200_000),
      // Room for three times as much again, and a summary that long leaves little out.
      target: v.optional(
        told(share, "The share of the window that a context has at most when it was compacted."),
        0.25,
      ),
    }),
    {},
  ),
  triggers: v.optional(
    section({ label: v.optional(told(filled, "The label that opens a session on an issue."), "agent") }),
    {},
  ),
  journal: v.optional(
    section({
      visibility: v.optional(
        told(
          v.picklist(["full", "sealed", "summary"], 'must be "full", "sealed" or "summary"'),
          "What the journal shows of reasoning, tool output and shell environments; else as who can read the repository suggests.",
        ),
      ),
    }),
    {},
  ),
});

export type ConfigFile = v.InferOutput<typeof configSchema>;
