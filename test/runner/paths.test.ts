import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { findPlace, isGitFolder, isInside } from "../../src/runner/paths.ts";
import { makeWorkTree } from "./work-tree.ts";

function makeFixture() {
  const { tree, outside } = makeWorkTree();
  mkdirSync(join(tree, "src"));
  mkdirSync(join(tree, ".git"));
  writeFileSync(join(tree, "src/a.ts"), "a");
  writeFileSync(join(outside, "secret"), "s");
  return { tree, outside };
}

test.each([
  ["src/a.ts", "src/a.ts", "file"],
  ["./src/../src//a.ts", "src/a.ts", "file"],
  [".", ".", "directory"],
  ["src/", "src", "directory"],
  ["new/folder/b.ts", "new/folder/b.ts", "missing"],
  ["..a/b", "..a/b", "missing"],
  [".github/workflows/ci.yml", ".github/workflows/ci.yml", "missing"],
  [".gitignore", ".gitignore", "missing"],
])("%s is a place in the tree", (path, shown, kind) => {
  const { tree } = makeFixture();
  for (const use of ["read", "write"] as const) {
    expect(findPlace(tree, path, use)).toEqual({ ok: true, path: join(tree, shown), shown, kind });
  }
});

test("an absolute path inside the tree is the same as a relative one", () => {
  const { tree } = makeFixture();
  expect(findPlace(tree, join(tree, "src/a.ts"), "write")).toMatchObject({ ok: true, shown: "src/a.ts" });
});

test.each([
  ["", "is empty"],
  ["src/a\0.ts", "holds a NUL byte"],
  ["..", "is outside the work tree"],
  ["../outside/secret", "is outside the work tree"],
  ["src/../../outside/secret", "is outside the work tree"],
  ["/etc/passwd", "is outside the work tree"],
  ["../tree-beside/a", "is outside the work tree"],
  ["src/a.ts/b", "cannot be reached (ENOTDIR)"],
  ["x".repeat(300), "cannot be reached (ENAMETOOLONG)"],
  [".git", "leads into git's own folder (.git)"],
  [".git/config", "leads into git's own folder (.git)"],
  ["src/.GIT/hooks/pre-commit", "leads into git's own folder (.GIT)"],
])("%j is refused: %s", (path, why) => {
  const { tree } = makeFixture();
  for (const use of ["read", "write"] as const) {
    const found = findPlace(tree, path, use);
    expect(found.ok ? "" : found.why).toContain(`Refused: ${JSON.stringify(path)} ${why}`);
  }
});

test("links are followed inside the tree and refused where they leave it", () => {
  const { tree, outside } = makeFixture();
  const link = (target: string, name: string) => symlinkSync(target, join(tree, name));
  link("src", "inside");
  link(outside, "out");
  link("../outside/secret", "secret");
  link("../outside/new", "dangling");
  link("loop", "loop");
  link(".git", "g");
  link("/proc/self/fd", "fds");
  expect(findPlace(tree, "inside/a.ts", "write")).toMatchObject({ ok: true, shown: "src/a.ts" });
  const why = (path: string) => {
    const found = findPlace(tree, path, "write");
    return found.ok ? `allowed ${found.shown}` : found.why;
  };
  expect(why("out/secret")).toContain("leads outside the work tree through a link");
  expect(why("out/new/deep")).toContain("leads outside the work tree through a link");
  expect(why("secret")).toContain("leads outside the work tree through a link");
  expect(why("dangling")).toContain("leads through a link to nowhere");
  expect(why("dangling/x")).toContain("leads through a link to nowhere");
  expect(why("loop")).toContain("cannot be reached (ELOOP)");
  expect(why("g/config")).toContain("leads into git's own folder (.git)");
  expect(why("fds/1")).toMatch(/^Refused/);
});

test("a file with a second hard link may be read, not written", () => {
  const { tree, outside } = makeFixture();
  linkSync(join(outside, "secret"), join(tree, "hard"));
  expect(findPlace(tree, "hard", "read").ok).toBe(true);
  expect(findPlace(tree, "hard", "write")).toMatchObject({ ok: false, why: expect.stringContaining("hard link") });
});

test("special files are refused", async () => {
  const { tree } = makeFixture();
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(join(tree, "socket"), resolve));
  expect(findPlace(tree, "socket", "read")).toMatchObject({
    ok: false,
    why: expect.stringContaining("is neither a file nor a folder"),
  });
});

test.each([
  ".git",
  ".Git",
  ".GIT.",
  ".git ",
  ".git...",
  ".g\u200Cit",
  ".git\uFEFF",
  "．ｇｉｔ",
  ".gıt",
  ".gİt",
  "git~1",
  "GIT~2",
  ".git::$INDEX_ALLOCATION",
  ".git:x",
])("%j is taken for .git by some file system", (name) => expect(isGitFolder(name)).toBe(true));

test.each([".github", ".gitignore", "git", ".gitx", "a.git", ".gi", "git~", "..git"])(
  "%j is an ordinary name",
  (name) => expect(isGitFolder(name)).toBe(false),
);

test("whatever is asked for, the answer is inside the tree and not in .git", () => {
  const { tree, outside } = makeFixture();
  symlinkSync(outside, join(tree, "out"));
  symlinkSync(".git", join(tree, "g"));
  const part = fc.constantFrom(
    "..",
    ".",
    "",
    "src",
    "a.ts",
    "out",
    "secret",
    "g",
    ".git",
    ".GIT",
    "config",
    "tree",
    "/",
    "x",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.constantFrom<"read" | "write">("read", "write"), (parts, use) => {
      const found = findPlace(tree, parts.join("/"), use);
      if (!found.ok) return;
      expect(isInside(found.path, tree)).toBe(true);
      expect(found.shown.split("/").some(isGitFolder)).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});
