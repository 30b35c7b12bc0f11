import { cachedState, decodeChain, type Link, parseThread, refPrefix, sessionsIn, stepsOf } from "../chain.ts";
import { replay } from "../fold.ts";
import type { CommitId, SessionId } from "../ids.ts";
import type { Stored } from "../journal.ts";
import type { Sign, Signed } from "../secrets/signatures.ts";
import {
  type Append,
  type RefUpdate,
  refOf,
  type SessionStore,
  StoreError,
  type Swap,
  type ThreadIndex,
  type Tip,
} from "../store.ts";
import type { Repository } from "./repository.ts";

/** Sessions in a git remote, through a clean bare repository on this machine, or in that repository itself. */
export function gitStore(repository: Repository, sign?: Sign): SessionStore {
  return {
    tip: (session) => readTip(repository, session),
    journal: (session, last, seen) => readJournal(repository, session, last, seen),
    append: (append) => write(repository, append, sign),
    thread: (number) => readThread(repository, number),
    find: (prefix) => find(repository, prefix),
  };
}

/** The first look takes the last append alone, later ones what has come since. */
async function readTip(repository: Repository, session: SessionId): Promise<Tip | null> {
  const ref = refOf.session(session);
  const commit = await repository.fetchChain(ref, (await repository.hasChain(ref)) ? undefined : 1);
  if (!commit) return null;
  const [state = null, events = null] = await readText(repository, [`${commit}:state.toml`, `${commit}:events.jsonl`]);
  const now = cachedState({ commit, events, state }) ?? replay(await readJournal(repository, session));
  return now && { commit, session: now };
}

async function readText(repository: Repository, names: readonly string[]): Promise<readonly (string | null)[]> {
  return (await repository.read(names)).map((content) => content?.toString() ?? null);
}

async function readJournal(
  repository: Repository,
  session: SessionId,
  last?: number,
  seen?: CommitId,
): Promise<readonly Stored[]> {
  const here = seen && (await wholeChain(repository, seen, last));
  if (here) return readAppends(repository, here, last);
  const tip = await repository.fetchChain(refOf.session(session), last ?? "all");
  return tip ? readChain(repository, tip, last) : [];
}

/** All commits of a chain, or the last ones; null where they are not all here. */
async function wholeChain(repository: Repository, tip: CommitId, last?: number): Promise<readonly CommitId[] | null> {
  const commits = await repository.chain(tip, last);
  const [first] = commits;
  const isWhole = last === undefined ? first && (await repository.parentOf(first)) === null : commits.length === last;
  return isWhole ? commits : null;
}

/** Appends of the chain that ends at `tip`, oldest first: all of them, or the last ones. */
export async function readChain(repository: Repository, tip: CommitId, last?: number): Promise<readonly Stored[]> {
  return readAppends(repository, await repository.chain(tip, last), last);
}

async function readAppends(
  repository: Repository,
  commits: readonly CommitId[],
  last?: number,
): Promise<readonly Stored[]> {
  const texts = await readText(
    repository,
    commits.map((commit) => `${commit}:events.jsonl`),
  );
  const links = commits.map((commit, index): Link => ({ commit, events: texts[index] ?? null }));
  return decodeChain(links, last === undefined ? "whole" : "end");
}

async function write(repository: Repository, append: Append, sign?: Sign): Promise<Swap> {
  const [own, ...threads] = stepsOf(append, sign);
  const commit = await repository.commit(own.commit);
  const updates: RefUpdate[] = [{ ref: own.ref, from: own.from, to: commit }];
  for (const { ref, from, commit } of threads) updates.push({ ref, from, to: await repository.commit(commit) });
  const pushed = await pushOrRecognise(repository, [...updates, ...append.refs], { ref: own.ref, commit });
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
    const tip = await repository.fetchChain(ours.ref);
    if (tip !== null && (await repository.isAncestor(ours.commit, tip))) return { ok: true };
    throw error;
  }
}

async function readThread(repository: Repository, number: number): Promise<ThreadIndex | null> {
  const commit = await repository.fetchChain(refOf.thread(number));
  if (!commit) return null;
  const [text = null] = await readText(repository, [`${commit}:sessions`]);
  return parseThread(number, commit, text);
}

async function find(repository: Repository, prefix: string): Promise<readonly SessionId[]> {
  const ref = refPrefix(prefix);
  if (ref === null) return [];
  await repository.fetch([`+${ref}*:${ref}*`]);
  return sessionsIn([...(await repository.refs(`${ref}*`)).keys()]);
}

/** The last appends of the chain that ends at `tip`, oldest first, with what signs them; all that are here without a number. */
export async function readSigned(repository: Repository, tip: CommitId, last?: number): Promise<readonly Signed[]> {
  const commits = await repository.chain(tip, last);
  const names = commits.flatMap((commit) => [`${commit}:events.jsonl`, `${commit}:hmac`]);
  const texts = await readText(repository, names);
  const [first] = commits;
  const before = first ? await repository.parentOf(first) : null;
  return commits.map((commit, index) => ({
    commit,
    parent: commits[index - 1] ?? before,
    events: texts[index * 2] ?? "",
    signature: texts[index * 2 + 1]?.trim() ?? null,
  }));
}
