import type { Repository } from "../git/repository.ts";
import type { CommitId, SessionId } from "../ids.ts";
import type { RefUpdate } from "../store.ts";
import { patiently } from "../transact.ts";
import { fetchArchive, readEntries } from "./archive.ts";

/** What the archive says once the swap is made, and not before. */
interface Mark {
  readonly session: SessionId;
  readonly commit: CommitId;
}

/**
 * Moves the archive's refs and all that goes with them at once; false: something had moved, and nothing was done. A swap
 * whose answer was lost is tried again, loses to itself, and is found by its mark.
 */
export async function swapArchive(repository: Repository, updates: readonly RefUpdate[], mark: Mark): Promise<boolean> {
  return patiently(async () => (await repository.push(updates)).ok || (await isMade(repository, mark)));
}

async function isMade(repository: Repository, { session, commit }: Mark): Promise<boolean> {
  const [entry] = await readEntries(repository, await fetchArchive(repository), [session]);
  return entry?.commit === commit;
}
