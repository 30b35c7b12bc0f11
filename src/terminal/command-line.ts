import { type Command, InvalidArgumentError } from "commander";
import type { Terminal } from "./terminal.ts";

/** What a command of the program is given beside its options. */
export interface Offered {
  readonly terminal: Terminal;
  /** Tells the exit code of a command that does not end with 0. */
  readonly end: (code: number) => void;
}

/** The end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ offshoot ${line}`).join("\n")}`;
}

/** Lets a command be told which session is meant. */
export function ofSession(command: Command): Command {
  return command.option("-s, --session <id>", "its id, or as much of it as is unique; else the one used last");
}

/** Lets a command print data, of which the schema of this name is published. */
export function asJson(command: Command, schema: string): Command {
  return command.option("--json", `print JSON (docs/schemas/${schema}.schema.json)`);
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("It takes a whole number from 1 on.");
  return Number(text);
}

/** What is named in a list with commas, which is never empty. */
export function names(text: string): readonly string[] {
  const given = text.split(",").flatMap((name) => name.trim() || []);
  if (given.length === 0) throw new InvalidArgumentError("It takes names, separated by commas.");
  return given;
}
