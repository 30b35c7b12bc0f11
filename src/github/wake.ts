import { hasExpired, rescue } from "../sessions/decide.ts";
import type { Clock, SessionId } from "../sessions/ids.ts";
import type { Actor, Run } from "../sessions/journal.ts";
import { hasWork, type Lease, type Session, threadOf } from "../sessions/session.ts";
import type { SessionStore, Tip } from "../sessions/store.ts";
import { backOff, patiently, transact } from "../sessions/transact.ts";
import { dispatchFailedComment, gaveUpComment } from "./comments.ts";
import { type Forge, ForgeError } from "./forge.ts";
import { writeStatus } from "./status.ts";

/** What asking for runs needs. */
export interface Waker {
  readonly forge: Forge;
  readonly store: SessionStore;
  readonly clock: Clock;
  /** Ourselves, for what no person asked for. */
  readonly app: Actor;
  readonly defaultBranch: string;
  /** Does what nobody has to wait for once an event is safe in a journal: receipts, and asking for runs. */
  readonly afterwards: (work: () => Promise<unknown>) => Promise<unknown>;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** What knows whether leases still stand. */
export type Witness = Pick<Waker, "forge" | "clock">;

/** Whether somebody works on the session. A lease whose run has ended without our hearing of it holds nobody up. */
export async function isHeld({ forge, clock }: Witness, { lease }: Session): Promise<boolean> {
  if (!lease || hasExpired(lease, clock.now())) return false;
  return !(lease.run && (await forge.runs.hasEnded(lease.run)));
}

/** Whether a run has anything to do in the session: work, or a lease to take up or give back. */
export async function isWanted(witness: Witness, session: Session, run: Pick<Run, "id">): Promise<boolean> {
  if (hasWork(session)) return true;
  if (!session.lease) return false;
  return session.lease.run?.id === run.id || !(await isHeld(witness, session));
}

/** Asks for a run; where none can be had, the thread is told why. */
export async function wake({ forge, defaultBranch }: Waker, tip: Tip, thread: number): Promise<void> {
  const dispatched = await forge.runs.dispatch({
    session: tip.session.session,
    nonce: tip.session.wake ?? tip.commit,
    branch: defaultBranch,
  });
  if (!dispatched.ok) await forge.conversation.post(thread, dispatchFailedComment(dispatched));
}

/** What became of a session whose run has ended. */
export type Recovery = "woken" | "left" | "gave up";

/** A run has ended: whoever waits for the session gets a new one, until too many were lost in a row. */
export async function recover(waker: Waker, session: SessionId, ended: Run): Promise<Recovery> {
  const { store, forge, clock, app } = waker;
  const hand = { ...clock, by: app };
  const found = await patiently(() => store.tip(session));
  if (!found) return "left";
  const end = { ended, isVoid: await voidLease(waker, found.session) };
  if (rescue(hand, found.session, end).kind === "leave") return "left";
  if (await forge.runs.isUnderWay(session, ended)) return "left";
  const done = await transact({ store, session, pause: backOff }, ({ session: now }) => {
    // Of two who find it lost, one wakes it.
    if (now.wake !== found.session.wake) return { change: null, result: "leave" as const };
    const decision = rescue(hand, now, end);
    return { change: decision.kind === "leave" ? null : decision.change, result: decision.kind };
  });
  if (!done.ok || done.result === "leave") return "left";
  const { result, tip } = done;
  const thread = waitingThread(tip.session);
  if (thread === null) return "left";
  await waker.afterwards(async () => {
    await attempt(waker, writeStatus(forge, tip.session, thread));
    if (result === "wake") await wake(waker, tip, thread);
    else await attempt(waker, forge.conversation.post(thread, gaveUpComment(tip.session)));
  });
  return result === "wake" ? "woken" : "gave up";
}

/** The lease that the session has now, if its run has ended. */
async function voidLease(waker: Waker, session: Session): Promise<(lease: Lease) => boolean> {
  const held = await isHeld(waker, session);
  return ({ epoch }) => !held && epoch === session.lease?.epoch;
}

/** What people are told keeps no prompt waiting. */
export async function attempt({ log }: Pick<Waker, "log">, telling: Promise<unknown>): Promise<void> {
  try {
    await telling;
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    log("a comment or reaction could not be given", { status: error.status, reason: error.message });
  }
}

/** Where the person is who waits for the session; null when nobody does on a thread. */
function waitingThread(session: Session): number | null {
  const open = session.queue.find(({ text }) => text !== undefined);
  return (open && threadOf(open)) ?? session.thread ?? null;
}
