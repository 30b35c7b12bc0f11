import { createReadStream } from "node:fs";
import { fact, type Hand } from "../sessions/decide.ts";
import type { Fact } from "../sessions/journal.ts";
import type { Recorder } from "./recorder.ts";
import { errorCode } from "./system-error.ts";
import type { Happening } from "./tools.ts";

/** What writes of a turn is written with. */
interface Pen {
  readonly turn: number;
  readonly hand: Hand;
  readonly recorder: Recorder;
}

/** A happening as a fact; outputs that were too long for the model's answer go into `output/`. */
export async function journaled({ turn, hand, recorder }: Pen, step: number, what: Happening): Promise<Fact> {
  const at = { turn, step };
  switch (what.type) {
    case "command.ran": {
      const { type, spilled: files = [], env, ms, ...ran } = what;
      const kept = await Promise.all(files.map((file) => keep(recorder, file, at)));
      const spilled = kept.filter((name) => name !== null);
      return fact(hand, type, {
        ...at,
        ...ran,
        ms: Math.round(ms),
        ...(env ? { env: { set: { ...env.set }, unset: [...env.unset] } } : {}),
        ...(spilled.length > 0 ? { spilled } : {}),
      });
    }
    case "file.read":
      return fact(hand, "file.read", { ...at, path: what.path });
    case "file.changed":
      return fact(hand, "file.changed", { ...at, path: what.path, change: what.change, bytes: what.bytes });
  }
}

/** Bytes of a spilled output that the journal keeps; the tool's answer says how long the whole was. */
const longestSpill = 2_000_000;

/** Null where the file is there no longer: it lies where the agent's commands may delete it. */
async function keep(
  recorder: Recorder,
  file: string,
  { turn, step }: { turn: number; step: number },
): Promise<string | null> {
  const start = await readStart(file, longestSpill);
  if (start === null) return null;
  // The last line that is cut may end in half of what must not be kept.
  const content = start.length < longestSpill ? start : start.subarray(0, start.lastIndexOf("\n") + 1);
  const name = `turn-${turn}-step-${step}-${file.split("/").slice(-2).join("-")}`;
  recorder.keep(name, content);
  return name;
}

async function readStart(file: string, bytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file, { end: bytes - 1 })) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}
