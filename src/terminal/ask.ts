import { createInterface } from "node:readline/promises";
import { Failure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** Asks the person at the terminal; an empty answer is the usual one. Null: there is nobody to ask. */
export async function ask(
  { stdin, stderr, interrupted }: Terminal,
  question: string,
  usual = "",
): Promise<string | null> {
  if (!stdin.isTTY) return null;
  const lines = createInterface({ input: stdin, output: stderr });
  const left = new AbortController();
  for (const end of ["SIGINT", "close"]) lines.once(end, () => left.abort());
  const signal = AbortSignal.any([interrupted, left.signal]);
  try {
    const answer = await lines.question(`${question}${usual ? ` [${usual}]` : ""} `, { signal });
    return answer.trim() || usual;
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new Failure("failed", "\nThe question was not answered.", "Nothing was written. Run the command again.");
  } finally {
    lines.close();
  }
}
