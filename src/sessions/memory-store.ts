import { createHash } from "node:crypto";
import * as v from "valibot";
import { decodeChain, refPrefix, sessionsIn } from "./chain.ts";
import { type CommitId, commitIdSchema, type SessionId } from "./ids.ts";
import { encode } from "./journal.ts";
import {
  type Append,
  type RefUpdate,
  refOf,
  type SessionStore,
  StoreError,
  type ThreadIndex,
  type Tip,
} from "./store.ts";

interface Commit {
  readonly parent: CommitId | null;
  readonly text: string;
  readonly tip: Tip;
}

/** Sessions in this process only, with the same promises as in git: for tests, and as the port's smallest example. */
export function memoryStore(): SessionStore {
  const refs = new Map<string, CommitId>();
  const commits = new Map<CommitId, Commit>();
  const indexes = new Map<CommitId, ThreadIndex>();

  const at = (ref: string) => refs.get(ref) ?? null;
  const commitAt = (commit: CommitId | null) => (commit === null ? undefined : commits.get(commit));

  /** The last commits of a session, oldest first. */
  function chain(session: SessionId, last: number): Commit[] {
    const found: Commit[] = [];
    let commit = commitAt(at(refOf.session(session)));
    for (; commit && found.length < last; commit = commitAt(commit.parent)) found.unshift(commit);
    return found;
  }

  function swap(updates: readonly RefUpdate[]): readonly string[] {
    const moved = updates.filter(({ ref, from, to }) => ![from, to].includes(at(ref))).map(({ ref }) => ref);
    if (moved.length > 0) return moved;
    for (const { ref, to } of updates) {
      if (to === null) refs.delete(ref);
      else refs.set(ref, to);
    }
    return [];
  }

  function threadUpdate(thread: Append["threads"][number], session: CommitId): RefUpdate {
    const to = idOf([String(thread.number), thread.from ?? "", ...thread.sessions, session]);
    indexes.set(to, { commit: to, sessions: thread.sessions });
    return { ref: refOf.thread(thread.number), from: thread.from, to };
  }

  return {
    async tip(session) {
      return commitAt(at(refOf.session(session)))?.tip ?? null;
    },
    async journal(session, last = Number.POSITIVE_INFINITY) {
      const commits = chain(session, last);
      const links = commits.map(({ text, tip: { commit } }) => ({ commit, events: text }));
      return decodeChain(links, commits[0]?.parent === null ? "whole" : "end");
    },
    async append(append) {
      for (const { ref, to } of append.refs) {
        if (to !== null && !v.is(commitIdSchema, to)) throw new StoreError("invalid", `${ref} cannot move to "${to}"`);
      }
      const text = encode(append.events);
      const commit = idOf([append.parent ?? "", text]);
      const tip = { commit, session: append.state };
      commits.set(commit, { parent: append.parent, text, tip });
      const own = { ref: refOf.session(append.session), from: append.from, to: commit };
      const threads = append.threads.map((thread) => threadUpdate(thread, commit));
      const moved = swap([own, ...threads, ...append.refs]);
      return moved.length === 0 ? { ok: true, tip } : { ok: false, moved };
    },
    async thread(number) {
      const commit = at(refOf.thread(number));
      return commit === null ? null : (indexes.get(commit) ?? null);
    },
    async find(prefix) {
      const start = refPrefix(prefix);
      return start === null ? [] : sessionsIn([...refs.keys()].filter((ref) => ref.startsWith(start)));
    },
  };
}

function idOf(parts: readonly string[]): CommitId {
  return createHash("sha1").update(parts.join("\0")).digest("hex") as CommitId;
}
