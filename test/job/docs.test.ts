import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const docs = read("docs/workflow.md");
const action = parse(read("action.yml"));
const workflow = parse(read(".github/workflows/offshoot.yml"));

const rows = (heading: string) => {
  const [, table = ""] = docs.split(`| ${heading} |`);
  const [body = ""] = table.split("\n\n");
  return [...body.matchAll(/^\| `(\w+)` \|(.*?)\|/gm)].map(([, name = "", second = ""]) => [name, second.trim()]);
};

test("docs/workflow.md has every input with its default, every output and every job", () => {
  const inputs = Object.entries<{ default: string }>(action.inputs);
  const defaults = inputs.map(([name, { default: usual }]) => [name, usual && `\`${usual}\``]);
  expect(rows("Input").map(([name, usual]) => [name, name === "mode" ? "" : usual])).toEqual(defaults);
  expect(rows("Output").map(([name]) => name)).toEqual(Object.keys(action.outputs));
  expect(rows("Job").map(([name]) => name)).toEqual(Object.keys(workflow.jobs));
});

test("the workflow uses the action with inputs and outputs that it has", () => {
  interface Step {
    readonly uses?: string;
    readonly with?: object;
  }
  const steps = Object.values<{ steps: Step[] }>(workflow.jobs).flatMap(({ steps }) => steps);
  const used = steps.filter(({ uses }) => uses?.startsWith("offshoot/"));
  expect(used).toHaveLength(3);
  for (const step of used)
    expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})));
  const outputs = read(".github/workflows/offshoot.yml").matchAll(/steps\.\w+\.outputs\.(\w+)/g);
  expect(Object.keys(action.outputs)).toEqual(expect.arrayContaining([...outputs].map(([, name]) => name)));
});
