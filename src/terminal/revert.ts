import * as v from "valibot";
import { type Reverted, revertTurn } from "../runner/revert.ts";
import { commitIdSchema, type SessionId, sessionIdSchema } from "../sessions/ids.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { unknownTurn } from "./fork.ts";
import { busy } from "./holder.ts";
import { openHome } from "./home.ts";
import { isVoid } from "./is-void.ts";
import { selectSession } from "./select.ts";
import { print, printJson, type Terminal } from "./terminal.ts";

export interface RevertOptions {
  readonly session: string;
  readonly turn?: number;
  readonly json?: boolean;
}

/** What `session revert --json` prints. */
export const revertSchema = v.strictObject({
  session: sessionIdSchema,
  turn: v.number(),
  /** The commit that undoes the turn's change; null where nothing of it was on the branch. */
  commit: v.nullable(commitIdSchema),
});

/** `offshoot session revert`: a turn's change is undone by a new commit, and its words leave the context. */
export async function revert(terminal: Terminal, clone: Clone, options: RevertOptions): Promise<void> {
  const session = await selectSession(clone, options.session);
  await using home = await openHome(terminal, clone, session);
  const { repository, store } = home;
  const reverted = await revertTurn({
    ...{ repository, store, session, hand: clone.hand, turn: options.turn },
    isVoid: (lease) => isVoid(terminal, clone, lease),
  });
  const { turn, commit } = mustBeDone(reverted, session);
  const tip = await store.tip(session);
  if (tip) await home.changed(tip.session);
  if (options.json) return printJson(terminal, { session, turn, commit });
  const undone = commit ? `commit ${commit.slice(0, 7)} undoes its change` : "nothing of it was on the branch";
  print(terminal, `Turn ${turn} is taken back: ${undone}, and the model will not see it any more.`);
}

function mustBeDone(reverted: Reverted, session: SessionId): Extract<Reverted, { kind: "reverted" }> {
  switch (reverted.kind) {
    case "reverted":
      return reverted;
    case "busy":
      throw busy(session, reverted.lease);
    case "working":
      throw new Failure(
        "busy",
        `Turn ${reverted.turn} of session ${session} is open.`,
        "Run it to its end, or stop it.",
      );
    case "retired":
      throw new Failure("refused", `Session ${session} is retired.`, "What is retired stays as it is.");
    case "unknown-turn":
      throw unknownTurn(session, reverted.turns);
    case "already-reverted":
      throw new Failure(
        "refused",
        `Turn ${reverted.turn} was taken back before.`,
        "Nothing is left of it to take back.",
      );
    case "compacted":
      throw new Failure(
        "refused",
        `Turn ${reverted.turn} is part of a summary, from which it cannot be taken.`,
        `Fork the session at the turn before it: offshoot session fork -s ${session} --at ${reverted.turn - 1}`,
      );
    case "conflict":
      throw new Failure(
        "refused",
        `Later work stands on what turn ${reverted.turn} changed in ${reverted.paths.join(", ")}.`,
        "Take the later turns back first, or undo it by hand on the branch.",
      );
  }
}
