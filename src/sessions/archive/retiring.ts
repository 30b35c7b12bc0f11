import { parseThread, stepsOf, threadStep } from "../chain.ts";
import type { Hand } from "../decide.ts";
import { type LocalCommit, type Signature, signature } from "../git/commit.ts";
import type { Repository } from "../git/repository.ts";
import type { CommitId, SessionId } from "../ids.ts";
import type { Session } from "../session.ts";
import { compose, type RefUpdate, refOf, type ThreadIndex, type Tip } from "../store.ts";
import { archivedNotesRef, archiveRef, formatEntry } from "./archive.ts";
import { swapArchive } from "./archive-swap.ts";
import { mergeNotes } from "./archived-notes.ts";
import type { OwnBranch } from "./merged-branches.ts";
import { retirement } from "./retire.ts";

const threadsRef = "refs/offshoot/threads/";

/** Refs of sessions that are about to leave, and of where they go, as they are on the remote now. */
export interface Surroundings {
  readonly refs: ReadonlyMap<string, CommitId>;
  readonly threads: readonly (ThreadIndex & { readonly number: number })[];
}

export async function fetchSurroundings(repository: Repository, sessions: readonly SessionId[]): Promise<Surroundings> {
  const own = sessions.flatMap((session) => [refOf.notes(session), refOf.wip(session)]);
  const refs = [...own, threadsRef, archiveRef, archivedNotesRef];
  await repository.fetch(
    refs.map((ref) => `+${ref}*:${ref}*`),
    1,
  );
  const found = await repository.refs(...refs);
  return { refs: found, threads: await readThreads(repository, found) };
}

async function readThreads(repository: Repository, refs: Surroundings["refs"]): Promise<Surroundings["threads"]> {
  const threads = [...refs].filter(([ref]) => ref.startsWith(threadsRef));
  if (threads.length === 0) return [];
  const texts = await repository.read(threads.map(([, commit]) => `${commit}:sessions`));
  return threads.map(([ref, commit], index) => {
    const number = Number(ref.slice(threadsRef.length));
    return { number, ...parseThread(number, commit, texts[index]?.toString() ?? null) };
  });
}

export interface Departure {
  readonly tips: readonly Tip[];
  readonly as: "retired" | "deleted";
  readonly surroundings: Surroundings;
  readonly branches: ReadonlyMap<SessionId, OwnBranch>;
}

/** Moves sessions into the archive, all or none of them, in one push; false: something had moved meanwhile. */
export async function depart(repository: Repository, hand: Hand, departure: Departure): Promise<boolean> {
  const who = signature(hand.by, hand.now());
  const ended = await writeEnds(repository, hand, departure);
  const [first] = ended;
  if (!first) return true;
  const updates = [
    ...(await archiveUpdates(repository, who, departure, ended)),
    ...(await threadUpdates(repository, who, departure)),
    ...departure.tips.flatMap((tip) => ownUpdates(tip, departure)),
  ];
  return swapArchive(repository, updates, { session: first.session.session, commit: first.commit });
}

/** The last append of each session, on top of its chain; no ref is at it. */
async function writeEnds(repository: Repository, hand: Hand, { tips, as }: Departure): Promise<readonly Tip[]> {
  const appends = tips.map((tip) => compose(tip.session.session, tip, { facts: retirement(hand, tip.session, as) }));
  const commits = await repository.commits(appends.map((append) => stepsOf(append)[0].commit));
  return appends.flatMap(({ state }, index) => {
    const commit = commits[index];
    return commit ? [{ commit, session: state }] : [];
  });
}

async function archiveUpdates(
  repository: Repository,
  who: Signature,
  { surroundings: { refs } }: Departure,
  ended: readonly Tip[],
): Promise<readonly RefUpdate[]> {
  const from = refs.get(archiveRef) ?? null;
  const to = await writeArchive(repository, who, from, ended);
  const own = ended.flatMap(({ session: { session } }) => {
    const tip = refs.get(refOf.notes(session));
    return tip ? [[session, tip] as const] : [];
  });
  const archive = refs.get(archivedNotesRef) ?? null;
  const notes = await mergeNotes(repository, who, { archive, sessions: new Map(own) });
  return [{ ref: archiveRef, from, to }, ...(notes ? [{ ref: archivedNotesRef, from: archive, to: notes }] : [])];
}

async function writeArchive(
  repository: Repository,
  who: Signature,
  from: CommitId | null,
  ended: readonly Tip[],
): Promise<CommitId> {
  const files = Object.fromEntries(
    ended.map((tip) => [`${tip.session.session}.toml`, Buffer.from(formatEntry(tip))] as const),
  );
  const tree: LocalCommit["tree"] = from ? { base: await repository.tree(from), files } : files;
  const ids = ended.map(({ session }) => session.session);
  const message = ids.length === 1 ? `Retired ${ids[0]}` : [`Retired ${ids.length} sessions`, "", ...ids].join("\n");
  const parents = [...(from ? [from] : []), ...ended.map(({ commit }) => commit)];
  return repository.commit({ parents, author: who, committer: who, message, tree });
}

/** Threads forget the sessions, so that the next comment there opens a new one, or goes on with the one before. */
async function threadUpdates(
  repository: Repository,
  who: Signature,
  { tips, surroundings }: Departure,
): Promise<readonly RefUpdate[]> {
  const leaving = new Set(tips.map(({ session }) => session.session));
  const changed = surroundings.threads
    .filter(({ sessions }) => sessions.some((session) => leaving.has(session)))
    .map(({ number, commit, sessions }) => ({
      ...{ number, from: commit },
      sessions: sessions.filter((session) => !leaving.has(session)),
    }));
  const steps = changed.filter(({ sessions }) => sessions.length > 0).map((thread) => threadStep(thread, who));
  const commits = await repository.commits(steps.map(({ commit }) => commit));
  const left = new Map(steps.map(({ ref }, index) => [ref, commits[index]]));
  return changed.map(({ number, from }) => {
    const ref = refOf.thread(number);
    return { ref, from, to: left.get(ref) ?? null };
  });
}

function ownUpdates(tip: Tip, { surroundings: { refs }, branches }: Departure): readonly RefUpdate[] {
  const { session }: Session = tip.session;
  const branch = branches.get(session);
  const others = [refOf.notes(session), refOf.wip(session)].flatMap((ref) => {
    const from = refs.get(ref);
    return from ? [{ ref, from, to: null }] : [];
  });
  return [
    { ref: refOf.session(session), from: tip.commit, to: null },
    ...others,
    ...(branch?.isMerged ? [{ ref: branch.ref, from: branch.at, to: null }] : []),
  ];
}
