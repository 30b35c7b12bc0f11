import { grantToken } from "../sessions/decide.ts";
import type { Session } from "../sessions/session.ts";
import { backOff, NoSession, transact } from "../sessions/transact.ts";
import type { Refusal } from "./claims.ts";
import type { Asking } from "./tokens.ts";
import { isWanted, type Waker } from "./wake.ts";

/**
 * Whether a run that has shown who it is may work on the session: it holds it, or answers a wake-up that no run has
 * answered yet and finds something to do, and shows its proof for the first time. The journal notes that, so that however many apps there are,
 * each proof is good once.
 */
export async function admit(
  waker: Pick<Waker, "forge" | "store" | "clock" | "app">,
  { session, nonce, run, proof }: Pick<Asking, "session" | "nonce" | "run" | "proof">,
): Promise<Refusal | null> {
  const { store, clock, app } = waker;
  const seen = await store.tip(session);
  if (!seen || !(await isWanted(waker, seen.session, run))) return "unwanted";
  const decide = ({ session: now }: { session: Session }) => {
    if (!answers(now, run.id, nonce)) return { change: null, result: "superseded" as const };
    const change = grantToken({ ...clock, by: app }, now, run, proof);
    return { change, result: change ? null : ("replayed" as const) };
  };
  const done = await transact({ store, session, pause: backOff }, decide, seen).catch((error: unknown) => {
    if (error instanceof NoSession) return null;
    throw error;
  });
  return done?.ok ? done.result : "unwanted";
}

/** A run that holds the session has answered already, whatever was asked for since. */
function answers({ lease, wakes }: Session, run: number, nonce: string): boolean {
  return lease?.run?.id === run || (wakes ?? []).includes(nonce);
}
