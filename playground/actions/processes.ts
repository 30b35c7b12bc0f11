import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { setImmediate, setTimeout as wait } from "node:timers/promises";

/** What asks a process to end: `gently` as a cancelled run does, `now` as the end of the playground does. */
export interface Stop {
  readonly gently: AbortSignal;
  readonly now: AbortSignal;
}

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stop: Stop;
  readonly onLine: (line: string) => void;
  /** Told the process' id, which is also its session's and its group's. */
  readonly onStart: (pid: number) => void;
}

export type Ending =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly signal: NodeJS.Signals }
  | { readonly kind: "not-started"; readonly reason: string };

/** GitHub's patience with a cancelled step, in milliseconds. */
const patience = { interrupt: 7_500, terminate: 2_500 };

/** Runs a process as the leader of its own session. Ends when the process does, whoever still holds its output. */
export async function runProcess(options: Command): Promise<Ending> {
  const { command, args, cwd, env, stop } = options;
  const child = spawn(command, args, { cwd, env: { ...env }, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  if (child.pid !== undefined) options.onStart(child.pid);
  const outputs = [child.stdout, child.stderr].map((stream) => readLines(stream, options.onLine));
  const ended = new Promise<Ending>((resolve) => {
    child.once("error", (error) => resolve({ kind: "not-started", reason: error.message }));
    child.once("exit", (code, signal) =>
      resolve(signal ? { kind: "killed", signal } : { kind: "exited", code: code ?? 1 }),
    );
  });

  const over = new AbortController();
  const killNow = () => child.kill("SIGKILL");
  const killGently = () => void interrupt((signal) => child.kill(signal), over.signal);
  whenAborted(stop.now, over.signal, killNow);
  whenAborted(stop.gently, over.signal, killGently);
  const ending = await ended;
  over.abort();

  // What the process wrote before it ended is in the pipes already. The next round of the event loop reads it: this one
  // may have looked at the pipes before it learned, from another child's signal, that this process has ended too.
  await setImmediate();
  await setImmediate();
  for (const output of outputs) output.end();
  return ending;
}

function whenAborted(signal: AbortSignal, over: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true, signal: over });
}

async function interrupt(kill: (signal: NodeJS.Signals) => void, over: AbortSignal): Promise<void> {
  const pause = (ms: number) => wait(ms, undefined, { signal: over }).catch(() => undefined);
  kill("SIGINT");
  await pause(patience.interrupt);
  if (over.aborted) return;
  kill("SIGTERM");
  await pause(patience.terminate);
  if (!over.aborted) kill("SIGKILL");
}

function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): { end: () => void } {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let open = true;
  stream.on("data", (chunk: Buffer) => {
    if (!open) return;
    const lines = (rest + decoder.write(chunk)).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  return {
    end: () => {
      open = false;
      if (rest !== "") onLine(rest);
    },
  };
}

/** How the processes of a job are recognised. */
export interface Marks {
  readonly sessions: ReadonlySet<number>;
  /** `NAME=value`: what only this job's processes have in their environment. Run ids are not alone on a machine. */
  readonly variables: readonly string[];
  readonly folder: string;
}

/** Kills everything that bears one of the marks, again and again until nothing does. Returns how many there were. */
export async function killMarked(marks: Marks): Promise<number> {
  const killed = new Set<number>();
  if (process.platform !== "linux") for (const session of marks.sessions) kill(-session);
  for (let found = marked(marks); found.length > 0; found = marked(marks)) {
    for (const pid of found) {
      killed.add(pid);
      kill(pid);
    }
    await wait(5);
  }
  return killed.size;
}

function marked(marks: Marks): number[] {
  return processIds().filter((pid) => pid !== process.pid && bears(pid, marks));
}

function bears(pid: number, marks: Marks): boolean {
  // `pid (name) state ppid pgrp session …`; the name may hold anything, a zombie (Z) has nothing left to kill.
  const [state, , , session] = readProc(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
  if (state === undefined || state === "" || state === "Z") return false;
  if (marks.sessions.has(Number(session))) return true;
  const environment = readProc(`/proc/${pid}/environ`).split("\0");
  if (marks.variables.some((variable) => environment.includes(variable))) return true;
  const cwd = orEmpty(() => readlinkSync(`/proc/${pid}/cwd`));
  return cwd === marks.folder || cwd.startsWith(`${marks.folder}/`);
}

/** None where there is no /proc: there the groups are all that is known. */
function processIds(): number[] {
  return orEmpty(() => readdirSync("/proc").join("\n"))
    .split("\n")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readProc(path: string): string {
  return orEmpty(() => readFileSync(path, "utf8"));
}

/** A process may end while we look at it. */
function orEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/** Kills a process, or with a negative id a whole group; it may have ended by itself. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
