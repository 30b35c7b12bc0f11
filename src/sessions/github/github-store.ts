import * as v from "valibot";
import {
  cachedState,
  decodeChain,
  type Link,
  parseThread,
  refPrefix,
  type Step,
  sessionsIn,
  stepsOf,
} from "../chain.ts";
import { replay } from "../fold.ts";
import { commitIdSchema, type SessionId } from "../ids.ts";
import type { Stored } from "../journal.ts";
import { type Append, refOf, type SessionStore, StoreError, type Swap, type ThreadIndex, type Tip } from "../store.ts";
import { fileSchema, type GithubPlace, GithubRepository, objectAt, textFields } from "./api.ts";
import { swap } from "./swap.ts";

/** Sessions in a repository of GitHub's, through its API: nothing is cloned. */
export function githubStore(place: GithubPlace): SessionStore {
  const repository = new GithubRepository(place);
  return {
    tip: (session) => readTip(repository, session),
    journal: (session, last) => readJournal(repository, refOf.session(session), last),
    append: (append) => write(repository, append),
    thread: (number) => readThread(repository, number),
    find: (prefix) => find(repository, prefix),
  };
}

const events = `events: file(path: "events.jsonl") { ${textFields} }`;

const tipFields = `oid state: file(path: "state.toml") { ${textFields} } ${events}`;
const tipSchema = v.object({
  tip: v.nullable(v.object({ oid: commitIdSchema, state: fileSchema, events: fileSchema })),
});

async function readTip(repository: GithubRepository, session: SessionId): Promise<Tip | null> {
  const { tip } = await repository.read(tipSchema, `tip: ${objectAt(refOf.session(session), tipFields)}`);
  if (!tip) return null;
  const { oid: commit } = tip;
  const [state, events] = await Promise.all([repository.text(tip.state), repository.text(tip.events)]);
  const now = cachedState({ commit, events, state }) ?? replay(await readJournal(repository, commit));
  return now && { commit, session: now };
}

/** How many commits GitHub gives in one page. */
const mostCommits = 100;

const pageSchema = v.object({
  page: v.nullable(
    v.object({
      history: v.object({
        nodes: v.array(v.object({ oid: commitIdSchema, events: fileSchema })),
        pageInfo: v.object({ endCursor: v.nullable(v.string()), hasNextPage: v.boolean() }),
      }),
    }),
  ),
});

/** The chain that ends at a revision, or its last appends. Its pages go on from the first one's tip, wherever the ref goes. */
async function readJournal(
  repository: GithubRepository,
  revision: string,
  last = Number.POSITIVE_INFINITY,
): Promise<readonly Stored[]> {
  const links: Link[] = [];
  for (let after: string | null = null; ; ) {
    const most = Math.min(mostCommits, last - links.length);
    const page = await readPage(repository, links[0]?.commit ?? revision, { most, after });
    links.push(...page.links);
    after = page.next;
    if (after === null) return decodeChain(links.reverse(), "whole");
    if (links.length >= last) return decodeChain(links.reverse(), "end");
  }
}

/** Commits of a chain from its tip backwards. */
async function readPage(
  repository: GithubRepository,
  revision: string,
  { most, after }: { most: number; after: string | null },
): Promise<{ readonly links: readonly Link[]; readonly next: string | null }> {
  const bounds = `first: ${most}, after: ${JSON.stringify(after)}`;
  const fields = `history(${bounds}) { nodes { oid ${events} } pageInfo { endCursor hasNextPage } }`;
  const { page } = await repository.read(pageSchema, `page: ${objectAt(revision, fields)}`);
  if (!page) return { links: [], next: null };
  const { nodes, pageInfo } = page.history;
  const links = await Promise.all(
    nodes.map(async ({ oid, events }): Promise<Link> => ({ commit: oid, events: await repository.text(events) })),
  );
  return { links, next: pageInfo.hasNextPage ? pageInfo.endCursor : null };
}

async function write(repository: GithubRepository, append: Append): Promise<Swap> {
  for (const { ref, to } of append.refs) {
    if (to !== null && !v.is(commitIdSchema, to)) throw new StoreError("invalid", `${ref} cannot move to "${to}"`);
  }
  const [first, ...rest] = stepsOf(append);
  const [tree = "", ...trees] = await repository.trees([first, ...rest].map(({ commit }) => commit.tree));
  const make = async ({ ref, from, commit }: Step, tree: string) => {
    return { ref, from, to: await repository.commit({ ...commit, tree }) };
  };
  const making = rest.map((step, index) => make(step, trees[index] ?? ""));
  const [own, ...threads] = await Promise.all([make(first, tree), ...making]);
  const swapped = await swap(repository, { own, threads, refs: append.refs });
  return swapped.ok ? { ok: true, tip: { commit: own.to, session: append.state } } : swapped;
}

const threadFields = `oid sessions: file(path: "sessions") { ${textFields} }`;
const threadSchema = v.object({ thread: v.nullable(v.object({ oid: commitIdSchema, sessions: fileSchema })) });

async function readThread(repository: GithubRepository, number: number): Promise<ThreadIndex | null> {
  const { thread } = await repository.read(threadSchema, `thread: ${objectAt(refOf.thread(number), threadFields)}`);
  return thread && parseThread(number, thread.oid, await repository.text(thread.sessions));
}

async function find(repository: GithubRepository, prefix: string): Promise<readonly SessionId[]> {
  const begin = refPrefix(prefix);
  return begin === null ? [] : sessionsIn(await repository.refs(begin));
}
