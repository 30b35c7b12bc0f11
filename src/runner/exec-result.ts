import type { Captured } from "./output.ts";
import type { ProcessReply } from "./shell-process.ts";
import type { Program } from "./shell-programs.ts";

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

export interface Said {
  readonly stdout: Captured;
  readonly stderr: Captured;
}

export interface Ended {
  readonly code: number;
  readonly ms: number;
  readonly stopped: Stop | null;
  readonly notes: readonly string[];
}

export type Stop = "timed out" | "aborted";

/** 124 is what `timeout` gives, 130 what a shell gives for an interrupt, 126 for a program that cannot be run. */
export function exitCode(reply: ProcessReply, stopped: Stop | null): number {
  if (stopped) return stopped === "timed out" ? 124 : 130;
  return reply.type === "not-started" ? 126 : reply.code;
}

/** What has to be known of a shell that goes on from an earlier turn. */
export const newPython =
  "This python3 is a new one: the working directory and os.environ are as they were; variables, imports and functions of earlier turns are gone.";

export function notesOn(
  reply: ProcessReply,
  stopped: Stop | null,
  { program, timeoutMs }: { program: Program; timeoutMs: number },
): string[] {
  const back = "The shell is back with the working directory and the exported variables from before it.";
  if (stopped === "timed out") {
    return [`The command was killed after ${timeoutMs} ms with everything that this shell had started. ${back}`];
  }
  if (stopped) return [`The command was stopped from outside with everything that this shell had started. ${back}`];
  switch (reply.type) {
    case "finished":
      return [];
    case "exited": {
      const how = reply.signal ? `was killed by ${reply.signal}` : "ended with the command, as exit makes it";
      const kept = reply.context ? "" : " as they were before it";
      return [
        `The shell ${how}. The next command gets a new one with the same working directory and exported variables${kept}; functions and other variables are gone.`,
      ];
    }
    case "not-started":
      return [`${program} could not be started: ${reply.why}`];
  }
}

export function describe(said: Said, ended: Ended): ExecResult {
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
