import { type Hand, type Holder, renewLease } from "../sessions/decide.ts";
import type { SessionId } from "../sessions/ids.ts";
import type { SessionStore, Tip } from "../sessions/store.ts";
import { Fenced, type Recorder } from "./recorder.ts";
import type { Log } from "./runner.ts";

/** A lease that is kept for as long as its holder lives, and what is asked of the holder meanwhile. */
export interface KeptLease {
  /** Aborted when somebody asks in the journal, or whoever started the run, for the open turn to stop. */
  stopOf(turn: number): AbortSignal;
  /** What a tip asks for, wherever it was seen. */
  heed(tip: Pick<Tip, "session">): void;
  /** Waits for what is under way; after it nothing is renewed. */
  end(): Promise<void>;
}

export interface LeaseOptions {
  readonly store: SessionStore;
  readonly session: SessionId;
  readonly epoch: number;
  readonly holder: Holder;
  readonly hand: Hand;
  readonly recorder: Recorder;
  readonly lookEveryMs: number | null;
  readonly stop: AbortSignal;
  readonly log: Log;
}

/** Renews the lease where it has to be, and looks at the session every `lookEveryMs`. */
export function keepLease(options: LeaseOptions): KeptLease {
  const { store, session, epoch, holder, hand, recorder, lookEveryMs, stop, log } = options;
  let stopping: { readonly turn: number; readonly controller: AbortController } | null = null;
  let busy: Promise<unknown> = Promise.resolve();

  function heed({ session: now }: Pick<Tip, "session">): void {
    const fenced = now.lease?.epoch !== epoch;
    if (fenced || (now.stop && now.turn?.number === stopping?.turn)) stopping?.controller.abort();
  }

  /** What fails here fails at the next flush too, which is where it is told. */
  const quietly = (what: () => Promise<Tip | null>) => () => {
    busy = busy.then(what).then(
      (tip) => tip && heed(tip),
      (error: unknown) => {
        if (error instanceof Fenced) stopping?.controller.abort();
        else log(`The session could not be looked at: ${error instanceof Error ? error.message : String(error)}`);
      },
    );
  };
  const timers = [
    ...(lookEveryMs === null
      ? []
      : [
          setInterval(
            quietly(() => store.tip(session)),
            lookEveryMs,
          ),
        ]),
    ...(holder.forMs === undefined ? [] : [renewing(holder.forMs)]),
  ];

  function renewing(forMs: number): NodeJS.Timeout {
    const renew = () => recorder.append(() => [renewLease(hand, epoch, forMs)]);
    return setInterval(quietly(renew), forMs / 3);
  }

  return {
    stopOf(turn) {
      const controller = new AbortController();
      stopping = { turn, controller };
      return AbortSignal.any([stop, controller.signal]);
    },
    heed,
    async end() {
      for (const timer of timers) clearInterval(timer);
      await busy;
    },
  };
}
