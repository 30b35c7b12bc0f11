import { createHash } from "node:crypto";
import type { CommitId } from "./ids.ts";
import { decode, encode } from "./journal.ts";
import {
  type Append,
  type RefUpdate,
  refOf,
  type SessionStore,
  type Stored,
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

  function chain(commit: CommitId | null): readonly [CommitId, Commit][] {
    const found = commit === null ? undefined : commits.get(commit);
    return commit && found ? [...chain(found.parent), [commit, found]] : [];
  }

  function swap(updates: readonly RefUpdate[]): readonly string[] {
    const moved = updates.filter(({ ref, from }) => at(ref) !== from).map(({ ref }) => ref);
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
      const commit = at(refOf.session(session));
      return commit === null ? null : (commits.get(commit)?.tip ?? null);
    },
    async journal(session) {
      const stored: Stored[] = [];
      let after = 0;
      for (const [commit, { text }] of chain(at(refOf.session(session)))) {
        const events = decode(text, { commit, after });
        after += events.length;
        stored.push({ commit, events });
      }
      return stored;
    },
    async append(append) {
      if (append.refs.some(({ to }) => (to as string) === "")) throw new StoreError("invalid", "an empty object id");
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
      const start = refOf.session(prefix.toUpperCase() as Append["session"]);
      return [...refs.keys()]
        .filter((ref) => ref.startsWith(start))
        .map((ref) => ref.slice(refOf.session("" as Append["session"]).length) as Append["session"])
        .sort();
    },
  };
}

function idOf(parts: readonly string[]): CommitId {
  return createHash("sha1").update(parts.join("\0")).digest("hex") as CommitId;
}
