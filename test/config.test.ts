import fc from "fast-check";
import { expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";

/** Problems as `line:column message`, one a line, as a person would see them. */
function problems(text: string): string {
  const parsed = parseConfig(text);
  if (parsed.ok) return "none";
  return parsed.problems.map(({ line, column, message }) => `${line}:${column} ${message}`).join("\n");
}

test("an empty file gives the defaults", () => {
  expect(parseConfig("")).toEqual({
    ok: true,
    config: {
      model: { default: { provider: "openai", model: "gpt-5.5" } },
      providers: {
        openai: { baseUrl: "https://api.openai.com/v1", api: "responses", key: "OPENAI_API_KEY" },
      },
      models: {},
      limits: { steps: 100, minutes: 60, commandSeconds: 600 },
      budgets: {
        turn: { tokens: 2_000_000, usd: null },
        session: { tokens: null, usd: null },
        tree: { tokens: null, usd: null },
        day: { tokens: null, usd: null },
      },
      permissions: { trigger: "write" },
      setup: { commands: [], minutes: 10 },
      shells: { terminal: false },
      compaction: { window: 200_000, target: 0.25 },
      triggers: { label: "agent" },
      journal: { visibility: null },
    },
  });
});

test("every setting can be set", () => {
  const text = `
[model]
default = "local:qwen3:32b@low"

[providers.local]
base_url = "http://localhost:11434/v1"
api = "chat"
key = "LOCAL_KEY"

[providers.openai]
key = "TEAM_KEY"

[models."local:qwen3:32b"]
input = 0.5
output = 2

[models."openai:gpt-5.5"]
input = 1.25
cached = 0.125
output = 10.0

[limits]
steps = 50
minutes = 30
command_seconds = 120

[budgets.turn]
tokens = 500_000

[budgets.session]
usd = 5

[budgets.tree]
tokens = 10_000_000
usd = 12.5

[budgets.day]
usd = 50.0

[permissions]
trigger = "admin"

[setup]
commands = ["npm ci"]
minutes = 3

[shells]
terminal = true

[compaction]
window = 1_000_000
target = 0.1

[triggers]
label = "robot"

[journal]
visibility = "sealed"
`;
  expect(parseConfig(text)).toEqual({
    ok: true,
    config: {
      model: { default: { provider: "local", model: "qwen3:32b", effort: "low" } },
      providers: {
        local: { baseUrl: "http://localhost:11434/v1", api: "chat", key: "LOCAL_KEY" },
        openai: { baseUrl: "https://api.openai.com/v1", api: "responses", key: "TEAM_KEY" },
      },
      models: {
        "local:qwen3:32b": { input: 0.5, cached: 0.5, output: 2 },
        "openai:gpt-5.5": { input: 1.25, cached: 0.125, output: 10 },
      },
      limits: { steps: 50, minutes: 30, commandSeconds: 120 },
      budgets: {
        turn: { tokens: 500_000, usd: null },
        session: { tokens: null, usd: 5 },
        tree: { tokens: 10_000_000, usd: 12.5 },
        day: { tokens: null, usd: 50 },
      },
      permissions: { trigger: "admin" },
      setup: { commands: ["npm ci"], minutes: 3 },
      shells: { terminal: true },
      compaction: { window: 1_000_000, target: 0.1 },
      triggers: { label: "robot" },
      journal: { visibility: "sealed" },
    },
  });
});

test("a config cannot be changed by whoever holds it", () => {
  const parsed = parseConfig("");
  if (!parsed.ok) throw new Error("the defaults are not valid");
  expect(() => Object.assign(parsed.config.limits, { steps: 1 })).toThrow(TypeError);
  expect(() => Object.assign(parsed.config.model.default, { model: "other" })).toThrow(TypeError);
  expect(() => Object.assign(parsed.config.providers, { evil: {} })).toThrow(TypeError);
});

test("settings that do not exist are named with their place and the nearest that does", () => {
  expect(
    problems(`[modle]
default = "openai:gpt-5.5"

[limits]
  step = 3
  minuets = 5

[providers.openai]
baseurl = "https://example.com"

[models."openai:gpt-5.5"]
input = 1
ouput = 10

[budgets.turn]
token = 5

[budgets.week]
usd = 100

[journal]
"visible" = "full"
`),
  ).toMatchInlineSnapshot(`
    "1:2 modle is not a setting. Did you mean "model"?
    5:3 limits.step is not a setting. Did you mean "steps"?
    6:3 limits.minuets is not a setting. Did you mean "minutes"?
    9:1 providers.openai.baseurl is not a setting. Did you mean "base_url"?
    11:9 models.openai:gpt-5.5.output is missing.
    13:1 models.openai:gpt-5.5.ouput is not a setting. Did you mean "output"?
    16:1 budgets.turn.token is not a setting. Did you mean "tokens"?
    18:10 budgets.week is not a setting. Did you mean "tree"?
    22:1 journal.visible is not a setting. Did you mean "visibility"?"
  `);
});

test("values that cannot be are named with their place, all of them", () => {
  expect(
    problems(`limits.steps = 0
limits.minutes = 1.5
budgets . turn . tokens = "many"
triggers = { label = "  " }

[model]
default = "gpt-5.5"

[providers.local]
base_url = "localhost:11434"
api = "completions"
key = "sk-1234-5678"

[models."openai:gpt-5.5@high"]
input = 1
output = 1

[models."openai:gpt-5.5"]
input = -1
cached = inf

[budgets.day]
usd = 0

[permissions]
trigger = "read"

[setup]
commands = "npm ci"

[journal]
visibility = "open"
`),
  ).toMatchInlineSnapshot(`
    "1:8 limits.steps must be a whole number of at least 1; it is 0.
    2:8 limits.minutes must be a whole number of at least 1; it is 1.5.
    3:18 budgets.turn.tokens must be a whole number of at least 1; it is "many".
    4:1 triggers.label must not be empty; it is "".
    7:1 model.default must be written provider:model[@effort], such as openai:gpt-5.5@high; it is "gpt-5.5".
    10:1 providers.local.base_url must be an address that begins with http:// or https://; it is "localhost:11434".
    11:1 providers.local.api must be "responses" or "chat"; it is "completions".
    12:1 providers.local.key must be the name of an environment variable, not the key itself.
    14:9 models.openai:gpt-5.5@high is not a model's name: provider:model, such as openai:gpt-5.5, without an effort.
    18:9 models.openai:gpt-5.5.output is missing.
    19:1 models.openai:gpt-5.5.input must be a number of US dollars from 0 to 1,000,000; it is -1.
    20:1 models.openai:gpt-5.5.cached must be a number of US dollars from 0 to 1,000,000; it is Infinity.
    23:1 budgets.day.usd must be a number of US dollars above 0, and at most 1,000,000; it is 0.
    26:1 permissions.trigger must be "write", "maintain" or "admin"; it is "read".
    29:1 setup.commands must be a list of commands; it is "npm ci".
    32:1 journal.visibility must be "full", "sealed" or "summary"; it is "open"."
  `);
});

test("a provider that is not complete, or not there, is named", () => {
  expect(
    problems(`[model]
default = "other:model"
[providers]
local.api = "chat"
Bad.key = "KEY"
`),
  ).toMatchInlineSnapshot(`"5:1 providers.Bad is not a provider's name: small letters, digits and hyphens."`);
  expect(problems('[model]\ndefault = "other:model"\n[providers.local]\napi = "chat"')).toMatchInlineSnapshot(`
    "2:1 model.default names the provider "other", which has no [providers.other].
    3:12 providers.local needs base_url and key."
  `);
});

test("a section that is no table is named", () => {
  expect(
    problems('model = "openai:gpt-5.5"\nproviders = [1]\ntriggers = 2026-11-21\n[[limits]]\nsteps = 3\n'),
  ).toMatchInlineSnapshot(`
    "1:1 model must be a table; it is "openai:gpt-5.5".
    2:1 providers must be a table; it is [1].
    3:1 triggers must be a table; it is "2026-11-21".
    4:3 limits must be a table; it is [{"steps":3}]."
  `);
});

test("text that is not TOML is named with its place", () => {
  expect(problems("[limits]\nsteps = \n[model]")).toMatchInlineSnapshot(`"2:9 This is not valid TOML: invalid value."`);
  expect(problems("[limits]\nsteps = 1\nsteps = 2")).toMatchInlineSnapshot(
    `"3:1 This is not valid TOML: trying to redefine an already defined table or value."`,
  );
});

test("any text is either a config or has problems that stand in the text", () => {
  const bit = fc.constantFrom(
    "[",
    "]",
    "model",
    "limits",
    "steps",
    ".",
    "=",
    "\n",
    '"',
    "'",
    "1",
    "{",
    "}",
    "#",
    " ",
    "é",
  );
  fc.assert(
    fc.property(fc.array(bit, { maxLength: 20 }), (bits) => {
      const text = bits.join("");
      const parsed = parseConfig(text);
      if (parsed.ok) return;
      expect(parsed.problems.length).toBeGreaterThan(0);
      for (const { line, column } of parsed.problems) {
        expect(line).toBeGreaterThan(0);
        expect(line).toBeLessThanOrEqual(text.split("\n").length);
        expect(column).toBeGreaterThan(0);
      }
    }),
    { numRuns: 2000 },
  );
});
