import type { Repository } from "../sessions/git.ts";
import type { CommitId } from "../sessions/ids.ts";
import type { Session } from "../sessions/session.ts";
import { refOf, StoreError } from "../sessions/store.ts";

/** Where a turn's work begins, and what to tell the person when that is not where the session left its branch. */
export interface Start {
  readonly base: CommitId;
  readonly notices: readonly string[];
}

/** The remote's tip of a branch, brought here with its files; null when the branch is not there. */
export async function fetchBranch(repository: Repository, name: string): Promise<CommitId | null> {
  const ref = refOf.branch(name);
  await repository.fetch([`+${ref}*:${ref}*`], 1);
  return (await repository.refs(ref)).get(ref) ?? null;
}

/** Brings the history that a merge or an ancestry check needs. */
export async function fetchHistory(repository: Repository, name: string): Promise<void> {
  const ref = refOf.branch(name);
  await repository.fetch([`+${ref}*:${ref}*`], "all");
}

/** Looks at the session's branch as it is now: others may have pushed to it, moved it, or deleted it. */
export async function startOfTurn(repository: Repository, session: Session): Promise<Start> {
  const { branch, head } = session;
  const now = await fetchBranch(repository, branch);
  if (now && (head === undefined || now === head)) return { base: now, notices: [] };
  if (now && head) return movedBy(repository, session, { now, head });
  if (head === undefined) return { base: await fetchCommit(repository, session.base), notices: [] };
  const base = await fetchBranch(repository, session.base_branch);
  if (!base) throw new StoreError("invalid", `neither ${branch} nor ${session.base_branch} is there any more`);
  return {
    base,
    notices: [`\`${branch}\` was deleted by someone. This turn started again from \`${session.base_branch}\`.`],
  };
}

async function movedBy(
  repository: Repository,
  { branch }: Session,
  { now, head }: { now: CommitId; head: CommitId },
): Promise<Start> {
  await fetchHistory(repository, branch);
  const ahead = (await repository.resolve(head)) !== null && (await repository.isAncestor(head, now));
  const short = `\`${now.slice(0, 7)}\``;
  if (ahead)
    return { base: now, notices: [`Others pushed to \`${branch}\`; this turn stands on their work, ${short}.`] };
  return {
    base: now,
    notices: [
      `\`${branch}\` was force-pushed by someone: \`${head.slice(0, 7)}\` is no longer in it. This turn went on from what is there, ${short}.`,
    ],
  };
}

async function fetchCommit(repository: Repository, commit: CommitId): Promise<CommitId> {
  if ((await repository.resolve(commit)) === null) await repository.fetch([commit], 1);
  return commit;
}
