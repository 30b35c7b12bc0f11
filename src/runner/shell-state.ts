import { statSync } from "node:fs";
import { relative, resolve } from "node:path";
import { isInside } from "./paths.ts";
import type { Context } from "./shell-process.ts";
import type { OtherProgram, Program } from "./shell-programs.ts";

/** Exported variables, as the difference to the environment that every shell starts with. */
export interface EnvChange {
  readonly set: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
}

/** What a shell is to the next turn, on whatever machine: plain JSON. */
export interface ShellState {
  /** Absent for bash. */
  readonly program?: OtherProgram | undefined;
  /** Relative to the work tree when inside it (`.` is the work tree itself), else absolute. */
  readonly cwd: string;
  readonly env: EnvChange;
  readonly executions: number;
  readonly last_exit_code: number | null;
}

export type Environment = Readonly<Record<string, string>>;

export function freshState(program: Program = "bash"): ShellState {
  const state = { cwd: ".", env: { set: {}, unset: [] }, executions: 0, last_exit_code: null };
  return program === "bash" ? state : { program, ...state };
}

/** In every shell's environment, so that its processes are known wherever they hide. Never part of a state. */
export const shellMark = "OFFSHOOT_SHELL";

/** The shells set these by themselves. */
const notExports = new Set(["PWD", "OLDPWD", "SHLVL", "_", "SHELLOPTS", "BASHOPTS", shellMark]);

export function stateCwd(cwd: string, tree: string): string {
  return isInside(cwd, tree) ? relative(tree, cwd) || "." : cwd;
}

/** The folder to start a shell in: null when it is there no longer. */
export function openCwd(state: ShellState, tree: string): string | null {
  const cwd = resolve(tree, state.cwd);
  return statSync(cwd, { throwIfNoEntry: false })?.isDirectory() ? cwd : null;
}

export function envChange(context: Context, base: Environment): EnvChange {
  const set: Record<string, string> = {};
  for (const [name, value] of [...context.exports].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!notExports.has(name) && base[name] !== value) set[name] = value;
  }
  const unset = Object.keys(base).filter((name) => isVariable(name) && !context.exports.has(name));
  return { set, unset: unset.sort() };
}

export function applyChange(base: Environment, { set, unset }: EnvChange): Record<string, string> {
  const kept = Object.entries(base).filter(([name]) => !unset.includes(name));
  return { ...Object.fromEntries(kept), ...set };
}

/** Shells hand other names through to its children without knowing them as variables. */
function isVariable(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !notExports.has(name);
}
