import { stringify } from "smol-toml";
import { fact, type Hand, hasExpired } from "../sessions/decide.ts";
import { type NewCommit, signature } from "../sessions/git/commit.ts";
import type { Repository } from "../sessions/git/repository.ts";
import type { CommitId, SessionId } from "../sessions/ids.ts";
import { noteUpdate } from "../sessions/notes.ts";
import { type NotReverted, type Revertible, revertible } from "../sessions/revert.ts";
import type { Lease, Session } from "../sessions/session.ts";
import { type RefUpdate, refOf, type SessionStore } from "../sessions/store.ts";
import { backOff, NoSession, transact } from "../sessions/transact.ts";
import { fetchBranch, fetchCommit, fetchHistory, startOfTurn } from "./branch.ts";
import { sinceCut } from "./history.ts";
import { carryOver, treeOf } from "./workspace.ts";

export type Reverted =
  /** `commit` is null where nothing of the turn was on the branch: then it has only left the context. */
  | { readonly kind: "reverted"; readonly turn: number; readonly commit: CommitId | null }
  | NotReverted
  /** Later work stands on what the turn changed in these files. */
  | { readonly kind: "conflict"; readonly turn: number; readonly paths: readonly string[] };

export interface Revert {
  readonly repository: Repository;
  readonly store: SessionStore;
  readonly session: SessionId;
  readonly hand: Hand;
  /** Without it, the last turn that was not taken back. */
  readonly turn?: number | undefined;
  /** Whether the holder of a lease is known to be gone; one that had to be renewed and was not is void anyway. */
  readonly isVoid?: (lease: Lease) => Promise<boolean>;
}

/**
 * Takes a turn back: a new commit on the session's branch undoes its change, and its words leave the context; journal and
 * branch move in one push, and only if nobody holds the session. Nothing is ever removed from either.
 */
export async function revertTurn(revert: Revert): Promise<Reverted> {
  const { store, session, hand, isVoid = () => false } = revert;
  for (let attempt = 1; ; attempt += 1) {
    const tip = await store.tip(session);
    if (!tip) throw new NoSession(session);
    const events = (await sinceCut(store, session, tip)).flatMap(({ events }) => events);
    const { lease } = tip.session;
    const isHeld = lease && !hasExpired(lease, hand.now()) && !(await isVoid(lease));
    const found = revertible(tip.session, events, { turn: revert.turn, isVoid: () => !isHeld });
    if (found.kind !== "revertible") return found;
    const undone = await undo(revert, tip.session, found);
    if ("paths" in undone) return { kind: "conflict", turn: found.turn, ...undone };
    const { commit, refs } = undone;
    const event = fact(hand, "session.reverted", { turn: found.turn, ...(commit ? { commit } : {}) });
    const done = await transact({ store, session, pause: backOff }, (now) => {
      const isSame = now.commit === tip.commit;
      return { change: isSame ? { facts: [event], refs } : null, result: isSame };
    });
    if (done.ok && done.result) return { kind: "reverted", turn: found.turn, commit };
    await backOff(attempt);
  }
}

type Undone =
  | { readonly commit: CommitId | null; readonly refs: readonly RefUpdate[] }
  | { readonly paths: readonly string[] };

const nothing: Undone = { commit: null, refs: [] };

async function undo(revert: Revert, session: Session, { turn, commit: theirs }: Revertible): Promise<Undone> {
  const { repository, hand } = revert;
  if (!theirs) return nothing;
  const from = await fetchBranch(repository, session.branch);
  const now = from ?? (await fetchCommit(repository, (await startOfTurn(repository, session)).base));
  const merged = await without(revert, theirs, now);
  if (!merged.ok) return { paths: merged.paths };
  if (merged.tree === (await treeOf(repository, now))) return nothing;
  if (!from) await fetchHistory(repository, now);
  const message = await messageOf(revert, { turn, commit: theirs });
  const commit = await repository.commit({ ...by(hand), parents: [now], message, tree: merged.tree });
  const note = {
    session: session.session,
    reverted: turn,
    label: `took back turn ${turn}`,
    at: hand.now().toISOString(),
  };
  const text = () => stringify({ ...note, journal: refOf.session(session.session) });
  const annotated = await noteUpdate(repository, hand, { session: session.session, commit, text });
  return { commit, refs: [{ ref: refOf.branch(session.branch), from, to: commit }, annotated] };
}

/** The files of `now` without what `commit` changed. */
async function without({ repository, hand }: Revert, commit: CommitId, now: CommitId) {
  await repository.fetch([commit], 2);
  const tree = await treeOf(repository, await parentOf(repository, commit));
  const inverse = await repository.commit({ ...by(hand), parents: [commit], message: "inverse", tree });
  return carryOver(repository, { base: commit, ours: inverse, theirs: now });
}

async function parentOf(repository: Repository, commit: CommitId): Promise<CommitId> {
  const parent = await repository.resolve(`${commit}^`);
  if (!parent) throw new Error(`Commit ${commit} is a turn's, and has no parent here.`);
  return parent;
}

function by(hand: Hand): Pick<NewCommit, "author" | "committer"> {
  const who = signature(hand.by, hand.now());
  return { author: who, committer: who };
}

async function messageOf(
  { repository, session }: Revert,
  { turn, commit }: { turn: number; commit: CommitId },
): Promise<string> {
  const subject = (await repository.raw(["log", "-1", "--format=%s", commit])).trim();
  return [
    `Revert "${subject}"`,
    "",
    `This takes back turn ${turn}, commit ${commit}.`,
    "",
    `Offshoot-Session: ${session}`,
    "",
  ].join("\n");
}
