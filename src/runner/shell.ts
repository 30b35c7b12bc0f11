import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, type ExecResult, exitCode, newPython, notesOn, type Said, type Stop } from "./exec-result.ts";
import { Output } from "./output.ts";
import type { Pipe, Pipes } from "./pipes.ts";
import { type Family, killFamily, type Spawn } from "./processes.ts";
import { type ProcessReply, type ShellProcess, startProcess } from "./shell-process.ts";
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

/** What the journal keeps of a command that ran. */
export interface Execution {
  readonly shell: string;
  /** As in {@link ShellState}. */
  readonly program?: ShellState["program"];
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
  readonly redact: (text: string) => string;
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

/** `id` begins the names of the shell's files in the scratch folder. */
export function openShell(around: Surroundings, name: string, id: string, restored: ShellState): Shell {
  const mark = join(around.scratch, id);
  const program = restored.program ?? "bash";
  let state = restored;
  let process: ShellProcess | null = null;
  let started = false;

  function start(): ShellProcess {
    const cwd = openCwd(state, around.tree) ?? around.tree;
    const env = { ...applyChange(around.env, state.env), [shellMark]: mark };
    mkdirSync(around.scratch, { recursive: true, mode: 0o700 });
    process = startProcess({ program, spawn: around.spawn, cwd, env, dir: around.scratch, name: id });
    started = true;
    return process;
  }

  /** What the model has to know of a process that is about to be started. */
  function notesOnStart(): string[] {
    const { cwd, executions } = state;
    const isRestored = !started && executions > 0;
    return [
      ...(openCwd(state, around.tree) === null ? [`The folder ${cwd} is gone; the command ran in the work tree.`] : []),
      ...(isRestored && program === "python3" ? [newPython] : []),
    ];
  }

  async function open(stream: string): Promise<Stream> {
    const file = join(around.scratch, `${id}-${state.executions + 1}.${stream}`);
    const output = new Output({ cap: around.cap, file, redact: around.redact });
    return { output, pipe: await around.pipes.take(output) };
  }

  /** The state after a command; a stopped one leaves the cwd and exports that were there before it. */
  function remember(reply: ProcessReply, stopped: Stop | null): EnvChange | undefined {
    const before = state.env;
    const context = reply.type === "not-started" || stopped ? null : reply.context;
    state = {
      ...state,
      cwd: context ? stateCwd(context.cwd, around.tree) : state.cwd,
      env: context ? envChange(context, around.env) : before,
      executions: state.executions + 1,
      last_exit_code: exitCode(reply, stopped),
    };
    return JSON.stringify(state.env) === JSON.stringify(before) ? undefined : state.env;
  }

  function family(): Family {
    return { leaders: process?.pid === undefined ? [] : [process.pid], mark: `${shellMark}=${mark}\0` };
  }

  async function exec({ command, timeoutMs, signal }: Command): Promise<ExecOutcome> {
    const notes = process ? [] : notesOnStart();
    const running = process ?? start();
    const [stdout, stderr] = await Promise.all([open("stdout"), open("stderr")]);
    const began = performance.now();
    const watch = watchOver({ timeoutMs, signal, kill: () => killFamily(family()) });
    const reply = await running.run(command, { stdout: stdout.pipe.name, stderr: stderr.pipe.name });
    const ms = Math.round(performance.now() - began);
    const stopped = await watch.end();
    if (reply.type !== "finished") process = null;
    const env = remember(reply, stopped);
    notes.push(...notesOn(reply, stopped, { program, timeoutMs }));
    const said = collect(stdout, stderr, notes);
    return {
      result: describe(said, { code: exitCode(reply, stopped), ms, stopped, notes }),
      ran: {
        shell: name,
        ...(state.program ? { program: state.program } : {}),
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
      if (!process) start();
      around.pipes.warm();
    },
    async exec(command) {
      try {
        return await exec(command);
      } catch (error) {
        if (!(error instanceof Error) || errorCode(error) === null) throw error;
        await killFamily(family());
        process = null;
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
