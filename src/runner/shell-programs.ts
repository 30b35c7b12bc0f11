import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { bashDriver, pythonDriver, zshDriver } from "./shell-drivers.ts";
import type { Environment } from "./shell-state.ts";

/** What a shell may run instead of bash. */
export const otherPrograms = ["python3", "zsh"] as const;
export const programs = ["bash", ...otherPrograms] as const;

export type OtherProgram = (typeof otherPrograms)[number];
export type Program = (typeof programs)[number];

/** The command line of a program that reads its requests; the driver's own arguments follow. */
export const programLine: Readonly<Record<Program, readonly [string, ...string[]]>> = {
  bash: ["bash", "--noprofile", "--norc", "-c", bashDriver, "bash"],
  python3: ["python3", "-c", pythonDriver],
  zsh: ["zsh", "-f", "-c", zshDriver, "zsh"],
};

/** Null where the program can be started; else a sentence that names it and what is there. */
export function whyNotInstalled(program: Program, env: Environment): string | null {
  const installed = programs.filter((name) => isOnPath(name, env.PATH ?? ""));
  if (installed.includes(program)) return null;
  return `${program} is not installed here: it is in no folder of PATH. Installed: ${installed.join(", ") || "none of the shells"}.`;
}

function isOnPath(program: Program, path: string): boolean {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder || ".", program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
