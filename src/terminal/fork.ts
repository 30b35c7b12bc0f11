import * as v from "valibot";
import { forkSession } from "../sessions/fork.ts";
import { type SessionId, sessionIdSchema } from "../sessions/ids.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { openHome } from "./home.ts";
import { selectSession } from "./select.ts";
import { print, printJson, type Terminal } from "./terminal.ts";
import { withoutSecrets } from "./without-secrets.ts";

export interface ForkOptions {
  readonly session?: string;
  readonly at?: number;
  readonly description?: string;
  readonly json?: boolean;
}

/** What `session fork --json` prints. */
export const forkSchema = v.strictObject({ session: sessionIdSchema, parent: sessionIdSchema, branch: v.string() });

/** `offshoot session fork`: another session that goes on from where a turn ended; the one it came from stays as it is. */
export async function fork(terminal: Terminal, clone: Clone, options: ForkOptions): Promise<void> {
  const from = await selectSession(clone, options.session);
  await using home = await openHome(terminal, clone, from);
  const session = terminal.newId() as SessionId;
  const { at: turn } = options;
  const description = options.description && withoutSecrets(terminal, options.description);
  const forked = await forkSession(home.store, { from, turn, session, description, hand: clone.hand });
  if (forked.kind === "unknown-turn") throw unknownTurn(from, forked.turns);
  if (forked.kind === "deleted") throw new Failure("refused", `Session ${from} is deleted.`, "Fork another one.");
  const { branch } = forked.tip.session;
  await home.changed(forked.tip.session);
  if (options.json) return printJson(terminal, { session, parent: from, branch });
  print(terminal, `Session ${session} goes on from there, on ${branch}.`);
  print(terminal, `Work on it: offshoot run --session ${session} "…"`);
}

/** For a turn that the session does not have; `turns` are those that it could be. */
export function unknownTurn(session: SessionId, turns: readonly number[]): Failure {
  const list = turns.length > 0 ? `It could be: ${turns.join(", ")}.` : "There is none that it could be.";
  return new Failure("missing", `Session ${session} has no such turn.`, list);
}
