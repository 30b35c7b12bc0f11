import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { searchTree } from "../../src/runner/search.ts";
import { makeWorkTree } from "./work-tree.ts";

const signal = new AbortController().signal;

function treeWith(files: Record<string, string>): string {
  const { tree, outside } = makeWorkTree();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(tree, path, ".."), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  writeFileSync(join(outside, "secret"), "needle outside");
  return tree;
}

const project = {
  "src/b.ts": "one\nneedle(1);\r\n",
  "src/a.ts": "  needle\n",
  "src/deep/c.js": "Needle",
  "notes.md": "no such thing\nneedle 7",
  ".github/ci.yml": "needle: yes",
  ".git/config": "needle",
  "node_modules/p/index.js": "needle",
  "image.png": "needle\0",
  "huge.txt": "needle ".repeat(200_000),
};

test("lines are found in the order of the paths; git's folder, heavy ones, binary and huge files are left out", async () => {
  const tree = treeWith(project);
  expect(await searchTree(tree, { pattern: "needle" }, signal)).toBe(
    [".github/ci.yml:1:needle: yes", "notes.md:2:needle 7", "src/a.ts:1:  needle", "src/b.ts:2:needle(1);\r"].join(
      "\n",
    ),
  );
});

test.each([
  [{ pattern: "[Nn]eedle", path: "src" }, ["src/a.ts:1", "src/b.ts:2", "src/deep/c.js:1"]],
  [{ pattern: "^\\s*needle$" }, ["src/a.ts:1"]],
  [{ pattern: "eedle", glob: "*.ts" }, ["src/a.ts:1", "src/b.ts:2"]],
  [{ pattern: "eedle", glob: "src/**/*.js" }, ["src/deep/c.js:1"]],
  [{ pattern: "needle", path: "notes.md" }, ["notes.md:2"]],
  [{ pattern: "needle", path: "node_modules/p" }, ["node_modules/p/index.js:1"]],
])("%j", async (request, places) => {
  const found = await searchTree(treeWith(project), request, signal);
  expect(found.split("\n").map((line) => line.split(":", 2).join(":"))).toEqual(places);
});

test.each([
  [{ pattern: "nothing like it" }, "[Nothing found.]"],
  [
    { pattern: "(" },
    "Invalid regular expression: /(/: Unterminated group. To search for the text itself, escape it with \\.",
  ],
  [{ pattern: "x", path: "../outside" }, 'Refused: "../outside" is outside the work tree.'],
  [{ pattern: "x", path: "nope" }, "nope does not exist."],
])("%j is answered", async (request, answer) => {
  expect(await searchTree(treeWith({ a: "b" }), request, signal)).toBe(answer);
});

test("links are not followed", async () => {
  const tree = treeWith({ a: "needle" });
  symlinkSync("../outside", join(tree, "folder"));
  symlinkSync("../outside/secret", join(tree, "file"));
  symlinkSync(".", join(tree, "loop"));
  expect(await searchTree(tree, { pattern: "needle" }, signal)).toBe("a:1:needle");
});

test("too many and too long lines are bounded", async () => {
  const tree = treeWith({ a: "x\n".repeat(150), b: "x\n".repeat(150), c: `y${"z".repeat(1_000)}` });
  const lines = (await searchTree(tree, { pattern: "x" }, signal)).split("\n");
  expect(lines).toHaveLength(201);
  expect(lines.at(-1)).toBe("[More than 200 lines match; narrow the pattern, the path or the glob.]");
  expect(await searchTree(tree, { pattern: "y" }, signal)).toBe(`c:1:y${"z".repeat(299)}`);
});

test("a pattern that would take for ever is ended", async () => {
  const tree = treeWith({ a: `ok a\n${"a".repeat(60)}!` });
  expect(await searchTree(tree, { pattern: "ok a|^(a+)+$" }, signal)).toBe(
    "a:1:ok a\n[Ended after 2000 ms; use a simpler pattern, a path or a glob.]",
  );
});

test("a stopped turn stops the search", async () => {
  const tree = treeWith(project);
  const abort = new AbortController();
  const search = searchTree(tree, { pattern: "needle" }, abort.signal);
  abort.abort();
  expect(await search).toBe("[The search was stopped from outside.]");
  expect(await searchTree(tree, { pattern: "needle" }, abort.signal)).toBe("[The search was stopped from outside.]");
});
