import { stepsOf } from "../chain.ts";
import { type LocalCommit, type Signature, signature } from "../git/commit.ts";
import type { Repository } from "../git/repository.ts";
import type { CommitId, SessionId } from "../ids.ts";
import { type RefUpdate, StoreError, type Tip } from "../store.ts";
import {
  archivedNotesRef,
  archivedTip,
  archiveRef,
  type Entry,
  fetchArchive,
  formatEntry,
  readEntries,
} from "./archive.ts";
import { swapArchive } from "./archive-swap.ts";
import { dropNotes } from "./archived-notes.ts";
import { batch, type Cleaner, deleteSession } from "./clean.ts";
import { findOutOfReach, type OutOfReach } from "./out-of-reach.ts";
import type { Kept } from "./retire.ts";
import { tombstone } from "./tombstone.ts";

export type Purge =
  | { readonly kind: "purged"; readonly tombstone: Tip; readonly outOfReach: readonly OutOfReach[] }
  | { readonly kind: "purged before"; readonly tombstone: Tip }
  /** It is not retired, and somebody works on it. */
  | { readonly kind: "kept"; readonly why: Kept }
  | { readonly kind: "missing" };

/**
 * Takes all that a session ever said out of the archive, and leaves that there was one. One that is not retired is deleted
 * first. The server keeps objects to which no ref leads until it collects them.
 */
export async function purgeSession(cleaner: Cleaner, session: SessionId): Promise<Purge> {
  const { repository, hand, pause } = cleaner;
  const deletion = await deleteSession(cleaner, session);
  if (deletion.kind === "kept") return deletion;
  for (let attempt = 1; ; attempt += 1) {
    const found = await archivedTip(repository, session);
    if (!found) return { kind: "missing" };
    if (found.session.deleted === "purged") return { kind: "purged before", tombstone: found };
    const outOfReach = await findOutOfReach(repository, found);
    const append = tombstone(hand, found.session);
    const stone = { commit: await repository.commit(stepsOf(append)[0].commit), session: append.state };
    const updates = await rebuild(repository, signature(hand.by, hand.now()), stone);
    if (await swapArchive(repository, updates, { session, commit: stone.commit })) {
      await forgetMoves(repository);
      return { kind: "purged", tombstone: stone, outOfReach };
    }
    await pause(attempt);
  }
}

/** Archive and notes as they are now, with the tombstone in place of its session, and without what they were before. */
async function rebuild(repository: Repository, who: Signature, stone: Tip): Promise<readonly RefUpdate[]> {
  const from = await fetchArchive(repository);
  if (!from) throw new StoreError("invalid", `${archiveRef} was there and is gone. Nothing was changed`);
  const update = { ref: archiveRef, from, to: await rebuildArchive(repository, who, from, stone) };
  await repository.fetch([`+${archivedNotesRef}*:${archivedNotesRef}*`], 1);
  const notes = (await repository.refs(archivedNotesRef)).get(archivedNotesRef);
  if (!notes) return [update];
  const to = await dropNotes(repository, who, { archive: notes, session: stone.session.session });
  return [update, { ref: archivedNotesRef, from: notes, to }];
}

/** The archive's tree tells where all chains end, so its commits are made anew from it, in order of the sessions' ids. */
async function rebuildArchive(repository: Repository, who: Signature, from: CommitId, stone: Tip): Promise<CommitId> {
  const { session } = stone.session;
  const entries = await readEntries(repository, from);
  const tips = entries.map((entry: Entry) => (entry.id === session ? stone.commit : entry.commit));
  const others = tips.filter((tip) => tip !== stone.commit);
  if (others.length > 0) await repository.fetch(others, 1);
  const files = { [`${session}.toml`]: Buffer.from(formatEntry(stone)) };
  let tree: LocalCommit["tree"] = { base: await repository.tree(from), files };
  let last: CommitId | undefined;
  for (let at = 0; at < tips.length; at += batch) {
    const parents = [...(last ? [last] : []), ...tips.slice(at, at + batch)];
    const message = "The archive, rebuilt after a purge";
    last = await repository.commit({ parents, author: who, committer: who, message, tree });
    tree = await repository.tree(last);
  }
  return last ?? from;
}

/** A clone with a work tree remembers where its notes refs were. */
async function forgetMoves(repository: Repository): Promise<void> {
  await repository.ask(["reflog", "expire", "--expire=all", archivedNotesRef]);
}
