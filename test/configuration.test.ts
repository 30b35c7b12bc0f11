import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { formatSchema, schemaOf } from "../scripts/schemas.ts";
import { defaultConfig, parseConfig } from "../src/config.ts";
import { settingNames } from "../src/config-keys.ts";

const page = readFileSync(join(import.meta.dirname, "..", "docs", "configuration.md"), "utf8");
const [, example = ""] = /^```toml\n(.*?)^```$/ms.exec(page) ?? [];

const rows = [...page.matchAll(/^\| `([^`]+)` \| (.+?) \| .+ \|$/gm)].map(([, name = "", given = ""]) => {
  return { name, given };
});

test("docs/configuration.md explains every setting, and none that there is not", () => {
  expect(rows.map(({ name }) => name).toSorted()).toEqual(settingNames().toSorted());
});

test("docs/configuration.md names the defaults that hold", () => {
  const values = rows.flatMap(({ name, given }) => {
    const [, value] = /^`([^`]+)`$/.exec(given) ?? [];
    return value && !name.includes("<name>") ? [`${name} = ${value}`] : [];
  });
  const without = rows.filter(({ given }) => given === "no limit" || given === "by who can read the repository");
  expect(values).toHaveLength(settingNames().filter((name) => !name.includes("<name>")).length - without.length);
  expect(parseConfig(values.join("\n"))).toEqual({ ok: true, config: defaultConfig });
  const api = rows.find(({ name }) => name === "providers.<name>.api")?.given;
  expect(api).toBe(`\`"${defaultConfig.providers.openai?.api}"\``);
});

/** What is set in a TOML file, as the page names it. */
function setIn(value: unknown, shape: readonly string[], path: readonly string[] = []): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path.join(".")];
  return Object.entries(value).flatMap(([key, inner]) => {
    const isFree = path.length === 1 && shape.some((name) => name.startsWith(`${path[0]}.<name>`));
    return setIn(inner, shape, [...path, isFree ? "<name>" : key]);
  });
}

test("the published schema takes what the program takes, and knows its mistakes", () => {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  const fits = ajv.compile(JSON.parse(formatSchema(schemaOf("offshoot"))));
  expect(fits(parse(example)) ? null : fits.errors).toBeNull();
  for (const wrong of [
    "limits.step = 1",
    "budgets.day.usd = 0",
    '[models."gpt-5.5"]\ninput = 1\noutput = 1',
    "setup = 1",
  ]) {
    expect([wrong, fits(parse(wrong)), parseConfig(wrong).ok]).toEqual([wrong, false, false]);
  }
});

/** Every value of a configuration, by its path. */
function valuesOf(value: unknown, path = ""): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => valuesOf(inner, `${path}.${key}`));
}

test("docs/configuration.md: the example sets everything, to what is no default", () => {
  const parsed = parseConfig(example);
  expect(parsed).toMatchObject({ ok: true });
  expect(new Set(setIn(parse(example), settingNames()))).toEqual(new Set(settingNames()));
  if (!parsed.ok) throw new Error("The example is no configuration.");
  const { providers: _, model: __, ...chosen } = parsed.config;
  const usual = new Map(valuesOf(defaultConfig));
  for (const [name, value] of valuesOf(chosen)) expect({ name, value }).not.toEqual({ name, value: usual.get(name) });
});
