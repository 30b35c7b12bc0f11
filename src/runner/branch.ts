import type { Repository } from "../sessions/git/repository.ts";
import type { CommitId } from "../sessions/ids.ts";
import type { Session } from "../sessions/session.ts";
import { refOf } from "../sessions/store.ts";

/** Where a turn's work begins, and what to tell the person when that is not where the session left its branch. */
export interface Start {
  readonly base: CommitId;
  readonly notices: readonly string[];
  /** The session's branch was deleted before, and the notices tell so. */
  readonly again: boolean;
}

/** The remote's tip of a branch, brought here with its files; null when the branch is not there. */
export function fetchBranch(repository: Repository, name: string): Promise<CommitId | null> {
  return repository.fetchRef(refOf.branch(name), 1);
}

/** Whether `now`, the tip of a branch that was at `before`, still has it in its history: `added to`, or `rewritten`. */
export async function howMoved(
  repository: Repository,
  branch: string,
  { before, now }: { before: CommitId; now: CommitId },
): Promise<"added to" | "rewritten"> {
  const ref = refOf.branch(branch);
  await repository.fetch([`+${ref}*:${ref}*`], "all");
  return (await repository.isAncestor(before, now)) ? "added to" : "rewritten";
}

/** Looks at the session's branch as it is now: others may have pushed to it, moved it, or deleted it. Its files stay there. */
export async function startOfTurn(repository: Repository, session: Session): Promise<Start> {
  const { branch, head } = session;
  const now = await repository.locate(refOf.branch(branch));
  if (now && (head === undefined || now === head)) return { base: now, notices: [], again: false };
  if (now && head) {
    const notice = await movedNotice(repository, branch, { before: head, now });
    return { base: now, notices: [notice], again: false };
  }
  if (head === undefined) return { base: session.base, notices: [], again: false };
  return startAgain(repository, session);
}

async function movedNotice(
  repository: Repository,
  branch: string,
  move: { before: CommitId; now: CommitId },
): Promise<string> {
  const [before, now] = [`\`${move.before.slice(0, 7)}\``, `\`${move.now.slice(0, 7)}\``];
  switch (await howMoved(repository, branch, move)) {
    case "added to":
      return `Others pushed to \`${branch}\`; this turn stands on their work, ${now}.`;
    case "rewritten":
      return `\`${branch}\` was force-pushed by someone: ${before} is no longer in it. This turn went on from what is there, ${now}.`;
  }
}

async function startAgain(repository: Repository, session: Session): Promise<Start> {
  const { branch, base_branch, base } = session;
  const from = await repository.locate(refOf.branch(base_branch));
  if (from) {
    const notice = `\`${branch}\` was deleted by someone. This turn started again from \`${base_branch}\`.`;
    return { base: from, notices: [notice], again: true };
  }
  const short = `\`${base.slice(0, 7)}\``;
  const notice = `\`${branch}\` and \`${base_branch}\` were deleted by someone. This turn started again from ${short}, where the session began.`;
  return { base, notices: [notice], again: true };
}

/**
 * Brings everything before a commit here, for a push of what stands on it where no ref of the remote may lead to it any
 * more: from a clone without that history git refuses such a ref, and moves the others of the push all the same.
 */
export async function fetchHistory(repository: Repository, commit: CommitId): Promise<void> {
  await repository.fetch([commit], "all");
}

/** Brings a commit here with its files, whichever ref has it on the remote. */
export async function fetchCommit(repository: Repository, commit: CommitId): Promise<CommitId> {
  if ((await repository.resolve(commit)) === null) await repository.fetch([commit], 1);
  return commit;
}
