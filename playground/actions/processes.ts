import { type ChildProcess, spawn } from "node:child_process";
import { addAbortListener, once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Readable } from "node:stream";
import { setImmediate, setTimeout as wait } from "node:timers/promises";

/** What asks a process to end: `gently` as a cancelled run does, `now` as the end of the playground does. */
export interface Stop {
  readonly gently: AbortSignal;
  readonly now: AbortSignal;
}

const never = new AbortController().signal;

/** What begins after a cancellation, for `always()` or `cancelled()`, is not interrupted by it again. */
export function uninterrupted(stop: Stop): Stop {
  return stop.gently.aborted ? { now: stop.now, gently: never } : stop;
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

/**
 * Runs a process as the leader of its own session. Resolves when it ends, whoever still holds its output: to null after
 * exit code 0, else to what became of it. Rejects where it could not be started.
 */
export async function runProcess(options: Command): Promise<string | null> {
  const { command, args, cwd, env, stop } = options;
  const child = spawn(command, args, { cwd, env: { ...env }, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  if (child.pid !== undefined) options.onStart(child.pid);
  const outputs = [child.stdout, child.stderr].map((stream) => readLines(stream, options.onLine));
  using _now = addAbortListener(stop.now, () => child.kill("SIGKILL"));
  using _gently = addAbortListener(stop.gently, () => void interrupt(child));
  try {
    const [code, signal] = await once(child, "exit");
    // What the process wrote before it ended is in the pipes already. The next round of the event loop reads it: this
    // one may have looked at the pipes before it learned, from another child's signal, that this process ended too.
    await setImmediate();
    await setImmediate();
    if (signal) return `The process was killed from outside by ${signal}.`;
    return code === 0 ? null : `Process completed with exit code ${code}.`;
  } finally {
    for (const output of outputs) output.end();
  }
}

/** With GitHub's patience between the signals; they do nothing to a process that has ended. */
async function interrupt(child: ChildProcess): Promise<void> {
  child.kill("SIGINT");
  await wait(7_500, undefined, { ref: false });
  child.kill("SIGTERM");
  await wait(2_500, undefined, { ref: false });
  child.kill("SIGKILL");
}

function readLines(stream: Readable, onLine: (line: string) => void): { end: () => void } {
  let rest = "";
  const read = (chunk: string) => {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  };
  stream.setEncoding("utf8").on("data", read);
  return {
    end: () => {
      stream.off("data", read);
      if (rest !== "") onLine(rest);
    },
  };
}

/** How the processes of a job are recognised. */
export interface Marks {
  /** The process groups that it started. */
  readonly sessions: ReadonlySet<number>;
  /** `NAME=value`: what only this job's processes have in their environment. Run ids are not alone on a machine. */
  readonly variables: readonly string[];
  /** Whoever is in it belongs to the job. */
  readonly folder: string;
}

/** Kills everything that bears one of the marks, again and again until nothing does. Without /proc: the groups only. */
export async function killMarked(marks: Marks): Promise<void> {
  const kill = (id: number) => orNothing(() => process.kill(id, "SIGKILL"), false);
  for (const session of marks.sessions) kill(-session);
  for (let found = marked(marks); found.length > 0; found = marked(marks)) {
    found.forEach(kill);
    await wait(5);
  }
}

function marked({ variables, folder }: Marks): number[] {
  const pids = orNothing(() => readdirSync("/proc"), []).map(Number);
  return pids.filter((pid) => {
    if (!pid || pid === process.pid) return false;
    const environment = orNothing(() => readFileSync(`/proc/${pid}/environ`, "utf8"), "").split("\0");
    const cwd = orNothing(() => readlinkSync(`/proc/${pid}/cwd`), "");
    return variables.some((one) => environment.includes(one)) || `${cwd}/`.startsWith(`${folder}/`);
  });
}

/** A process may end while we look at it, or before we kill it. */
function orNothing<T>(act: () => T, nothing: T): T {
  try {
    return act();
  } catch {
    return nothing;
  }
}
