import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Bash, type BashReply, startBash } from "./bash.ts";
import { type Captured, Output } from "./output.ts";
import type { Pipe, Pipes } from "./pipes.ts";
import { type Family, killFamily, type Spawn } from "./processes.ts";
import {
  applyChange,
  type EnvChange,
  type Environment,
  envChange,
  openCwd,
  type ShellState,
  shellMark,
  stateCwd,
} from "./shell-state.ts";
import { errorCode } from "./system-error.ts";

/** What the model reads about a command. One that failed, or could not be run, is described here too, never thrown. */
export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit_code: number;
  readonly execution_time_ms: number;
  readonly timed_out?: true;
  /** Per stream that was too long: its bytes, and the file that has all of it. */
  readonly truncated?: { readonly stdout?: Truncated; readonly stderr?: Truncated };
  readonly note?: string;
}

export interface Truncated {
  readonly bytes: number;
  readonly file: string;
}

/** What the journal keeps of a command that ran. */
export interface Execution {
  readonly shell: string;
  readonly command: string;
  /** As in {@link ShellState}, after the command. */
  readonly cwd: string;
  /** The shell's whole change, given only when this command altered it. */
  readonly env?: EnvChange;
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
}

/** `ran` is null when nothing was run: no such shell, an empty command, stopped before the start. */
export interface ExecOutcome {
  readonly result: ExecResult;
  readonly ran: Execution | null;
}

export interface Command {
  readonly command: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What all shells of a turn share. The paths are real ones. */
export interface Surroundings {
  readonly tree: string;
  readonly scratch: string;
  readonly env: Environment;
  readonly cap: number;
  readonly pipes: Pipes;
  readonly spawn: Spawn;
}

/** One named shell. Its process may be replaced; its state goes on. */
export interface Shell {
  state(): ShellState;
  /** Starts the process now, not with the first command. */
  warm(): void;
  /** One at a time. */
  exec(command: Command): Promise<ExecOutcome>;
  /** Kills everything that the shell started; returns how many processes could not be killed. */
  kill(): Promise<number>;
}

interface Stream {
  readonly output: Output;
  readonly pipe: Pipe;
}

interface Said {
  readonly stdout: Captured;
  readonly stderr: Captured;
}

interface Ended {
  readonly code: number;
  readonly ms: number;
  readonly stopped: Stop | null;
  readonly notes: readonly string[];
}

type Stop = "timed out" | "aborted";

/** `id` begins the names of the shell's files in the scratch folder. */
export function openShell(around: Surroundings, name: string, id: string, restored: ShellState): Shell {
  const mark = join(around.scratch, id);
  let state = restored;
  let bash: Bash | null = null;
  let started = false;

  /** The process, and what the model has to know when it is a new one. */
  function process(): { bash: Bash; notes: string[] } {
    if (bash) return { bash, notes: [] };
    const cwd = openCwd(state, around.tree);
    const env = { ...applyChange(around.env, state.env), [shellMark]: mark };
    started = true;
    mkdirSync(around.scratch, { recursive: true, mode: 0o700 });
    bash = startBash({ spawn: around.spawn, cwd: cwd ?? around.tree, env, dir: around.scratch, name: id });
    return { bash, notes: cwd === null ? [`The folder ${state.cwd} is gone; the command ran in the work tree.`] : [] };
  }

  async function open(stream: string): Promise<Stream> {
    const file = join(around.scratch, `${id}-${state.executions + 1}.${stream}`);
    const output = new Output({ cap: around.cap, file });
    return { output, pipe: await around.pipes.take(output) };
  }

  /** The state after a command; a stopped one leaves the cwd and exports that were there before it. */
  function remember(reply: BashReply, stopped: Stop | null): EnvChange | undefined {
    const before = state.env;
    const context = reply.type === "not-started" || stopped ? null : reply.context;
    state = {
      cwd: context ? stateCwd(context.cwd, around.tree) : state.cwd,
      env: context ? envChange(context, around.env) : before,
      executions: state.executions + 1,
      last_exit_code: exitCode(reply, stopped),
    };
    return JSON.stringify(state.env) === JSON.stringify(before) ? undefined : state.env;
  }

  function family(): Family {
    return { leaders: bash?.pid === undefined ? [] : [bash.pid], mark: `${shellMark}=${mark}\0` };
  }

  async function exec({ command, timeoutMs, signal }: Command): Promise<ExecOutcome> {
    const { bash: running, notes } = process();
    const [stdout, stderr] = await Promise.all([open("stdout"), open("stderr")]);
    const started = performance.now();
    const watch = watchOver({ timeoutMs, signal, kill: () => killFamily(family()) });
    const reply = await running.run(command, { stdout: stdout.pipe.name, stderr: stderr.pipe.name });
    const ms = Math.round(performance.now() - started);
    const stopped = await watch.end();
    if (reply.type !== "finished") bash = null;
    const env = remember(reply, stopped);
    notes.push(...notesOn(reply, stopped, timeoutMs));
    const said = collect(stdout, stderr, notes);
    return {
      result: describe(said, { code: exitCode(reply, stopped), ms, stopped, notes }),
      ran: {
        shell: name,
        command,
        cwd: state.cwd,
        ...(env ? { env } : {}),
        stdout_bytes: said.stdout.bytes,
        stderr_bytes: said.stderr.bytes,
      },
    };
  }

  return {
    state: () => state,
    warm() {
      process();
      around.pipes.warm();
    },
    async exec(command) {
      try {
        return await exec(command);
      } catch (error) {
        if (!(error instanceof Error) || errorCode(error) === null) throw error;
        await killFamily(family());
        bash = null;
        return notRun(
          `The shell has lost its files in ${around.scratch} (${error.message}). The next command gets a new one.`,
        );
      }
    },
    kill: async () => (started ? killFamily(family()) : 0),
  };
}

/** The outcome of a command that could not be run. */
export function notRun(why: string): ExecOutcome {
  return { result: { stdout: "", stderr: why, exit_code: 1, execution_time_ms: 0 }, ran: null };
}

/** Kills a command that takes too long or is not wanted any more. `end` says whether that was so, once all is dead. */
function watchOver(options: {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly kill: () => Promise<unknown>;
}): { end(): Promise<Stop | null> } {
  let stopped: Stop | null = null;
  let killed: Promise<unknown> = Promise.resolve();
  const stop = (why: Stop) => {
    if (stopped) return;
    stopped = why;
    killed = options.kill();
  };
  const onAbort = () => stop("aborted");
  const timer = setTimeout(() => stop("timed out"), options.timeoutMs);
  options.signal.addEventListener("abort", onAbort);
  if (options.signal.aborted) onAbort();
  return {
    async end() {
      clearTimeout(timer);
      options.signal.removeEventListener("abort", onAbort);
      await killed;
      return stopped;
    },
  };
}

/** What was written until now. Whoever still holds a pipe goes on writing, to the output's file. */
function collect(stdout: Stream, stderr: Stream, notes: string[]): Said {
  const held = [stdout, stderr].filter(({ pipe }) => !pipe.drain());
  const said = { stdout: stdout.output.captured(), stderr: stderr.output.captured() };
  for (const { output } of held) output.toFile();
  const files = held.map(({ output }) => output.file).join(" and ");
  if (files) notes.push(`A background process is still running; what it prints goes to ${files}.`);
  return said;
}

/** 124 is what `timeout` gives, 130 what a shell gives for an interrupt, 126 for a program that cannot be run. */
function exitCode(reply: BashReply, stopped: Stop | null): number {
  if (stopped) return stopped === "timed out" ? 124 : 130;
  return reply.type === "not-started" ? 126 : reply.code;
}

function notesOn(reply: BashReply, stopped: Stop | null, timeoutMs: number): string[] {
  const back = "The shell is back with the working directory and the exported variables from before it.";
  if (stopped === "timed out") {
    return [`The command was killed after ${timeoutMs} ms with everything that this shell had started. ${back}`];
  }
  if (stopped) return [`The command was stopped from outside with everything that this shell had started. ${back}`];
  switch (reply.type) {
    case "finished":
      return [];
    case "exited": {
      const how = reply.signal ? `was killed by ${reply.signal}` : "ended with the command (exit, exec or set -e)";
      const kept = reply.context ? "" : " as they were before it";
      return [
        `The shell ${how}. The next command gets a new one with the same working directory and exported variables${kept}; functions and other variables are gone.`,
      ];
    }
    case "not-started":
      return [`bash could not be started: ${reply.why}`];
  }
}

function describe(said: Said, ended: Ended): ExecResult {
  const { code, ms, stopped, notes } = ended;
  const stdout = truncation(said.stdout);
  const stderr = truncation(said.stderr);
  return {
    stdout: said.stdout.text,
    stderr: said.stderr.text,
    exit_code: code,
    execution_time_ms: ms,
    ...(stopped === "timed out" ? { timed_out: true } : {}),
    ...(stdout || stderr ? { truncated: { ...(stdout && { stdout }), ...(stderr && { stderr }) } } : {}),
    ...(notes.length > 0 ? { note: notes.join(" ") } : {}),
  };
}

function truncation({ bytes, spilled }: Captured): Truncated | null {
  return spilled === undefined ? null : { bytes, file: spilled };
}
