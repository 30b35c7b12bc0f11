import { readSigned } from "../sessions/git/git-store.ts";
import { type Event, JournalError } from "../sessions/journal.ts";
import { type OpenKeys, openRing } from "../sessions/secrets/journal-keys.ts";
import { suspicions } from "../sessions/secrets/signatures.ts";
import type { Tip } from "../sessions/store.ts";
import { NoSession } from "../sessions/transact.ts";
import { sinceCut } from "./history.ts";
import type { Keeping } from "./keeping.ts";
import type { Runner } from "./runner.ts";

/**
 * Reads what turns would read of the journal before anything is written. Throws a `JournalError` where it is corrupt, or
 * where an append is not the one that was signed; what runs without the key have written is logged. Gives the session as
 * it is now, with what was read.
 */
export async function examine(runner: Examined): Promise<Seen> {
  const { store, session } = runner;
  const tip = await store.tip(session);
  if (!tip) throw new NoSession(session);
  const stored = await sinceCut(store, session, tip);
  const { keys } = tip.session;
  const open = keys && runner.keeping.key ? openRing(keys.ring, runner.keeping.key) : null;
  if (keys && open?.ok) await checkSignatures(runner, tip, { keys: open.keys, since: keys.since });
  return { ...tip, read: stored.flatMap(({ events }) => events) };
}

/** A session and its events since its last compaction, as they are stored. */
export interface Seen extends Tip {
  readonly read: readonly Event[];
}

export interface Examined extends Pick<Runner, "store" | "session" | "repository" | "log"> {
  readonly keeping: Pick<Keeping, "key">;
}

async function checkSignatures(
  { repository, log }: Examined,
  { commit: tip, session: { context } }: Tip,
  { keys, since }: { readonly keys: OpenKeys; readonly since: number },
): Promise<void> {
  const chain = await readSigned(repository, tip, context.cut_commit && context.appends_since_cut);
  const found = suspicions(chain, keys, since);
  const forged = found.find(({ kind }) => kind === "forged");
  if (forged) {
    const reason = "it is not what was signed there: somebody without the journal's key has changed it";
    throw new JournalError("forged", { commit: forged.commit, line: 1, reason });
  }
  if (found.length > 0) log("Appends that tell of turns are not signed", { appends: found.length });
}
