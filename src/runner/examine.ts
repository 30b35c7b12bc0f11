import { readSigned } from "../sessions/git-store.ts";
import { JournalError } from "../sessions/journal.ts";
import { openRing } from "../sessions/journal-keys.ts";
import { suspicions } from "../sessions/signatures.ts";
import { openHistory } from "./history.ts";
import type { Runner } from "./runner.ts";

/**
 * Reads what turns would read of the journal before anything is written. Throws a `JournalError` where it is corrupt, or
 * where an append is not the one that was signed; what runs without the key have written is logged.
 */
export async function examine(
  runner: Pick<Runner, "store" | "session" | "repository" | "keeping" | "log">,
): Promise<void> {
  const { store, session, repository, keeping, log } = runner;
  await openHistory(store, session).read();
  const tip = await store.tip(session);
  const { keys, context } = tip?.session ?? {};
  const open = keys && keeping.key ? openRing(keys.ring, keeping.key) : null;
  if (!tip || !keys || !open?.ok) return;
  const chain = await readSigned(repository, tip.commit, context?.cut_commit && context.appends_since_cut);
  const found = suspicions(chain, open.keys, keys.since);
  const forged = found.find(({ kind }) => kind === "forged");
  if (forged) {
    const reason = "it is not what was signed there: somebody without the journal's key has changed it";
    throw new JournalError("forged", { commit: forged.commit, line: 1, reason });
  }
  if (found.length > 0) log("Appends that tell of turns are not signed", { appends: found.length });
}
