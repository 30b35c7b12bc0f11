import type { ChildProcess } from "node:child_process";
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { join } from "node:path";
import type { Spawn } from "./processes.ts";
import { type Program, programLine, whyNotInstalled } from "./shell-programs.ts";
import type { Environment } from "./shell-state.ts";

/** What a shell hands on to its commands; everything else in it (functions, variables) lives as long as its process. */
export interface Context {
  readonly cwd: string;
  readonly exports: ReadonlyMap<string, string>;
}

/** `context` is null when the shell could not say it any more. */
export type ProcessReply =
  | { readonly type: "finished"; readonly code: number; readonly context: Context | null }
  | {
      readonly type: "exited";
      readonly code: number;
      readonly signal: NodeJS.Signals | null;
      readonly context: Context | null;
    }
  | { readonly type: "not-started"; readonly why: string };

/** One process that runs scripts in itself, one after the other. */
export interface ShellProcess {
  /** Undefined when the process could not be started. */
  readonly pid: number | undefined;
  /** One script at a time. Afterwards, unless it says `finished`, the process is gone. */
  run(script: string, output: { readonly stdout: string; readonly stderr: string }): Promise<ProcessReply>;
}

export function startProcess(options: {
  readonly program: Program;
  readonly spawn: Spawn;
  readonly cwd: string;
  readonly env: Environment;
  /** Where the pipes are, and this shell's own files, which begin with `name`. */
  readonly dir: string;
  readonly name: string;
}): ShellProcess {
  const { program, cwd, dir, name } = options;
  const env = { ...options.env, PWD: cwd };
  const why = whyNotInstalled(program, env);
  if (why) return { pid: undefined, run: async () => ({ type: "not-started", why }) };
  const own = join(dir, name);
  const context = ["0", cwd, ...Object.entries(env).map(([key, value]) => `${key}=${value}`), "", ""].join("\0");
  // Made here, so that no umask of a script can lock the shell out of them.
  for (const [file, text] of Object.entries({ names: "", context, script: "" })) {
    writeFileSync(`${own}.${file}`, text, { mode: 0o600 });
  }
  const child = options.spawn([...programLine[program], dir, name], {
    cwd,
    env,
    stdio: ["pipe", "ignore", "ignore", "pipe"],
    detached: true,
  });
  // A shell that is gone says so by its exit, not by a broken pipe.
  child.stdin?.on("error", () => {});
  let gone: Gone | null = null;
  let tell: (what: number | Gone) => void = () => {};
  child.stdio[3]?.on("data", (line: Buffer) => tell(Number(line.toString())));
  whenGone(child, (how) => {
    gone = how;
    tell(how);
  });
  let number = 0;
  return {
    pid: child.pid,
    async run(script, { stdout, stderr }) {
      number++;
      overwrite(`${own}.script`, script);
      const first = await new Promise<number | Gone>((resolve) => {
        tell = resolve;
        if (gone) resolve(gone);
        else child.stdin?.write(`${number} ${stdout} ${stderr}\n`);
      });
      if (typeof first !== "number" && first.type === "not-started") return first;
      const context = readContext(`${own}.context`, number);
      return typeof first === "number" ? { type: "finished", code: first, context } : { ...first, context };
    },
  };
}

type Gone =
  | { readonly type: "exited"; readonly code: number; readonly signal: NodeJS.Signals | null }
  | { readonly type: "not-started"; readonly why: string };

function whenGone(child: ChildProcess, tell: (how: Gone) => void): void {
  child.once("error", (error) => tell({ type: "not-started", why: error.message }));
  child.once("exit", (code, signal) => {
    // A background process may hold the other ends, and then they would not close by themselves.
    child.stdin?.destroy();
    child.stdio[3]?.destroy();
    tell({ type: "exited", code: code ?? 128 + (signal ? osConstants.signals[signal] : 0), signal });
  });
}

function overwrite(file: string, text: string): void {
  const fd = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    writeFileSync(fd, text);
    ftruncateSync(fd, Buffer.byteLength(text));
  } finally {
    closeSync(fd);
  }
}

/** Null when the file is missing or is an earlier script's: then this one did not let the shell write it. */
function readContext(file: string, number: number): Context | null {
  const [writtenBy, cwd, ...entries] = readIfThere(file).split("\0");
  if (Number(writtenBy) !== number || !cwd) return null;
  const exports = new Map<string, string>();
  for (const entry of entries) {
    if (entry === "") break;
    const at = entry.indexOf("=");
    if (at > 0) exports.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return { cwd, exports };
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, { encoding: "utf8", flag: constants.O_RDONLY | constants.O_NOFOLLOW });
  } catch {
    return "";
  }
}
