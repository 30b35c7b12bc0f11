import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { editPath, readPath, writePath } from "../../src/runner/files.ts";
import { makeWorkTree } from "./work-tree.ts";

function treeWith(files: Record<string, string | Buffer>): string {
  const { tree } = makeWorkTree();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(tree, path, ".."), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  return tree;
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join("");

test("a file is read word for word", () => {
  const tree = treeWith({ "src/a.ts": "const a = '\t\u00e9';\r\nlast" });
  expect(readPath(tree, { path: "src/a.ts" })).toEqual({
    type: "read",
    output: "const a = '\t\u00e9';\r\nlast",
    path: "src/a.ts",
  });
});

test.each([
  [{ from: 2, lines: 2 }, "line 2\nline 3\n[lines 2 to 3 of 5; the next is 4]"],
  [{ from: 4 }, "line 4\nline 5\n[lines 4 to 5 of 5]"],
  [{ lines: 1 }, "line 1\n[lines 1 to 1 of 5; the next is 2]"],
  [{ from: 6 }, "[The file has 5 lines only.]"],
])("part of a file: %j", (part, output) => {
  const tree = treeWith({ f: numbered(5) });
  expect(readPath(tree, { path: "f", ...part }).output).toBe(output);
});

test("the last line without a line end does not run into the note", () => {
  expect(readPath(treeWith({ f: "one\ntwo" }), { path: "f", from: 2 }).output).toBe("two\n[lines 2 to 2 of 2]");
});

test("a long file is cut at a line, and says how to go on", () => {
  const tree = treeWith({
    many: numbered(3_000),
    wide: `${"x".repeat(20_000)}\n${"y".repeat(20_000)}\n`,
    one: "z".repeat(40_000),
  });
  expect(readPath(tree, { path: "many" }).output).toMatch(/line 2000\n\[lines 1 to 2000 of 3000; the next is 2001\]$/);
  expect(readPath(tree, { path: "wide" }).output).toMatch(/x\n\[lines 1 to 1 of 2; the next is 2\]$/);
  expect(readPath(tree, { path: "one" }).output).toBe("[Line 1 has 40000 characters; look at parts of it with exec.]");
});

test("what is no text is said, not shown", () => {
  const tree = treeWith({ empty: "", nul: "a\0b", latin: Buffer.from([0x61, 0xe9]), big: "" });
  truncateSync(join(tree, "big"), 11 * 1024 * 1024);
  const output = (path: string) => readPath(tree, { path }).output;
  expect(output("empty")).toBe("[The file is empty.]");
  expect(output("nul")).toBe("nul is binary (3 bytes); look at it with exec.");
  expect(output("latin")).toBe("latin is binary (2 bytes); look at it with exec.");
  expect(output("big")).toBe("big has 11534336 bytes; look at parts of it with exec.");
  expect(output("nothing")).toBe("nothing does not exist.");
  expect(readPath(tree, { path: "nul" }).type).toBe("refused");
});

test("a folder is listed", () => {
  const tree = treeWith({ "b/x": "", "a.ts": "", ".env": "" });
  mkdirSync(join(tree, "none"));
  expect(readPath(tree, { path: "." })).toEqual({ type: "read", output: ".env\na.ts\nb/\nnone/", path: "." });
  expect(readPath(tree, { path: "none" }).output).toBe("[The folder is empty.]");
  for (let n = 0; n < 510; n++) writeFileSync(join(tree, "none", String(n).padStart(3, "0")), "");
  expect(readPath(tree, { path: "none" }).output).toMatch(/499\n\[10 more entries\]$/);
});

test("write creates a file with its folders, and replaces one without touching its mode", () => {
  const tree = treeWith({ "run.sh": "old old old" });
  chmodSync(join(tree, "run.sh"), 0o755);
  expect(writePath(tree, { path: "a/b/c.txt", content: "h\u00e9" })).toEqual({
    type: "changed",
    output: "Created a/b/c.txt (3 bytes).",
    path: "a/b/c.txt",
    change: "created",
    bytes: 3,
  });
  expect(readFileSync(join(tree, "a/b/c.txt"), "utf8")).toBe("h\u00e9");
  expect(writePath(tree, { path: "run.sh", content: "new" })).toMatchObject({ change: "edited", bytes: 3 });
  expect(readFileSync(join(tree, "run.sh"), "utf8")).toBe("new");
  expect(statSync(join(tree, "run.sh")).mode & 0o777).toBe(0o755);
});

test("edit replaces the one occurrence, whatever the new text holds", () => {
  const tree = treeWith({ f: "one\ntwo\nthree\n" });
  expect(editPath(tree, { path: "f", old: "two\n", new: "$& $1 $$\n" })).toMatchObject({
    type: "changed",
    output: "Changed f (19 bytes).",
    change: "edited",
  });
  expect(readFileSync(join(tree, "f"), "utf8")).toBe("one\n$& $1 $$\nthree\n");
});

test.each([
  [{ old: "aa", new: "b" }, "`old` was found 2 times in f; add lines around it until it is unique."],
  [{ old: "", new: "b" }, "`old` is empty; to replace a whole file use write."],
  [{ old: "aaa", new: "aaa" }, "`old` and `new` are the same; nothing was changed."],
  [
    { old: "    return 1;\n  }\n", new: "" },
    '`old` was not found in f. The closest line is 2: "\\treturn 1;". Everything must match, white space too.',
  ],
  [
    { old: "const total = sum(list)", new: "" },
    '`old` was not found in f. The closest line is 3: "const totals = sum(lists);". Everything must match, white space too.',
  ],
  [{ old: "qqqq", new: "" }, "`old` was not found in f. No line is like its first one; read the file again."],
  [{ old: "\n \n\n", new: "" }, "`old` was not found in f. No line is like its first one; read the file again."],
  [
    { old: "x\ny", new: "" },
    "`old` was not found in f. The file ends its lines with \\r\\n: write them so in `old` and `new`.",
  ],
])("an edit that does not match exactly once changes nothing: %j", (edit, output) => {
  const content = "aaa\n\treturn 1;\nconst totals = sum(lists);\nx\r\ny\n";
  const tree = treeWith({ f: content });
  expect(editPath(tree, { path: "f", ...edit })).toEqual({ type: "refused", output });
  expect(readFileSync(join(tree, "f"), "utf8")).toBe(content);
});

test("a path that the policy refuses is refused by each tool", () => {
  const tree = treeWith({ "folder/x": "", bin: "\0" });
  symlinkSync("/etc", join(tree, "etc"));
  const why = expect.stringContaining("Refused: ");
  expect(readPath(tree, { path: "etc/passwd" })).toEqual({ type: "refused", output: why });
  expect(writePath(tree, { path: "etc/x", content: "" })).toEqual({ type: "refused", output: why });
  expect(editPath(tree, { path: ".git/config", old: "a", new: "b" })).toEqual({ type: "refused", output: why });
  expect(writePath(tree, { path: "folder", content: "" }).output).toBe("folder is a folder.");
  expect(editPath(tree, { path: "folder", old: "a", new: "b" }).output).toBe("folder is a folder.");
  expect(editPath(tree, { path: "nope", old: "a", new: "b" }).output).toBe("nope does not exist.");
  expect(editPath(tree, { path: "bin", old: "a", new: "b" }).output).toContain("is binary");
});

test("an error of the file system is an answer", () => {
  const outcome = writePath(treeWith({}), { path: `new/${"x".repeat(300)}`, content: "" });
  expect(outcome).toMatchObject({ type: "refused", output: expect.stringContaining("ENAMETOOLONG") });
});
