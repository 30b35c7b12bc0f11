import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { defaultConfig, parseConfig, sections } from "../src/config.ts";

const page = readFileSync(join(import.meta.dirname, "..", "docs", "configuration.md"), "utf8");
const [, example = ""] = /^```toml\n(.*?)^```$/ms.exec(page) ?? [];

/** Every setting that there is, as the page names it. */
function settings(): string[] {
  const { providers, ...others } = sections;
  const [, provider] = providers.value.pipe;
  return [
    ...Object.entries(others).flatMap(([section, { entries }]) =>
      Object.keys(entries).map((key) => `${section}.${key}`),
    ),
    ...Object.keys(provider.entries).map((key) => `providers.<name>.${key}`),
  ];
}

const rows = [...page.matchAll(/^\| `([^`]+)` \| (.+?) \| .+ \|$/gm)].map(([, name = "", given = ""]) => {
  return { name, given };
});

test("docs/configuration.md explains every setting, and none that there is not", () => {
  expect(rows.map(({ name }) => name).toSorted()).toEqual(settings().toSorted());
});

test("docs/configuration.md names the defaults that hold", () => {
  const values = rows.flatMap(({ name, given }) => {
    const [, value] = /^`([^`]+)`$/.exec(given) ?? [];
    return value && !name.startsWith("providers.") ? [`${name} = ${value}`] : [];
  });
  expect(values).toHaveLength(settings().length - 4);
  expect(parseConfig(values.join("\n"))).toEqual({ ok: true, config: defaultConfig });
  const api = rows.find(({ name }) => name === "providers.<name>.api")?.given;
  expect(api).toBe(`\`"${defaultConfig.providers.openai?.api}"\``);
});

test("docs/configuration.md: the example sets everything, to what is no default", () => {
  const parsed = parseConfig(example);
  expect(parsed).toMatchObject({ ok: true });
  const { providers = {}, ...others } = parse(example) as Record<string, Record<string, object>>;
  const set = [
    ...Object.entries(others).flatMap(([section, values]) => Object.keys(values).map((key) => `${section}.${key}`)),
    ...Object.values(providers).flatMap((provider) => Object.keys(provider).map((key) => `providers.<name>.${key}`)),
  ];
  expect(new Set(set)).toEqual(new Set(settings()));
  if (!parsed.ok) throw new Error("The example is no configuration.");
  const { providers: _, ...chosen } = parsed.config;
  const { providers: __, ...usual } = defaultConfig;
  for (const section of Object.keys(chosen) as (keyof typeof chosen)[]) {
    for (const [name, value] of Object.entries(chosen[section])) {
      expect({ name, value }).not.toEqual({ name, value: Reflect.get(usual[section], name) });
    }
  }
});
