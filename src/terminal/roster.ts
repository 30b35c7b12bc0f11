import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Repository } from "../sessions/git/repository.ts";
import { type CommitId, parseSessionId, type SessionId } from "../sessions/ids.ts";
import { foldVersion, type Head, parseHead } from "../sessions/session.ts";
import { type SessionStore, sessionsRef } from "../sessions/store.ts";
import { type Listed, listedOf } from "./listed.ts";

/** What a list of sessions shows, and filters by. */
export interface Entry {
  readonly listed: Listed;
  /** Paths that the session's commits changed, the last 500. */
  readonly touched: readonly string[];
}

export interface RosterOptions {
  readonly repository: Repository;
  readonly store: SessionStore;
  /** The folder in which entries are remembered; they can be made again from the refs at any time. */
  readonly cache: string;
}

/**
 * All sessions that are here, in order of creation. An entry follows from the commit that the session's ref is at, so
 * those of sessions that have not moved since the last look are not read again.
 */
export async function readRoster({ repository, store, cache }: RosterOptions): Promise<readonly Entry[]> {
  const tips = await tipsIn(repository);
  const file = join(cache, `roster-${foldVersion}.jsonl`);
  const known = await readCache(file);
  const missing = tips.filter(({ commit }) => !known.has(commit));
  const heads = await readHeads(repository, missing);
  for (const [index, { id, commit }] of missing.entries()) {
    const session = heads[index] ?? (await store.tip(id))?.session;
    if (session) known.set(commit, entryOf(session));
  }
  const entries = tips.flatMap(({ commit }) => known.get(commit) ?? []);
  if (missing.length > 0) await writeCache(cache, file, tips, known);
  return entries;
}

interface TipOf {
  readonly id: SessionId;
  readonly commit: CommitId;
}

async function tipsIn(repository: Repository): Promise<readonly TipOf[]> {
  return [...(await repository.refs(sessionsRef))].flatMap(([ref, commit]) => {
    const id = parseSessionId(ref.slice(sessionsRef.length));
    return id ? [{ id, commit }] : [];
  });
}

/** Two processes read at once, as that many cores are about everywhere; each state is parsed while they read on. */
async function readHeads(repository: Repository, tips: readonly TipOf[]): Promise<readonly (Head | null)[]> {
  const middle = Math.ceil(tips.length / 2);
  const halves = [tips.slice(0, middle), tips.slice(middle)].filter(({ length }) => length > 0);
  const read = halves.map(async (half) => {
    const heads: (Head | null)[] = [];
    const names = half.map(({ commit }) => `${commit}:state.toml`);
    await repository.readEach(names, (text) => heads.push(parseHead(text?.toString() ?? "")));
    return heads;
  });
  return (await Promise.all(read)).flat();
}

export function entryOf(session: Head): Entry {
  return { listed: listedOf(session), touched: session.touched };
}

async function readCache(file: string): Promise<Map<CommitId, Entry>> {
  try {
    const lines = (await readFile(file, "utf8")).split("\n").filter(Boolean);
    return new Map(lines.map((line) => [line.slice(0, 40) as CommitId, JSON.parse(line.slice(41)) as Entry]));
  } catch {
    return new Map(); // not there yet, or torn: it is made again
  }
}

async function writeCache(
  folder: string,
  file: string,
  tips: readonly TipOf[],
  known: ReadonlyMap<CommitId, Entry>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lines = tips.flatMap(({ commit }) => {
    const entry = known.get(commit);
    return entry ? [`${commit} ${JSON.stringify(entry)}\n`] : [];
  });
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, lines.join(""));
  await rename(mine, file);
}
