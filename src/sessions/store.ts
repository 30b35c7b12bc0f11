import { fold } from "./fold.ts";
import type { CommitId, SessionId } from "./ids.ts";
import { type Actor, type Event, type Fact, number, type Stored } from "./journal.ts";
import type { Session } from "./session.ts";
import { subject } from "./timeline.ts";

/** A session at one commit of its ref. */
export interface Tip {
  readonly commit: CommitId;
  readonly session: Session;
}

/** The sessions of an issue or pull request; the active one is last. */
export interface ThreadIndex {
  readonly commit: CommitId;
  readonly sessions: readonly SessionId[];
}

/** One ref to move from the value that was read to a new one; null: it does not exist. One that is at `to` has moved. */
export interface RefUpdate {
  readonly ref: string;
  readonly from: CommitId | null;
  readonly to: CommitId | null;
}

/** All that moves in one swap: the session's ref by one commit, and with it whatever else has to agree with it. */
export interface Append {
  readonly session: SessionId;
  /** The tip as this store gave it; null: the session is new. */
  readonly from: CommitId | null;
  /** The append before this one: the tip, or for a fork the commit of another session that it goes on from. */
  readonly parent: CommitId | null;
  readonly by: Actor;
  readonly subject: string;
  readonly events: readonly Event[];
  readonly state: Session;
  /** Entries of `output/`, by name. */
  readonly output: Readonly<Record<string, Buffer>>;
  readonly threads: readonly { number: number; from: CommitId | null; sessions: readonly SessionId[] }[];
  /** Refs whose new values are in the repository that the store works on. */
  readonly refs: readonly RefUpdate[];
}

/** `moved` names the refs that were no longer where the append expected them; nothing was written then. */
export type Swap = { readonly ok: true; readonly tip: Tip } | { readonly ok: false; readonly moved: readonly string[] };

/**
 * Where sessions live. Reads give what the remote holds now. Every method throws {@link StoreError} when the remote
 * cannot be asked, and {@link JournalError} where what it reads of a chain is corrupt.
 */
export interface SessionStore {
  /** The last append and the state after it; the chain before it is not read where that state fits. */
  tip(session: SessionId): Promise<Tip | null>;
  /**
   * Appends, oldest first, decoded strictly: all of them, or the `last` ones, which cost nothing of what was before. With a
   * tip that was `seen` just now, those up to it will do: what is here already is not asked for again.
   */
  journal(session: SessionId, last?: number, seen?: CommitId): Promise<readonly Stored[]>;
  /** Compare-and-swap. One that was applied already, without the answer arriving, is recognised and is a success. */
  append(append: Append): Promise<Swap>;
  thread(number: number): Promise<ThreadIndex | null>;
  /** Ids that begin with the prefix, in order of creation; the empty prefix lists all. */
  find(prefix: string): Promise<readonly SessionId[]>;
}

/**
 * `unreachable`: the remote gave no answer, and what was asked may have been done or not. `refused`: the remote said no,
 * though every ref was where it was expected; nothing was done. `invalid`: what was asked, or what is stored, is wrong.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly kind: "unreachable" | "refused" | "invalid";

  constructor(kind: StoreError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The folder of all sessions' refs. */
export const sessionsRef = "refs/offshoot/sessions/";

export const refOf = {
  session: (session: SessionId) => `${sessionsRef}${session}`,
  thread: (number: number) => `refs/offshoot/threads/${number}`,
  wip: (session: SessionId) => `refs/offshoot/wip/${session}`,
  notes: (session: SessionId) => `refs/notes/offshoot/${session}`,
  branch: (name: string) => `refs/heads/${name}`,
};

/** What a writer wants appended; everything else follows from where the session is. */
export interface Change {
  readonly facts: readonly [Fact, ...Fact[]];
  readonly output?: Append["output"];
  readonly threads?: Append["threads"];
  readonly refs?: Append["refs"];
}

/** Pure: the append that makes `change` to a session that is at `tip` (null: a new one; another session's: a fork of that). */
export function compose(session: SessionId, tip: Tip | null, change: Change): Append {
  const events = number(change.facts, tip?.session.seq ?? 0);
  return {
    session,
    from: tip?.session.session === session ? tip.commit : null,
    parent: tip?.commit ?? null,
    by: change.facts[0].by,
    subject: subject(events),
    events,
    state: fold(tip?.session ?? null, events),
    output: change.output ?? {},
    threads: change.threads ?? [],
    refs: change.refs ?? [],
  };
}
