import { cachedState } from "../chain.ts";
import { gitStore } from "../git/git-store.ts";
import type { Repository } from "../git/repository.ts";
import { type CommitId, parseSessionId, type SessionId } from "../ids.ts";
import { JournalError } from "../journal.ts";
import { refOf, sessionsRef, type Tip } from "../store.ts";

/** Sessions as they are on the remote now, by id; for one whose journal is corrupt, the error that tells where. */
export type Tips = ReadonlyMap<SessionId, Tip | JournalError>;

/** Reads those of these sessions that are not retired, or all: one transfer, and of each the last append alone. */
export async function readTips(repository: Repository, sessions?: readonly SessionId[]): Promise<Tips> {
  if (sessions?.length === 0) return new Map();
  const refs = sessions?.map(refOf.session) ?? [sessionsRef];
  await repository.fetch(
    refs.map((ref) => `+${ref}*:${ref}*`),
    1,
  );
  const commits = [...(await repository.refs(...refs))].flatMap(([ref, commit]) => {
    const session = parseSessionId(ref.slice(sessionsRef.length));
    return session ? [[session, commit] as const] : [];
  });
  const cached = await cachedTips(repository, commits);
  const tips = new Map<SessionId, Tip | JournalError>();
  for (const [session] of commits) {
    const tip = cached.get(session) ?? (await readAlone(repository, session));
    if (tip) tips.set(session, tip);
  }
  return tips;
}

async function cachedTips(
  repository: Repository,
  commits: readonly (readonly [SessionId, CommitId])[],
): Promise<ReadonlyMap<SessionId, Tip>> {
  const names = commits.flatMap(([, commit]) => [`${commit}:state.toml`, `${commit}:events.jsonl`]);
  const texts = names.length === 0 ? [] : (await repository.read(names)).map((text) => text?.toString() ?? null);
  const tips = commits.flatMap(([session, commit], index) => {
    const [state = null, events = null] = texts.slice(2 * index, 2 * index + 2);
    const now = cachedState({ commit, events, state });
    return now ? [[session, { commit, session: now }] as const] : [];
  });
  return new Map(tips);
}

async function readAlone(repository: Repository, session: SessionId): Promise<Tip | JournalError | null> {
  try {
    return await gitStore(repository).tip(session);
  } catch (error) {
    if (error instanceof JournalError) return error;
    throw error;
  }
}
