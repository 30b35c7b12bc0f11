import { replay } from "../fold.ts";
import { readChain } from "../git/git-store.ts";
import type { Repository } from "../git/repository.ts";
import { type CommitId, parseSessionId, type SessionId } from "../ids.ts";
import type { Stored } from "../journal.ts";
import { formatState, parseState } from "../session.ts";
import { StoreError, type Tip } from "../store.ts";

/** Where retired sessions are: its tree has an entry for each, its parents keep their chains. */
export const archiveRef = "refs/offshoot/archive";
/** The notes of retired sessions, all in one. */
export const archivedNotesRef = "refs/notes/offshoot/archive";

/** Retired sessions whose ids begin with the prefix, in order of creation; the empty prefix lists all. */
export async function findArchived(repository: Repository, prefix: string): Promise<readonly SessionId[]> {
  const entries = await listArchive(repository, await fetchArchive(repository));
  return [...entries.keys()].filter((session) => session.startsWith(prefix.toUpperCase()));
}

/** A retired session as it ended; null: there is none of this id. */
export async function archivedTip(repository: Repository, session: SessionId): Promise<Tip | null> {
  const [tip] = await archivedTips(repository, [session]);
  return tip ?? null;
}

/** Those of the sessions that are retired, as they ended; or all there are. Their chains are not read. */
export async function archivedTips(repository: Repository, sessions?: readonly SessionId[]): Promise<readonly Tip[]> {
  const entries = await readEntries(repository, await fetchArchive(repository), sessions);
  return Promise.all(entries.map((entry) => tipIn(repository, entry)));
}

/** All appends of a retired session, oldest first, decoded strictly; none where there is no such session. */
export async function archivedJournal(repository: Repository, session: SessionId): Promise<readonly Stored[]> {
  const [entry] = await readEntries(repository, await fetchArchive(repository), [session]);
  return entry ? fetchChain(repository, entry.commit) : [];
}

/** The archive as the remote has it now, and nothing of what it keeps; null: nothing was ever retired. */
export async function fetchArchive(repository: Repository): Promise<CommitId | null> {
  await repository.fetch([`+${archiveRef}*:${archiveRef}*`], 1);
  return (await repository.refs(archiveRef)).get(archiveRef) ?? null;
}

/** A session of the archive: where its chain ends, and its state there, null where another fold wrote it. */
export interface Entry {
  readonly id: SessionId;
  readonly commit: CommitId;
  readonly state: Tip["session"] | null;
}

/** The entries of these sessions, without those that are not there; or of all. */
export async function readEntries(
  repository: Repository,
  archive: CommitId | null,
  sessions?: readonly SessionId[],
): Promise<readonly Entry[]> {
  const blobs = await listArchive(repository, archive);
  const wanted = (sessions ?? [...blobs.keys()]).flatMap((id) => {
    const blob = blobs.get(id);
    return blob === undefined ? [] : [{ id, blob }];
  });
  const texts = wanted.length === 0 ? [] : await repository.read(wanted.map(({ blob }) => blob));
  return wanted.map(({ id }, index) => parseEntry(id, texts[index]?.toString() ?? ""));
}

/** The blobs of the archive's entries, by session, in order of creation. */
async function listArchive(repository: Repository, archive: CommitId | null): Promise<ReadonlyMap<SessionId, string>> {
  if (!archive) return new Map();
  const lines = (await repository.raw(["ls-tree", archive])).split("\n");
  const entries = lines.flatMap((line) => {
    const [, blob = "", name = ""] = /^100644 blob ([0-9a-f]{40})\t(.+)\.toml$/.exec(line) ?? [];
    const session = parseSessionId(name);
    return session ? [[session, blob] as const] : [];
  });
  return new Map(entries);
}

/** `<ULID>.toml` of the archive: where the chain ends, and the state there. */
export function formatEntry({ commit, session }: Tip): string {
  return `tip = "${commit}"\n${formatState(session)}`;
}

function parseEntry(id: SessionId, text: string): Entry {
  const [line = "", commit] = /^tip = "([0-9a-f]{40})"\n/.exec(text) ?? [];
  if (commit === undefined) {
    throw new StoreError("invalid", `${archiveRef} does not say where session ${id} ended: look at its ${id}.toml`);
  }
  return { id, commit: commit as CommitId, state: parseState(text.slice(line.length)) };
}

async function tipIn(repository: Repository, { commit, state }: Entry): Promise<Tip> {
  const session = state ?? replay(await fetchChain(repository, commit));
  if (!session) throw new StoreError("invalid", `${archiveRef} names ${commit}, which ends no session`);
  return { commit, session };
}

async function fetchChain(repository: Repository, tip: CommitId): Promise<readonly Stored[]> {
  await repository.fetch([tip], "all");
  return readChain(repository, tip);
}
