import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import { withoutTerminal } from "../../src/runner/environment.ts";
import type { ShellState } from "../../src/runner/shell-state.ts";
import { openShells, type Shells } from "../../src/runner/shells.ts";
import { openTerminals, type Terminals } from "../../src/runner/terminals.ts";
import { openTools, type ToolOutcome, type Tools } from "../../src/runner/tools.ts";

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

export interface TestTools {
  readonly shells: TestShells;
  readonly terminals: Terminals | null;
  readonly specs: Tools["specs"];
  raw(name: string, json: string): Promise<ToolOutcome>;
  run(name: string, args: object): Promise<ToolOutcome>;
  /** What the model reads of a command, as data. */
  exec(command: string, shell?: string): Promise<Record<string, unknown>>;
}

/** The tools of a turn, called as a model calls them. */
export function openTestTools(
  options: Parameters<typeof openTestShells>[0] & { most?: number; terminal?: boolean } = {},
): TestTools {
  const { most = 60_000, terminal = false, env = baseEnv, ...others } = options;
  const shells = openTestShells({ env: { ...withoutTerminal, ...env }, ...others });
  const { tree, scratch } = shells;
  const terminals = terminal ? openTerminals({ cwd: tree, env, scratch: join(scratch, "terminals") }) : null;
  onTestFinished(async () => {
    await terminals?.close();
  });
  const tools = openTools({ tree, shells, terminals, timeoutMs: { usual: 30_000, most } });
  const signal = new AbortController().signal;
  const raw = (name: string, json: string) =>
    tools.run({ type: "tool_call", call: "c1", name, arguments: json }, { signal });
  const run = (name: string, args: object) => raw(name, JSON.stringify(args));
  const exec = async (command: string, shell = "main") => JSON.parse((await run("exec", { command, shell })).output);
  return { shells, terminals, specs: tools.specs, raw, run, exec };
}

/** `test`, or a skipped one where a program is not there that the test cannot do without. */
export function testWith(program: string): typeof test | typeof test.skip {
  const isThere = baseEnv.PATH.split(":").some((folder) => existsSync(join(folder, program)));
  const isNeeded = (process.env.OFFSHOOT_TESTS_NEED ?? "").split(",").includes(program);
  if (isThere || isNeeded) return test;
  console.warn(`Skipped: what is done with ${program}. It is not on PATH.`);
  return test.skip;
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
