import tab from "@bomb.sh/tab/commander";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { JournalError } from "../sessions/journal.ts";
import { StoreError } from "../sessions/store.ts";
import { openClone } from "./clone.ts";
import { exitCodes, Failure } from "./failure.ts";
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

/** What a command of the program is given beside its options. */
export interface Offered {
  readonly terminal: Terminal;
  /** Tells the exit code of a command that does not end with 0. */
  readonly end: (code: number) => void;
}

function buildProgram(terminal: Terminal, end: Offered["end"]): Command {
  const program = new Command("offshoot")
    .description("Durable, branch-scoped sessions of a coding agent, kept in this repository.")
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .exitOverride()
    .showHelpAfterError("(`--help` shows the options, with examples)")
    .showSuggestionAfterError();
  addSession(program, { terminal, end });
  tab(program, { completionCommandName: "completion" });
  return program;
}

function addSession(program: Command, { terminal }: Offered): void {
  const session = program.command("session").description("Look at sessions, and act on them.");
  session
    .command("list")
    .description("The sessions that are here, the one that was used last first.")
    .option("--tree", "draw children under the session that opened them")
    .option("--recent <n>", "the last n that were used", wholeNumber)
    .addOption(
      new Option("--status <list>", "active, available, retired, or a phase: idle, working …").argParser(names),
    )
    .addOption(new Option("--model <list>", "models or providers, separated by commas").argParser(names))
    .option("--branch <name>", "bound to this branch")
    .option("--thread <number>", "of this issue or pull request", wholeNumber)
    .option("--touching <path>", "that changed this file, or something in this folder")
    .option("--json", "print JSON (docs/schemas/session-list.schema.json)")
    .addHelpText("after", examples("session list --recent 10 --touching src/", "session list --tree"))
    .action(async (options) => {
      const { list } = await import("./list.ts");
      await list(terminal, await openClone(terminal), options);
    });
}

/** The end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ offshoot ${line}`).join("\n")}`;
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("It takes a whole number from 1 on.");
  return Number(text);
}

export function names(text: string): readonly string[] {
  return text.split(",").map((name) => name.trim());
}
