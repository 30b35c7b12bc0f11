import { fact, type Hand } from "../sessions/decide.ts";
import type { Repository } from "../sessions/git/repository.ts";
import type { CommitId, SessionId } from "../sessions/ids.ts";
import { type Event, type Fact, number } from "../sessions/journal.ts";
import {
  type Append,
  type Change,
  type RefUpdate,
  refOf,
  type SessionStore,
  StoreError,
  type Tip,
} from "../sessions/store.ts";
import { transact } from "../sessions/transact.ts";
import type { History } from "./history.ts";
import type { Keeper } from "./keeper.ts";

/** Thrown when another run has taken the session: everything since the last flush is theirs to do again. */
export class Fenced extends Error {
  override readonly name = "Fenced";

  constructor(session: SessionId, epoch: number) {
    super(`Another run has taken session ${session} since epoch ${epoch}; this one stops without writing anything.`);
  }
}

/** What is appended together with the facts, decided against the session as it is at the swap. */
export interface Alongside {
  readonly refs?: (tip: Tip) => readonly RefUpdate[];
  readonly threads?: Append["threads"];
}

type Decide = (tip: Tip) => readonly Fact[];

export type Flush =
  | { readonly ok: true; readonly tip: Tip }
  | { readonly ok: false; readonly moved: readonly string[] };

/**
 * The lease holder's pen: facts wait here until a flush, which appends them in one commit. They keep their ids however
 * often the swap is tried, and nothing is written once the epoch is no longer ours.
 */
export interface Recorder {
  add(...facts: readonly Fact[]): void;
  /** What is left of anything made of plain JSON once secrets are taken out: nobody gets to see more. */
  redact<T>(value: T): T;
  /** A file for `output/` of the next append. */
  keep(name: string, content: Buffer): void;
  /** The facts since the last flush, as they will be read. */
  readonly waiting: readonly Fact[];
  /** The journal since its last compaction, up to the last flush. */
  journal(): Promise<readonly Event[]>;
  /**
   * Appends what waits, with `more` facts made against the tip. Without any fact it only reads the tip. Throws
   * {@link Fenced}, and {@link StoreError} where something was not written.
   */
  flush(alongside?: Alongside, more?: Decide): Promise<Tip>;
  /** The same, where refs alongside may have moved: then nothing is written, and all waits on. */
  tryFlush(alongside: Alongside, more: Decide): Promise<Flush>;
  /** Appends these facts alone: what waits goes with the work that it tells of. */
  append(facts: Decide): Promise<Tip>;
}

export interface RecorderOptions {
  readonly store: SessionStore;
  readonly session: SessionId;
  readonly epoch: number;
  /** The session as it was seen last; without one it is looked at before the first flush. */
  readonly tip?: Tip;
  readonly hand: Hand;
  /** With the keeper's `open`. */
  readonly history: History;
  readonly keeper: Keeper;
  /** Told of every fact when it is added. */
  readonly watch: (fact: Fact) => void;
}

export function openRecorder({ store, session, epoch, tip, history, keeper, hand, watch }: RecorderOptions): Recorder {
  const isKeyed = tip?.session.keys !== undefined;
  const writer = { store, session, pause: async () => undefined };
  let waiting: readonly Fact[] =
    keeper.newRing && !isKeyed ? [fact(hand, "journal.keyed", { ring: keeper.newRing })] : [];
  let output: Readonly<Record<string, Buffer>> = {};
  let flushing: Promise<unknown> = Promise.resolve();
  let seen = tip;

  async function write(alongside: Alongside, more: Decide, kept: Kept): Promise<Flush> {
    const { facts, files } = kept;
    const decide = (tip: Tip) => {
      if (tip.session.lease?.epoch !== epoch) throw new Fenced(session, epoch);
      const now = more(tip);
      const all = [...facts, ...now.map(keeper.redact)];
      const [first, ...rest] = all.map(keeper.close);
      if (!first) return { change: null, result: all };
      const { refs = () => [], threads = [] } = alongside;
      const change: Change = { facts: [first, ...rest], output: files, refs: refs(tip), threads };
      return { change, result: all };
    };
    const done = await transact(writer, decide, seen);
    if (!done.ok) return done;
    seen = done.tip;
    waiting = waiting.slice(facts.length);
    output = Object.fromEntries(Object.entries(output).filter(([name]) => !(name in files)));
    history.extend(number(done.result, done.tip.session.seq - done.result.length));
    for (const fact of done.result.slice(facts.length)) watch(fact);
    return { ok: true, tip: done.tip };
  }

  function inTurn(write: () => Promise<Flush>): Promise<Flush> {
    const flush = flushing.then(write);
    flushing = flush.catch(() => undefined); // whoever asked for the flush hears of it
    return flush;
  }

  function tryFlush(alongside: Alongside, more: Decide): Promise<Flush> {
    return inTurn(() => write(alongside, more, { facts: waiting, files: output }));
  }

  function tipOf(flushed: Flush): Tip {
    if (flushed.ok) return flushed.tip;
    const cause = `${flushed.moved.join(", ")} moved, though no other run holds session ${session}`;
    throw new StoreError("refused", `${cause}. Find out what else writes there, then comment \`/agent go on\`.`);
  }

  return {
    add(...facts) {
      const safe = facts.map(keeper.redact);
      waiting = [...waiting, ...safe];
      for (const fact of safe) watch(fact);
    },
    redact: keeper.redact,
    keep(name, content) {
      const closed = keeper.closeFile(name, content);
      if (closed) output = { ...output, [name]: closed };
    },
    get waiting() {
      return waiting;
    },
    journal: history.read,
    tryFlush,
    flush: async (alongside = {}, more = () => []) => tipOf(await tryFlush(alongside, more)),
    append: async (facts) => tipOf(await inTurn(() => write({}, facts, { facts: [], files: {} }))),
  };
}

/** What of all that waits goes with an append. */
interface Kept {
  readonly facts: readonly Fact[];
  readonly files: Readonly<Record<string, Buffer>>;
}

/** The update that moves a session's snapshots on to `to`. */
export function wipUpdate(tip: Tip, to: RefUpdate["to"]): RefUpdate[] {
  const from = tip.session.wip ?? null;
  return from === to ? [] : [{ ref: refOf.wip(tip.session.session), from, to }];
}

/** The snapshot of a turn that has ended, where the remote took it nowhere else; the next one replaces it. */
export function leftSnapshot(repository: Repository, session: SessionId): Promise<CommitId | null> {
  return repository.fetchRef(refOf.wip(session), 1);
}

/** Whether the remote said no, to what it might take in another form. */
export function isRefusal(error: unknown): error is StoreError {
  return error instanceof StoreError && error.kind === "refused";
}
