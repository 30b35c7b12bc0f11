import type { SessionId } from "../sessions/ids.ts";
import type { Fact } from "../sessions/journal.ts";
import { type Append, type RefUpdate, refOf, type SessionStore, type Tip } from "../sessions/store.ts";
import { transact } from "../sessions/transact.ts";

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

export type Flush =
  | { readonly ok: true; readonly tip: Tip }
  | { readonly ok: false; readonly moved: readonly string[] };

/**
 * The lease holder's pen: facts wait here until a flush, which appends them in one commit. They keep their ids however
 * often the swap is tried, and nothing is written once the epoch is no longer ours.
 */
export interface Recorder {
  add(...facts: readonly Fact[]): void;
  /** A file for `output/` of the next append. */
  keep(name: string, content: Buffer): void;
  /** The facts since the last flush. */
  readonly waiting: readonly Fact[];
  /** Appends what waits, with `more` facts made against the tip. Without any fact it only reads the tip. */
  flush(alongside?: Alongside, more?: (tip: Tip) => readonly Fact[]): Promise<Flush>;
}

export interface RecorderOptions {
  readonly store: SessionStore;
  readonly session: SessionId;
  readonly epoch: number;
}

export function openRecorder({ store, session, epoch }: RecorderOptions): Recorder {
  let waiting: readonly Fact[] = [];
  let output: Readonly<Record<string, Buffer>> = {};
  let flushing: Promise<unknown> = Promise.resolve();
  const writer = { store, session, pause: async () => undefined };

  async function write(alongside: Alongside, more: (tip: Tip) => readonly Fact[]): Promise<Flush> {
    const facts = waiting;
    const files = output;
    const done = await transact(writer, (tip) => {
      if (tip.session.lease?.epoch !== epoch) throw new Fenced(session, epoch);
      const [first, ...rest] = [...facts, ...more(tip)];
      if (!first) return { change: null, result: null };
      const refs = alongside.refs?.(tip) ?? [];
      return {
        change: { facts: [first, ...rest], output: files, refs, threads: alongside.threads ?? [] },
        result: null,
      };
    });
    if (!done.ok) return done;
    waiting = waiting.slice(facts.length);
    output = Object.fromEntries(Object.entries(output).filter(([name]) => !(name in files)));
    return { ok: true, tip: done.tip };
  }

  return {
    add(...facts) {
      waiting = [...waiting, ...facts];
    },
    keep(name, content) {
      output = { ...output, [name]: content };
    },
    get waiting() {
      return waiting;
    },
    flush(alongside = {}, more = () => []) {
      const flush = flushing.then(() => write(alongside, more));
      flushing = flush.then(
        () => undefined,
        () => undefined,
      );
      return flush;
    },
  };
}

/** The update that moves a session's snapshots on to `to`. */
export function wipUpdate(tip: Tip, to: RefUpdate["to"]): RefUpdate[] {
  const from = tip.session.wip ?? null;
  return from === to ? [] : [{ ref: refOf.wip(tip.session.session), from, to }];
}
