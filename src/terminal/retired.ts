import { archiveRef, readEntries } from "../sessions/archive/archive.ts";
import { type CommitId, parseSessionId, type SessionId } from "../sessions/ids.ts";
import type { Session } from "../sessions/session.ts";
import type { Clone } from "./clone.ts";
import { originArchiveRef } from "./origin.ts";

/** The clone's own archive, and the origin's as it was when it was last fetched. */
const archives = [archiveRef, originArchiveRef];

/** A session of the archive, and where its chain ends. */
export interface Retired {
  readonly id: SessionId;
  readonly commit: CommitId;
  readonly description: string;
  /** As it ended; null where another version of the fold wrote it. */
  readonly state: Session | null;
}

/** Retired sessions whose ids begin with the prefix, in order of creation. */
export async function findRetired({ repository }: Clone, prefix: string): Promise<readonly Retired[]> {
  const found = new Map<SessionId, Retired>();
  for (const commit of (await repository.refs(...archives)).values()) {
    const ids = (await repository.raw(["ls-tree", "--name-only", commit])).split("\n").flatMap(idOf);
    const fitting = ids.filter((id) => id.startsWith(prefix.toUpperCase()));
    const entries = await readEntries(repository, commit, fitting);
    for (const [n, { commit: tip, state }] of entries.entries()) {
      const id = fitting[n];
      if (id) found.set(id, { id, commit: tip, description: state?.description ?? "", state });
    }
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function idOf(name: string): readonly SessionId[] {
  const id = name.endsWith(".toml") ? parseSessionId(name.slice(0, -".toml".length)) : null;
  return id ? [id] : [];
}
