import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { changelog, releaseOf } from "../../scripts/changelog.ts";
import { release } from "../../scripts/release.ts";

const root = join(import.meta.dirname, "../..");

test("a release is a tag with the bundle, the version and the changelog in it; the branch has none of that", async () => {
  const folder = mkdtempSync(join(tmpdir(), "offshoot-release-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...args], {
      ...{ cwd: folder, encoding: "utf8", maxBuffer: 64_000_000 },
    }).trim();
  for (const name of ["package.json", "action.yml", ".gitignore"]) cpSync(join(root, name), join(folder, name));
  cpSync(join(root, "src"), join(folder, "src"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  git("init", "--quiet", "--initial-branch=main");
  writeFileSync(join(folder, ".git/info/exclude"), "node_modules\n");
  git("add", "action.yml", "package.json", ".gitignore", "src");
  git("commit", "--quiet", "--message=feat(action): it works");
  expect((await release("1.0.0", folder)).tags).toEqual(["v1.0.0", "v1"]);

  writeFileSync(join(folder, "NOTES"), "");
  git("add", "NOTES");
  git("commit", "--quiet", "--message=fix(runner): it works better");
  const { notes } = await release("1.0.1", folder);
  expect(notes).toMatch(/^## 1\.0\.1 \(.*\)\n\n### Mended\n\n- runner: it works better\n$/);

  expect(git("ls-tree", "-r", "--name-only", "main")).not.toMatch(/dist|CHANGELOG/);
  expect(git("rev-parse", "v1^{commit}")).toBe(git("rev-parse", "v1.0.1^{commit}"));
  expect(git("rev-parse", "v1.0.1^{commit}^")).toBe(git("rev-parse", "main"));
  expect(git("show", "v1:dist/action.js")).toBe(readFileSync(join(folder, "dist/action.js"), "utf8").trim());
  expect(JSON.parse(git("show", "v1:package.json"))).toMatchObject({ version: "1.0.1" });
  expect(git("show", "v1:CHANGELOG.md").match(/^## .*? /gm)).toEqual(["## 1.0.1 ", "## 1.0.0 "]);
  expect(git("tag", "--list", "--format=%(contents:subject)", "v1.0.1")).toMatch(/^## 1\.0\.1/);
  await expect(release("1.0.1", folder)).rejects.toThrow("1.0.1 does not come after v1.0.1");
});

test.each(["1.0", "v1.0.0", "1.0.0-rc.1", ""])("%j is no version of a release", (version) => {
  expect(() => releaseOf(version, [])).toThrow("A version is three numbers");
});

test("the changelog tells users what they notice, breaking changes first", () => {
  const subjects = ["docs: typo", "feat(app): two", "fix!: other", "perf: quick", "feat: one"];
  expect(changelog({ version: "2.0.0", date: "2026-11-27", subjects })).toMatchInlineSnapshot(`
    "## 2.0.0 (2026-11-27)

    ### Changed in a way that needs your attention

    - other

    ### New

    - app: two
    - one

    ### Faster

    - quick
    "
  `);
  expect(changelog({ version: "2.0.1", date: "2026-11-27", subjects: ["docs: typo"] })).toContain("Nothing that users");
});
