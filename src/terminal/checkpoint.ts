import { makeCheckpoint } from "../sessions/checkpoints.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { openHome } from "./home.ts";
import { selectSession } from "./select.ts";
import { print, printJson, type Terminal } from "./terminal.ts";
import { withoutSecrets } from "./without-secrets.ts";

export interface CheckpointOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session checkpoint`: gives the session's last commit a name, in its note and in the journal. */
export async function checkpoint(
  terminal: Terminal,
  clone: Clone,
  options: CheckpointOptions,
  label: string,
): Promise<void> {
  if (!/^\S[^\n]*$/.test(label))
    throw new Failure("usage", "A label is one line of text.", "Say what it is: before-the-rewrite.");
  const session = await selectSession(clone, options.session);
  await using home = await openHome(terminal, clone, session);
  const { repository, store } = home;
  const made = await makeCheckpoint(repository, store, {
    session,
    label: withoutSecrets(terminal, label),
    hand: clone.hand,
  });
  if (made.kind !== "made") throw refused(session, made.kind);
  const tip = await store.tip(session);
  if (tip) await home.changed(tip.session);
  if (options.json) return printJson(terminal, made.checkpoint);
  print(
    terminal,
    `Commit ${made.checkpoint.commit.slice(0, 7)} of session ${session} is now “${made.checkpoint.label}”.`,
  );
  print(terminal, "All checkpoints: offshoot session checkpoints");
}

function refused(session: string, kind: "nothing-written" | "retired"): Failure {
  if (kind === "retired") return new Failure("refused", `Session ${session} is retired.`, "It stays as it is.");
  return new Failure("refused", `Session ${session} has not committed anything yet.`, "Name it once it has.");
}
