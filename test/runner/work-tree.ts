import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ShellState } from "../../src/runner/shell-state.ts";
import { openShells, type Shells } from "../../src/runner/shells.ts";

/** An empty work tree and, beside it, a scratch folder and a place that is outside; gone with the test. */
export function makeWorkTree(): { tree: string; scratch: string; outside: string } {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "offshoot-")));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const made = { tree: join(dir, "tree"), scratch: join(dir, "scratch"), outside: join(dir, "outside") };
  for (const folder of Object.values(made)) mkdirSync(folder);
  return made;
}

export const baseEnv = { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: "/tmp", OFFSHOOT_SESSION_ID: "01JTEST" };

export interface TestShells extends Shells {
  readonly tree: string;
  readonly scratch: string;
  /** `exec` with the defaults of most tests. */
  sh(command: string, shell?: string): ReturnType<Shells["exec"]>;
}

export function openTestShells(
  options: { tree?: string; restore?: Record<string, ShellState>; env?: Record<string, string>; cap?: number } = {},
): TestShells {
  const { tree, scratch } = makeWorkTree();
  const cwd = options.tree ?? tree;
  const { restore, env = baseEnv, cap = 30_000 } = options;
  const shells = openShells({ cwd, env, scratch, cap, ...(restore ? { restore } : {}) });
  onTestFinished(async () => {
    await shells.close();
  });
  const signal = new AbortController().signal;
  const sh = (command: string, shell?: string) => shells.exec({ command, shell, timeoutMs: 30_000, signal });
  return { ...shells, tree: cwd, scratch, sh };
}

/** Zombies count as gone: only their parent can take them away. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
