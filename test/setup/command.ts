import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { buildCommand } from "../../scripts/build.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The `offshoot` command as it is released, built once for all tests: starting its source takes three times as long. */
    command: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "offshoot-command-"));
  await symlink(join(import.meta.dirname, "../../src"), join(folder, "src"));
  await mkdir(join(folder, "dist"));
  project.provide("command", await buildCommand(folder));
  return () => rm(folder, { recursive: true, force: true });
}
