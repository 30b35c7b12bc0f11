import { spawn } from "node:child_process";

/** How a git process ended. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Variables of a process; an undefined one is not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** All that git sees of this machine: no configuration but its own, no hooks, no prompts. */
export function cleanEnvironment(dir: string, path: string): Record<string, string> {
  return {
    PATH: path,
    HOME: dir,
    LC_ALL: "C",
    GIT_DIR: dir,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_CONFIG_COUNT: "5",
    GIT_CONFIG_KEY_0: "core.hooksPath",
    GIT_CONFIG_VALUE_0: "/dev/null",
    GIT_CONFIG_KEY_1: "gc.auto",
    GIT_CONFIG_VALUE_1: "0",
    GIT_CONFIG_KEY_2: "submodule.recurse",
    GIT_CONFIG_VALUE_2: "false",
    // A transfer that stands still for a minute is given up, so that it holds up no later one.
    GIT_CONFIG_KEY_3: "http.lowSpeedLimit",
    GIT_CONFIG_VALUE_3: "1",
    GIT_CONFIG_KEY_4: "http.lowSpeedTime",
    GIT_CONFIG_VALUE_4: "60",
  };
}

/** Hands a credential to git through its environment, where neither arguments nor files show it. */
export function authorize(header: string | undefined): Record<string, string> {
  if (header === undefined) return {};
  return {
    GIT_CONFIG_COUNT: "6",
    GIT_CONFIG_KEY_5: "http.extraHeader",
    GIT_CONFIG_VALUE_5: `Authorization: ${header}`,
  };
}

/** A git command that did not do what it was to do; the message is git's own. */
export class GitFailed extends Error {
  override readonly name = "GitFailed";
}

export interface GitOptions {
  readonly cwd: string;
  readonly env: Environment;
  readonly input?: Buffer | undefined;
  /** Takes the output as it comes; the answer has none of it then. */
  readonly onOutput?: (chunk: Buffer) => void;
}

/** Runs git to its end; its exit code is part of the answer. */
export function runGit(args: readonly string[], options: GitOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd: options.cwd, env: options.env, stdio: ["pipe", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", options.onOutput ?? ((chunk: Buffer) => stdout.push(chunk)));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
    );
    // A git that fails early closes its input; its exit code tells, not the broken pipe.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input);
  });
}
