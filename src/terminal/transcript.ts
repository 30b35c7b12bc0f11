import { openKeeper } from "../runner/keeper.ts";
import { givenKey } from "../runner/keeping.ts";
import type { Event } from "../sessions/journal.ts";
import { type Reading, readLines, readSession } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { asMarkdown } from "./markdown.ts";
import { note, print, type Terminal } from "./terminal.ts";

export interface TranscriptOptions {
  readonly session?: string;
  readonly format: "jsonl" | "md";
}

/** `offshoot session transcript`: the whole conversation, for people, or as the journal has it. */
export async function transcript(terminal: Terminal, clone: Clone, options: TranscriptOptions): Promise<void> {
  const reading = await readSession(clone, options.session);
  if (options.format === "md") return print(terminal, asMarkdown({ ...reading, events: opened(terminal, reading) }));
  const appends = await readLines(
    clone,
    reading.journal.map(({ commit }) => commit),
    "whole",
  );
  print(terminal, appends.flatMap(({ lines }) => lines.map((line) => `${line}\n`)).join(""));
}

/** What is sealed in the journal is readable to whoever has its key. */
function opened(terminal: Terminal, { id, session, events }: Reading): readonly Event[] {
  const key = givenKey(terminal.env.OFFSHOOT_JOURNAL_KEY);
  if (key.kind === "bad") note(terminal, key.problem);
  const keeping = { visibility: "full" as const, key: key.kind === "key" ? key.key : null, notice: null };
  const { open } = openKeeper({ session: id, keys: session.keys, keeping, secrets: () => [] });
  return events.map(open);
}
