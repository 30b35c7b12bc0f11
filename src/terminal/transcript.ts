import { readLines, readSession } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { asMarkdown } from "./markdown.ts";
import { print, type Terminal } from "./terminal.ts";

export interface TranscriptOptions {
  readonly session?: string;
  readonly format: "jsonl" | "md";
}

/** `offshoot session transcript`: the whole conversation, for people, or as the journal has it. */
export async function transcript(terminal: Terminal, clone: Clone, options: TranscriptOptions): Promise<void> {
  const reading = await readSession(clone, options.session);
  if (options.format === "md") return print(terminal, asMarkdown(reading));
  const appends = await readLines(
    clone,
    reading.journal.map(({ commit }) => commit),
    "whole",
  );
  print(terminal, appends.flatMap(({ lines }) => lines.map((line) => `${line}\n`)).join(""));
}
