import { hasExpired } from "../sessions/decide.ts";
import { type Event, number } from "../sessions/journal.ts";
import type { Lease, Session } from "../sessions/session.ts";
import { type Change, StoreError, type Tip } from "../sessions/store.ts";
import { backOff, transact } from "../sessions/transact.ts";
import type { Seen } from "./examine.ts";
import { openHistory } from "./history.ts";
import { type Keeper, openKeeper } from "./keeper.ts";
import { openRecorder, type Recorder } from "./recorder.ts";
import type { Runner } from "./runner.ts";

/** The session as it was taken, under this epoch. */
export interface Taken {
  readonly epoch: number;
  readonly tip: Tip;
  /** The events since its last compaction, as far as they were read on the way. */
  readonly read?: readonly Event[];
  /** What the session was written with when it was taken. */
  readonly keeper?: Keeper;
}

interface TakenClaim {
  readonly kind: "taken";
  readonly epoch: number;
  readonly change: Change;
}

type Claim<Other> = TakenClaim | { readonly kind: "busy"; readonly lease: Lease } | Other;

/**
 * Takes the session if `decide` says so; asks about a holder that is in the way, and decides again when that one has
 * ended.
 */
export async function claim<Other extends { readonly kind: "idle" | "refused" }>(
  { store, session, hand, forge, isGone }: Runner,
  decide: (now: Session, isVoid: (lease: Lease) => boolean) => Claim<Other>,
  seen?: Tip,
): Promise<{ readonly result: Claim<Other>; readonly tip: Tip }> {
  const ended = new Set<number>();
  const isVoid = (lease: Lease) => ended.has(lease.epoch) || hasExpired(lease, hand.now());
  const take = ({ session: now }: Tip) => {
    const result = decide(now, isVoid);
    return { change: result.kind === "taken" ? result.change : null, result };
  };
  for (let known = seen; ; known = undefined) {
    const claimed = await transact({ store, session, pause: backOff }, take, known);
    if (!claimed.ok) throw new StoreError("refused", `session ${session} could not be taken`);
    const { result } = claimed;
    if (result.kind !== "busy") return claimed;
    const { lease } = result;
    if (ended.has(lease.epoch)) return claimed;
    const isOver = (await isGone(lease)) || (forge && lease.run && (await forge.runs.hasEnded(lease.run)));
    if (!isOver) return claimed;
    ended.add(lease.epoch);
  }
}

/** The session as it was taken from where it was seen. */
export function takenFrom({ read }: Seen, { epoch, change }: TakenClaim, tip: Tip): Taken {
  const { facts } = change;
  return { epoch, tip, read: [...read, ...number(facts, tip.session.seq - facts.length)] };
}

/** What a run writes with while it holds the session. */
export function openPen(
  runner: Runner,
  { epoch, tip, read, keeper: given }: Taken,
): { readonly recorder: Recorder; readonly keeper: Keeper } {
  const { store, session, keeping, secrets } = runner;
  const keeper = given ?? openKeeper({ session, keys: tip.session.keys, keeping, secrets });
  const history = openHistory({ store, session, tip, read, open: keeper.open });
  return { recorder: openRecorder({ ...runner, epoch, tip, history, keeper }), keeper };
}
