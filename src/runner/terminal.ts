import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Terminal as Screen } from "@xterm/headless";
import { killFamily, type Spawn } from "./processes.ts";
import { type Environment, shellMark } from "./shell-state.ts";
import { inputOf } from "./terminal-keys.ts";

/** A program in a terminal of its own, and what it shows. */
export interface Terminal {
  isRunning(): boolean;
  type(text: string): void;
  press(key: string): void;
  /** What stands on the screen once it has come to rest (after input: has changed, too), or shows `until`. */
  look(options: {
    readonly until?: string | undefined;
    readonly after: "input" | "nothing";
    readonly signal: AbortSignal;
  }): Promise<Look>;
  /** Kills everything in it; returns how many processes could not be killed. */
  kill(): Promise<number>;
}

export interface Look {
  readonly screen: string;
  /** Once the program has ended. */
  readonly exit_code?: number;
  readonly note?: string;
}

/** A screen that did not change for this long is at rest. */
const restMs = 200;
/** One that never rests is shown as it is. */
const restlessMs = 2_000;
const untilMs = 10_000;

/**
 * `script` (util-linux) makes the pseudo-terminal and copies between it and its own input and output. The command is in a
 * file, so that it is never part of the line that `script` gives to a shell. `mark` begins that file's name.
 */
export async function openTerminal(options: {
  readonly spawn: Spawn;
  readonly cwd: string;
  readonly env: Environment;
  readonly command: string;
  readonly size: { readonly cols: number; readonly rows: number };
  readonly mark: string;
}): Promise<Terminal> {
  const { spawn, cwd, command, size, mark } = options;
  const screen = await openScreen(size);
  writeFileSync(`${mark}.command`, command, { mode: 0o600 });
  const line = `stty rows ${size.rows} cols ${size.cols} echo; exec bash "$${shellMark}.command"`;
  const child = spawn(["script", "-qefc", line, "/dev/null"], {
    cwd,
    env: { TERM: "xterm-256color", ...options.env, PWD: cwd, [shellMark]: mark },
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
  });
  return connect(child, screen, mark);
}

/** Loaded only where somebody wants a terminal. */
async function openScreen(size: { readonly cols: number; readonly rows: number }): Promise<Screen> {
  const { default: xterm } = await import("@xterm/headless");
  return new xterm.Terminal({ ...size, scrollback: 0, allowProposedApi: true });
}

function connect(child: ChildProcess, screen: Screen, mark: string): Terminal {
  let ended: Omit<Look, "screen"> | null = null;
  let onChange = () => {};
  const end = (how: Omit<Look, "screen">) => {
    ended ??= how;
    // What came before has been written to the screen then.
    screen.write("", () => onChange());
  };
  child.stdin?.on("error", () => {});
  child.stdout?.on("data", (chunk: Buffer) => screen.write(chunk, () => onChange()));
  child.once("error", (error) =>
    end({ note: `No terminal could be made: ${error.message}. It takes util-linux' script.` }),
  );
  child.once("close", (code) => end({ exit_code: code ?? 137 }));
  // Programs ask a terminal where its cursor is, and what it can do.
  screen.onData((answer) => child.stdin?.write(answer));

  return {
    isRunning: () => ended === null,
    type: (text) => child.stdin?.write(text.replace(/\r?\n/g, "\r")),
    press: (key) => child.stdin?.write(inputOf(key, screen.modes)),
    async look({ until, after, signal }) {
      const isShown = () => until !== undefined && textOn(screen).includes(until);
      const isDone = () => ended !== null || isShown();
      const atRest = { first: after === "input" ? restlessMs : restMs, rest: restMs, most: restlessMs };
      const waits = until === undefined ? atRest : { first: untilMs, rest: untilMs, most: untilMs };
      if (!isDone()) await settled({ ...waits, signal, isDone, onChange: (changed) => (onChange = changed) });
      const isLate = until !== undefined && !isDone();
      const late = isLate ? { note: `"${until}" was not there within ${untilMs / 1000} s.` } : {};
      return { screen: textOn(screen), ...ended, ...late };
    },
    kill: () => killFamily({ leaders: child.pid === undefined ? [] : [child.pid], mark: `${shellMark}=${mark}\0` }),
  };
}

interface Waiting {
  /** Milliseconds until the first change, after any later one, and in all. */
  readonly first: number;
  readonly rest: number;
  readonly most: number;
  readonly signal: AbortSignal;
  readonly isDone: () => boolean;
  readonly onChange: (changed: () => void) => void;
}

async function settled({ first, rest, most, signal, isDone, onChange }: Waiting): Promise<void> {
  const end = Promise.withResolvers<void>();
  const settle = () => end.resolve();
  const limit = setTimeout(settle, most);
  let resting = setTimeout(settle, first);
  onChange(() => {
    clearTimeout(resting);
    if (isDone()) settle();
    else resting = setTimeout(settle, rest);
  });
  signal.addEventListener("abort", settle, { once: true });
  if (signal.aborted) settle();
  await end.promise;
  onChange(() => {});
  signal.removeEventListener("abort", settle);
  clearTimeout(resting);
  clearTimeout(limit);
}

/** The rows as they are seen, without white space at their ends and without empty rows at the bottom. */
function textOn({ buffer, rows }: Screen): string {
  const { active } = buffer;
  const lines = Array.from(
    { length: rows },
    (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? "",
  );
  return lines.join("\n").trimEnd();
}
