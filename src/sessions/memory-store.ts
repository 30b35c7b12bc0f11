import { createHash } from "node:crypto";
import * as v from "valibot";
import { type CommitId, commitIdSchema, parseSessionId, type SessionId } from "./ids.ts";
import { decode, encode, type Stored } from "./journal.ts";
import {
  type Append,
  type RefUpdate,
  refOf,
  type SessionStore,
  StoreError,
  sessionsRef,
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

  function chain(session: SessionId): Commit[] {
    const found: Commit[] = [];
    for (let commit = commitAt(at(refOf.session(session))); commit; commit = commitAt(commit.parent))
      found.push(commit);
    return found.reverse();
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
    async journal(session) {
      let after = 0;
      return chain(session).map(({ text, tip: { commit } }): Stored => {
        const events = decode(text, { commit, after });
        after += events.length;
        return { commit, events };
      });
    },
    async append(append) {
      for (const { ref, to } of append.refs) {
        if (to !== null && !v.is(commitIdSchema, to)) throw new StoreError("invalid", `${ref} cannot move to "${to}"`);
      }
      const text = encode(append.events);
      const commit = idOf([append.from ?? "", text]);
      const tip = { commit, session: append.state };
      commits.set(commit, { parent: append.from, text, tip });
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
      const start = `${sessionsRef}${prefix.toUpperCase()}`;
      const names = [...refs.keys()].filter((ref) => ref.startsWith(start));
      return names.flatMap((ref) => parseSessionId(ref.slice(sessionsRef.length)) ?? []).sort();
    },
  };
}

function idOf(parts: readonly string[]): CommitId {
  return createHash("sha1").update(parts.join("\0")).digest("hex") as CommitId;
}
