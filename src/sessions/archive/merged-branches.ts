import { checkedOut } from "../git/refs.ts";
import type { Repository } from "../git/repository.ts";
import type { CommitId, SessionId } from "../ids.ts";
import type { Session } from "../session.ts";
import { refOf } from "../store.ts";

/** A session's own branch as it is on the remote now. */
export interface OwnBranch {
  readonly ref: string;
  readonly at: CommitId;
  /** All of its work is in the branch that it began from, and nobody has it checked out. */
  readonly isMerged: boolean;
}

/** The branches of these sessions that are their own and are there. */
export async function ownBranches(
  repository: Repository,
  sessions: readonly Session[],
): Promise<ReadonlyMap<SessionId, OwnBranch>> {
  const owners = sessions.filter(({ own_branch, head }) => own_branch && head !== undefined);
  const heads = await fetchBranches(
    repository,
    owners.map(({ branch }) => branch),
  );
  const present = owners.filter(({ branch }) => heads.has(refOf.branch(branch)));
  if (present.length === 0) return new Map();
  const merged = await mergedAmong(repository, present);
  const folders = await checkedOut(repository);
  const found = present.flatMap(({ session, branch }) => {
    const ref = refOf.branch(branch);
    const at = heads.get(ref);
    return at ? [[session, { ref, at, isMerged: merged.has(ref) && !folders.has(ref) }] as const] : [];
  });
  return new Map(found);
}

/** Brings branches here with all that is in them. */
export async function fetchBranches(
  repository: Repository,
  names: readonly string[],
): Promise<ReadonlyMap<string, CommitId>> {
  const refs = [...new Set(names)].map(refOf.branch);
  if (refs.length === 0) return new Map();
  await repository.fetch(
    refs.map((ref) => `+${ref}*:${ref}*`),
    "all",
  );
  return repository.refs(...refs);
}

/** Also what a clone knows of its origin's branches counts, which its own ones may be behind. */
async function mergedAmong(repository: Repository, sessions: readonly Session[]): Promise<ReadonlySet<string>> {
  const bases = new Set(sessions.map(({ base_branch }) => base_branch));
  await fetchBranches(repository, [...bases]);
  const merged = new Set<string>();
  for (const base of bases) {
    const refs = sessions.filter(({ base_branch }) => base_branch === base).map(({ branch }) => refOf.branch(branch));
    const places = await repository.refs(refOf.branch(base), `refs/remotes/origin/${base}`);
    for (const at of new Set(places.values())) {
      const out = await repository.raw(["for-each-ref", `--merged=${at}`, "--format=%(refname)", ...refs]);
      for (const ref of out.split("\n").filter(Boolean)) merged.add(ref);
    }
  }
  return merged;
}
