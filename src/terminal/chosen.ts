import { cachedState, decodeChain } from "../sessions/chain.ts";
import { replay } from "../sessions/fold.ts";
import { readChain } from "../sessions/git/git-store.ts";
import type { CommitId, SessionId } from "../sessions/ids.ts";
import type { Event, Stored } from "../sessions/journal.ts";
import type { Session } from "../sessions/session.ts";
import { refOf, StoreError } from "../sessions/store.ts";
import type { Clone } from "./clone.ts";
import { selectRetired, selectSession } from "./select.ts";

/** The session that a command reads, at the commit where it was when the command began. */
export interface Chosen {
  readonly id: SessionId;
  readonly commit: CommitId;
}

/** All of a session, read in one go. */
export interface Reading extends Chosen {
  readonly session: Session;
  readonly journal: readonly Stored[];
  readonly events: readonly Event[];
}

/** By id or unique prefix, also of a retired one where no other fits; else the session that was used last. */
export async function chooseSession(clone: Clone, prefix: string | undefined): Promise<Chosen> {
  if (prefix !== undefined && (await clone.store.find(prefix)).length === 0) return selectRetired(clone, prefix);
  const id = await selectSession(clone, prefix);
  const commit = await clone.repository.resolve(refOf.session(id));
  if (!commit) throw new StoreError("refused", `session ${id} went away while it was looked for; try again`);
  return { id, commit };
}

export async function readSession(clone: Clone, prefix: string | undefined): Promise<Reading> {
  const { id, commit } = await chooseSession(clone, prefix);
  const journal = await readChain(clone.repository, commit);
  const session = replay(journal);
  if (!session) throw new StoreError("invalid", `session ${id} has no events`);
  return { id, commit, session, journal, events: journal.flatMap(({ events }) => events) };
}

/** The state at a commit of a session; the appends before it are read only where it holds none that fits. */
export async function stateAt({ repository }: Clone, commit: CommitId): Promise<Session | null> {
  const [state, events] = await repository.read([`${commit}:state.toml`, `${commit}:events.jsonl`]);
  const link = { commit, events: events?.toString() ?? null, state: state?.toString() ?? null };
  return cachedState(link) ?? replay(await readChain(repository, commit));
}

/** An append with its lines as the journal has them. */
export interface Append extends Stored {
  readonly lines: readonly string[];
}

/** Appends of a chain, oldest first: the whole of it, or its end. Throws a `JournalError` where it is corrupt. */
export async function readLines(
  { repository }: Clone,
  commits: readonly CommitId[],
  part: "whole" | "end",
): Promise<readonly Append[]> {
  const texts = await repository.read(commits.map((commit) => `${commit}:events.jsonl`));
  const links = commits.map((commit, n) => ({ commit, events: texts[n]?.toString() ?? null }));
  const stored = decodeChain(links, part);
  return stored.map((append, n) => ({ ...append, lines: (links[n]?.events ?? "").split("\n").slice(0, -1) }));
}
