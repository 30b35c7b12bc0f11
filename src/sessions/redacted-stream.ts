import { MARK, type Secrets } from "./redact.ts";

/** Redacts text that comes in pieces. What is put out, joined, is what redacting the whole text gives. */
export interface RedactedStream {
  /** Gives what is certain by now: whole lines, without those in which a secret may go on. */
  readonly push: (text: string) => string;
  /** Gives the rest. */
  readonly end: () => string;
}

export interface Source {
  readonly find: (text: string) => Secrets;
  readonly redact: (text: string) => string;
  /** Length of the longest known value. */
  readonly longest: number;
}
