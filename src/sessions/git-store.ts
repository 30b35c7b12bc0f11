import { replay } from "./fold.ts";
import type { Repository } from "./git.ts";
import { signature } from "./git-commit.ts";
import { type CommitId, parseSessionId, type SessionId } from "./ids.ts";
import { type Actor, decode, encode, JournalError, type Stored } from "./journal.ts";
import { formatState, parseState, type Session } from "./session.ts";
import {
  type Append,
  type RefUpdate,
  refOf,
  type SessionStore,
  StoreError,
  type Swap,
  sessionsRef,
  type ThreadIndex,
  type Tip,
} from "./store.ts";

/** Sessions in a git remote, through a clean bare repository on this machine. */
export function gitStore(repository: Repository): SessionStore {
  return {
    tip: (session) => readTip(repository, session),
    journal: (session) => readJournal(repository, session),
    append: (append) => write(repository, append),
    thread: (number) => readThread(repository, number),
    find: (prefix) => find(repository, prefix),
  };
}

/** Fetched by pattern, because asking for a full name that is not there is an error to git. */
async function fetchRef(repository: Repository, ref: string): Promise<CommitId | null> {
  await repository.fetch([`+${ref}*:${ref}*`]);
  return (await repository.refs(ref)).get(ref) ?? null;
}

async function readTip(repository: Repository, session: SessionId): Promise<Tip | null> {
  const commit = await fetchRef(repository, refOf.session(session));
  if (!commit) return null;
  const state = (await cachedState(repository, commit)) ?? replay(await readChain(repository, commit));
  return state && { commit, session: state };
}

/** The state that a commit holds; null where it is of another version, or is not the one after the events beside it. */
async function cachedState(repository: Repository, commit: CommitId): Promise<Session | null> {
  const [state, text] = await repository.read([`${commit}:state.toml`, `${commit}:events.jsonl`]);
  const session = state ? parseState(state.toString()) : null;
  return session && text && endsAt(text.toString(), { commit, seq: session.seq }) ? session : null;
}

function endsAt(text: string, { commit, seq }: { commit: CommitId; seq: number }): boolean {
  const count = text.split("\n").length - 1;
  try {
    return decode(text, { commit, after: seq - count }).length > 0;
  } catch (error) {
    if (error instanceof JournalError) return false;
    throw error;
  }
}

async function readJournal(repository: Repository, session: SessionId): Promise<readonly Stored[]> {
  const tip = await fetchRef(repository, refOf.session(session));
  return tip ? readChain(repository, tip) : [];
}

async function readChain(repository: Repository, tip: CommitId): Promise<readonly Stored[]> {
  const commits = await repository.chain(tip);
  const texts = await repository.read(commits.map((commit) => `${commit}:events.jsonl`));
  const stored: Stored[] = [];
  let seq = 0;
  for (const [index, commit] of commits.entries()) {
    const text = texts[index];
    if (!text) throw new JournalError("malformed", { commit, line: 1, reason: "no events.jsonl in this commit" });
    const events = decode(text.toString(), { commit, after: seq });
    seq += events.length;
    stored.push({ commit, events });
  }
  return stored;
}

async function write(repository: Repository, append: Append): Promise<Swap> {
  const ref = refOf.session(append.session);
  const at = new Date(append.state.last_accessed);
  const commit = await repository.commit({
    parents: append.from ? [append.from] : [],
    author: signature(append.by, at),
    committer: signature(append.by, at),
    message: append.subject,
    tree: appendFiles(append),
  });
  const threads = await Promise.all(
    append.threads.map((thread) => threadUpdate(repository, { ...thread, by: append.by, at })),
  );
  const updates = [{ ref, from: append.from, to: commit }, ...threads, ...append.refs];
  const pushed = await pushOrRecognise(repository, updates, { ref, commit });
  return pushed.ok ? { ok: true, tip: { commit, session: append.state } } : pushed;
}

/** A push whose answer was lost may have been applied: then the remote's chain has our commit, and that is a success. */
async function pushOrRecognise(
  repository: Repository,
  updates: readonly RefUpdate[],
  ours: { ref: string; commit: CommitId },
): ReturnType<Repository["push"]> {
  try {
    return await repository.push(updates);
  } catch (error) {
    if (error instanceof StoreError && error.kind === "invalid") throw error;
    const tip = await fetchRef(repository, ours.ref);
    if (tip !== null && (await repository.isAncestor(ours.commit, tip))) return { ok: true };
    throw error;
  }
}

function appendFiles(append: Append): Record<string, Buffer> {
  const output = Object.entries(append.output).map(([name, content]) => [`output/${name}`, content] as const);
  return {
    "events.jsonl": Buffer.from(encode(append.events)),
    "state.toml": Buffer.from(formatState(append.state)),
    ...Object.fromEntries(output),
  };
}

async function threadUpdate(
  repository: Repository,
  thread: Append["threads"][number] & { by: Actor; at: Date },
): Promise<RefUpdate> {
  const who = signature(thread.by, thread.at);
  const to = await repository.commit({
    parents: thread.from ? [thread.from] : [],
    author: who,
    committer: who,
    message: `${thread.sessions.at(-1)} is the active session`,
    tree: { sessions: Buffer.from(thread.sessions.map((session) => `${session}\n`).join("")) },
  });
  return { ref: refOf.thread(thread.number), from: thread.from, to };
}

async function readThread(repository: Repository, number: number): Promise<ThreadIndex | null> {
  const commit = await fetchRef(repository, refOf.thread(number));
  if (!commit) return null;
  const [text] = await repository.read([`${commit}:sessions`]);
  const lines = (text?.toString() ?? "").split("\n").filter(Boolean);
  const sessions = lines.map(parseSessionId);
  if (sessions.length === 0 || !sessions.every((session) => session !== null)) {
    throw new StoreError("invalid", `${refOf.thread(number)} at ${commit} does not list session ids, one a line`);
  }
  return { commit, sessions };
}

async function find(repository: Repository, prefix: string): Promise<readonly SessionId[]> {
  if (!/^[0-9a-z]*$/i.test(prefix)) return [];
  const ref = `${sessionsRef}${prefix.toUpperCase()}`;
  await repository.fetch([`+${ref}*:${ref}*`]);
  const names = [...(await repository.refs(sessionsRef)).keys()].filter((name) => name.startsWith(ref));
  return names.flatMap((name) => parseSessionId(name.slice(sessionsRef.length)) ?? []).sort();
}
