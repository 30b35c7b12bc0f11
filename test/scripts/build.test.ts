import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { buildAction, buildCommand } from "../../scripts/build.ts";

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

  const file = await buildAction(project);
  await rm(join(project, "node_modules"));

  expect(file).toBe(join(project, "dist", "action.js"));
  expect(await readdir(join(project, "dist"))).toEqual(["action.js"]);
  await writeFile(join(project, "package.json"), `{"type":"module"}`);
  const env = { INPUT_SESSION: "01JH4Q" };
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env });
  expect(stdout).toBe(`01JH4Q 26\nsession = "01JH4Q"\n\n`);
});

test("the command is built, and runs from the package alone", async () => {
  const root = join(import.meta.dirname, "..", "..");
  await rm(join(project, "src"), { recursive: true });
  for (const name of ["src", "node_modules"]) await symlink(join(root, name), join(project, name));
  await buildCommand(project);
  for (const name of ["src", "node_modules"]) await rm(join(project, name));
  await cp(join(root, "bin"), join(project, "bin"), { recursive: true });
  await writeFile(join(project, "package.json"), `{"type":"module"}`);
  const listed = promisify(execFile)(process.execPath, [join(project, "bin/offshoot.mjs"), "session", "list"], {
    cwd: project,
  });
  await expect(listed).rejects.toMatchObject({ code: 4, stderr: expect.stringContaining("is not in a git clone") });
});
