import * as v from "valibot";
import { sessionIdSchema } from "../sessions/ids.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { bring, type Fetched, type Tracked, tracked } from "./follow.ts";
import { mustHaveOrigin } from "./origin.ts";
import { publish } from "./publish.ts";
import { selectSession } from "./select.ts";
import { print, printJson, type Terminal } from "./terminal.ts";

export interface FetchOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session fetch`: the origin's sessions, or one of them, as they are now. */
export async function fetchSessions(terminal: Terminal, clone: Clone, options: FetchOptions): Promise<void> {
  const prefix = (options.session ?? "").toUpperCase();
  const fetched = await bring(clone, prefix);
  const nothing = Object.values(fetched).every((ids) => ids.length === 0);
  if (prefix && nothing && (await tracked(clone, prefix)).size === 0) {
    const remedy = "`offshoot session fetch` brings all that there are.";
    throw new Failure("missing", `No session on the origin begins with ${prefix}.`, remedy);
  }
  if (options.json) return printJson(terminal, fetched);
  tellFetched(terminal, fetched, await tracked(clone, prefix));
}

function tellFetched(terminal: Terminal, fetched: Fetched, now: Tracked): void {
  const lines = Object.entries({ new: "new", updated: "updated", gone: "retired on the origin", diverged: "diverged" });
  for (const [kind, word] of lines) {
    for (const id of fetched[kind as keyof Fetched]) print(terminal, `${id}  ${word}`);
  }
  const count = Object.values(fetched).reduce((sum, ids) => sum + ids.length, 0);
  if (count === 0) print(terminal, now.size === 0 ? "The origin has no sessions." : "Everything is as it was.");
  if (fetched.diverged.length > 0) {
    print(
      terminal,
      "Diverged ones are left as they are here: look at them with offshoot session log, and fork what you need.",
    );
  }
}

/** A session that is on the origin, as `session push --json` prints it. */
export const pushedSchema = v.strictObject({
  session: sessionIdSchema,
  /** Its branch on the origin; null: nothing is written yet. */
  branch: v.nullable(v.string()),
});

export interface PushOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session push`: from now on the session lives on the origin, where comments can go on with it. */
export async function pushSession(terminal: Terminal, clone: Clone, options: PushOptions): Promise<void> {
  mustHaveOrigin(clone);
  const id = await selectSession(clone, options.session);
  const branch = await publish(clone, id);
  if (options.json) return printJson(terminal, { session: id, branch });
  print(terminal, `Session ${id} is on the origin${branch ? `, its work on ${branch}` : ""}.`);
  print(terminal, `To go on with it by comment, write on an issue or pull request: /agent resume ${id}`);
}
