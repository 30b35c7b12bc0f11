import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { build } from "../../scripts/build.ts";

let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), "offshoot-build-"));
  await mkdir(join(project, "src"));
});

afterEach(() => rm(project, { recursive: true, force: true }));

test("the action becomes one file that runs without node_modules", async () => {
  const modules = join(import.meta.dirname, "..", "..", "node_modules");
  await symlink(modules, join(project, "node_modules"));
  await writeFile(
    join(project, "src", "action.ts"),
    `import { getInput } from "@actions/core";
     import { ulid } from "ulid";
     const session: string = getInput("session");
     console.log(session, ulid().length);
     console.log((await import("smol-toml")).stringify({ session }));`,
  );

  const file = await build(project);
  await rm(join(project, "node_modules"));

  expect(file).toBe(join(project, "dist", "action.js"));
  expect(await readdir(join(project, "dist"))).toEqual(["action.js"]);
  await writeFile(join(project, "package.json"), `{"type":"module"}`);
  const env = { INPUT_SESSION: "01JH4Q" };
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env });
  expect(stdout).toBe(`01JH4Q 26\nsession = "01JH4Q"\n\n`);
});
