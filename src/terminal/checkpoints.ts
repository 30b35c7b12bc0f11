import * as v from "valibot";
import { type Checkpoint, listCheckpoints } from "../sessions/checkpoints.ts";
import { commitIdSchema, sessionIdSchema } from "../sessions/ids.ts";
import { turnsOf } from "../sessions/turns.ts";
import { brief, when } from "../sessions/words.ts";
import { type Chosen, chooseSession, readSession } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { note, painter, print, printJson, type Terminal } from "./terminal.ts";

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
  const made = options.all
    ? await listCheckpoints(clone.repository, clone.store)
    : await checkpointsOf(clone, await chooseSession(clone, options.session));
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

/** From the session's notes; of a retired one, whose notes are among all others of the archive, from its journal. */
async function checkpointsOf(clone: Clone, { id }: Chosen): Promise<readonly Checkpoint[]> {
  const [live] = await clone.store.find(id);
  if (live) return listCheckpoints(clone.repository, clone.store, id);
  const { events } = await readSession(clone, id);
  const models = new Map(turnsOf(events).map(({ turn, model }) => [turn, model]));
  return events.flatMap((event) => {
    if (event.type !== "checkpoint.made") return [];
    const { commit, turn, label = null, at } = event;
    return [{ session: id, commit, turn, label, model: models.get(turn) ?? null, at }];
  });
}
