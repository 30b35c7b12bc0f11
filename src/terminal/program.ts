import tab from "@bomb.sh/tab/commander";
import { Command, CommanderError } from "commander";
import about from "../../package.json" with { type: "json" };
import { Fenced } from "../runner/recorder.ts";
import { GitFailed } from "../sessions/git/process.ts";
import { JournalError } from "../sessions/journal.ts";
import { StoreError } from "../sessions/store.ts";
import { NoSession } from "../sessions/transact.ts";
import { addRun } from "./acting.ts";
import type { Offered } from "./command-line.ts";
import { exitCodes, Failure } from "./failure.ts";
import { addServe } from "./serve.ts";
import { addSession } from "./session.ts";
import { addSetup } from "./setup.ts";
import { note, type Terminal } from "./terminal.ts";

/** Runs one command line (without the program's name) and gives the exit code. */
export async function main(terminal: Terminal, argv: readonly string[]): Promise<number> {
  let code: number = exitCodes.done;
  const program = buildProgram(terminal, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return explain(terminal, error);
  }
}

function explain(terminal: Terminal, error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  const { kind, message, remedy } = failureOf(error);
  note(terminal, message, "red");
  if (remedy) note(terminal, remedy);
  return exitCodes[kind];
}

/** What is thrown below the commands, as they end with it; what nobody has foreseen is thrown on. */
function failureOf(error: unknown): Pick<Failure, "kind" | "message"> & { readonly remedy?: string } {
  if (error instanceof Failure) return error;
  if (error instanceof NoSession) {
    const { message } = error;
    return { kind: "missing", message, remedy: "To bring what the origin has now: offshoot session fetch" };
  }
  if (error instanceof Fenced) {
    return { kind: "busy", message: error.message, remedy: "Who works on it now: offshoot session is-alive" };
  }
  if (error instanceof StoreError) {
    return { kind: error.kind === "refused" ? "refused" : "failed", message: error.message };
  }
  if (error instanceof JournalError) return { kind: "failed", message: error.message };
  if (error instanceof GitFailed) {
    return { kind: "failed", message: `Git could not do it: ${error.message.trim()}` };
  }
  throw error;
}

function buildProgram(terminal: Terminal, end: Offered["end"]): Command {
  const program = new Command("offshoot")
    .description("Durable, branch-scoped sessions of a coding agent, kept in this repository.")
    .version(about.version)
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .exitOverride()
    .showHelpAfterError("(`--help` shows the options, with examples)")
    .showSuggestionAfterError();
  const offered = { terminal, end };
  addRun(program, offered);
  addSession(program, offered);
  addServe(program, offered);
  addSetup(program, offered);
  tab(program, { completionCommandName: "completion" });
  return program;
}
