import tab from "@bomb.sh/tab/commander";
import { Command, CommanderError } from "commander";
import about from "../../package.json" with { type: "json" };
import { JournalError } from "../sessions/journal.ts";
import { StoreError } from "../sessions/store.ts";
import { addRun } from "./acting.ts";
import type { Offered } from "./command-line.ts";
import { exitCodes, Failure } from "./failure.ts";
import { addSession } from "./session.ts";
import { note, painter, type Terminal } from "./terminal.ts";

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
  const paint = painter(terminal.stderr);
  if (error instanceof Failure) {
    note(terminal, `${paint("red", error.message)}\n${error.remedy}`);
    return exitCodes[error.kind];
  }
  if (error instanceof JournalError || error instanceof StoreError) {
    note(terminal, paint("red", error.message));
    return exitCodes.failed;
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
  tab(program, { completionCommandName: "completion" });
  return program;
}
