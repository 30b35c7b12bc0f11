import { styleText } from "node:util";
import type { Clock } from "../sessions/ids.ts";
import { plain } from "../sessions/words.ts";

type Served = { readonly ok: true } | { readonly ok: false; readonly problem: string; readonly remedy: string };

export type Environment = Readonly<Record<string, string | undefined>>;

/** The terminal, or the program, that started the command. */
export interface Terminal extends Clock {
  readonly cwd: string;
  readonly env: Environment;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted at the first Ctrl-C; the second ends the process. */
  readonly interrupted: AbortSignal;
  /** Serves the app until it is interrupted; not there where there is none to serve. */
  readonly serve?: () => Promise<Served>;
}

/** What a command is for: lines on standard output. */
export function print({ stdout }: Terminal, text: string): void {
  stdout.write(text === "" || text.endsWith("\n") ? text : `${text}\n`);
}

/** Data for programs: one JSON value, indented for the people who look at it too. */
export function printJson(terminal: Terminal, value: unknown): void {
  print(terminal, JSON.stringify(value, null, 2));
}

type Format = Parameters<typeof styleText>[0];

/** What accompanies a command, on standard error: notes, progress, warnings; nothing in it moves a reader's cursor. */
export function note({ stderr }: Terminal, text: string, format?: Format): void {
  stderr.write(`${format ? painter(stderr)(format, plain(text)) : plain(text)}\n`);
}

/** Colours, on a terminal that has them and does not refuse them (`NO_COLOR`). */
export function painter(stream: NodeJS.WriteStream): (format: Format, text: string) => string {
  return (format, text) => styleText(format, text, { stream, validateStream: true });
}
