import * as v from "valibot";
import { type Checkpoint, listCheckpoints } from "../sessions/checkpoints.ts";
import { commitIdSchema, sessionIdSchema } from "../sessions/ids.ts";
import type { Clone } from "./clone.ts";
import { selectSession } from "./select.ts";
import { note, painter, print, printJson, type Terminal } from "./terminal.ts";
import { brief, when } from "./words.ts";

/** A checkpoint as `session checkpoints --json` prints it. */
export const checkpointSchema = v.strictObject({
  session: sessionIdSchema,
  commit: commitIdSchema,
  turn: v.nullable(v.number()),
  label: v.nullable(v.string()),
  model: v.nullable(v.string()),
  at: v.nullable(v.string()),
});

export interface CheckpointsOptions {
  readonly session?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** `offshoot session checkpoints`: the notes on commits, of one session or of all that are here, oldest first. */
export async function checkpoints(terminal: Terminal, clone: Clone, options: CheckpointsOptions): Promise<void> {
  const session = options.all ? undefined : await selectSession(clone, options.session);
  const made = await listCheckpoints(clone.repository, clone.store, session);
  if (options.json) return printJson(terminal, made);
  if (made.length === 0) return note(terminal, "No checkpoints: none has written anything yet.");
  const paint = painter(terminal.stdout);
  const line = ({ session, commit, turn, label, model, at }: Checkpoint) => {
    const whose = options.all ? `${session}  ` : "";
    const facts = `${at ? when(at) : "-".padEnd(19)}  turn ${turn ?? "-"}  ${label === null ? brief(model ?? "") : brief(label)}`;
    return `${whose}${paint("yellow", commit.slice(0, 10))}  ${facts}`;
  };
  print(terminal, made.map(line).join("\n"));
}
