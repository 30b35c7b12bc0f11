import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/** Files by the ID of the promise that a test in them names. */
function named(): Map<string, string[]> {
  const files = new Map<string, string[]>();
  for (const name of readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  )) {
    const text = readFileSync(join(root, "test", name), "utf8");
    for (const [, ids = ""] of text.matchAll(/[`"]((?:[A-Z]{2}\d+(?:, )?)+): /g)) {
      for (const id of ids.split(", "))
        files.set(id, [...new Set([...(files.get(id) ?? []), `test/${name}`])].toSorted());
    }
  }
  return files;
}

test("docs/seeds.md names for each promise the tests that show it, and no other", () => {
  const rows = readFileSync(join(root, "docs/seeds.md"), "utf8").matchAll(/^\| ([A-Z]{2}\d+) \|.*\| (.*) \|$/gm);
  const listed = [...rows].flatMap(([, id = "", shown = ""]) => {
    const files = [...shown.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file);
    return files.length > 0 ? [[id, files] as const] : [];
  });
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(named()));
});
