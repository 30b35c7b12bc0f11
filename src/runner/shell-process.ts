import type { ChildProcess } from "node:child_process";
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { join } from "node:path";
import type { Spawn } from "./processes.ts";

/** What a shell hands on to its commands; everything else in it (functions, variables) lives as long as its process. */
export interface Context {
  readonly cwd: string;
  readonly exports: ReadonlyMap<string, string>;
}

/** `context` is null when the shell could not say it any more. */
export type BashReply =
  | { readonly type: "finished"; readonly code: number; readonly context: Context | null }
  | {
      readonly type: "exited";
      readonly code: number;
      readonly signal: NodeJS.Signals | null;
      readonly context: Context | null;
    }
  | { readonly type: "not-started"; readonly why: string };

/** One bash process that runs scripts in itself, one after the other. */
export interface Bash {
  /** Undefined when the process could not be started. */
  readonly pid: number | undefined;
  /** One script at a time. Afterwards, unless it says `finished`, the process is gone. */
  run(script: string, output: { readonly stdout: string; readonly stderr: string }): Promise<BashReply>;
}

/**
 * Read by bash once, at its start. A request is a line on standard input: number, stdout pipe, stderr pipe; the script is
 * in a file, so that no text of the agent is ever part of this program. The answer is a line on descriptor 3. The
 * redirections of the group hide all three from the script and its children, and come back after it even when the
 * script redirected the shell itself. The context is written before the answer, and also when the script ends the
 * shell. Options of `set` end with the script, because `set -e` would end the shell at the next failing command.
 * Truncating a file costs more than all the rest of a command, so files are written over (`<>`) and an empty entry ends
 * what counts.
 */
const driver = `
readonly __offshoot_dir=$1 __offshoot_own=$1/$2
shift 2
__offshoot_save() {
  { builtin set +efunvxC +o pipefail +o posix; } 2>/dev/null
  local __offshoot_name __offshoot_names __offshoot_exports=()
  { builtin compgen -e; builtin echo; } 1<>"$__offshoot_own.names"
  builtin mapfile -t __offshoot_names <"$__offshoot_own.names"
  for __offshoot_name in "\${__offshoot_names[@]}"; do
    [[ $__offshoot_name ]] || break
    [[ -v $__offshoot_name ]] && __offshoot_exports+=("$__offshoot_name=\${!__offshoot_name}")
  done
  builtin printf '%s\\0' "$__offshoot_number" "$PWD" "\${__offshoot_exports[@]}" "" 1<>"$__offshoot_own.context"
}
trap __offshoot_save EXIT
while IFS=' ' builtin read -r __offshoot_number __offshoot_stdout __offshoot_stderr; do
  { builtin . "$__offshoot_own.script"; } </dev/null >"$__offshoot_dir/$__offshoot_stdout" \
    2>"$__offshoot_dir/$__offshoot_stderr" 3>&-
  __offshoot_code=$?
  __offshoot_save
  builtin printf '%s\\n' "$__offshoot_code" >&3
done
`;

export function startBash(options: {
  readonly spawn: Spawn;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where the pipes are, and this shell's own files, which begin with `name`. */
  readonly dir: string;
  readonly name: string;
}): Bash {
  const { dir, name } = options;
  const own = join(dir, name);
  // Made here, so that no umask of a script can lock the shell out of them.
  for (const file of ["names", "context", "script"]) writeFileSync(`${own}.${file}`, "", { mode: 0o600 });
  const child = options.spawn(["bash", "--noprofile", "--norc", "-c", driver, "bash", dir, name], {
    cwd: options.cwd,
    env: { ...options.env, PWD: options.cwd },
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
