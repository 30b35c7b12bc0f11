import { hostname } from "node:os";
import type { Lease } from "../sessions/session.ts";
import { brief } from "../sessions/words.ts";
import { Failure } from "./failure.ts";
import { beganAfter, lookAt } from "./process.ts";

/** How this process names itself in a lease. */
export function thisHolder(): string {
  return `${hostname()}:${process.pid}`;
}

/** The process that holds a lease, where it is one of this machine. */
export function localProcess({ holder, run }: Lease): number | null {
  const [, host, pid] = /^(.+):(\d+)$/.exec(holder) ?? [];
  return !run && pid && host === hostname() ? Number(pid) : null;
}

/** Whether the holder is a process of this machine that is no longer there. */
export function isGone(lease: Lease): boolean {
  const pid = localProcess(lease);
  if (pid === null) return false;
  const seen = lookAt(pid);
  return seen === null || beganAfter(seen, lease.taken_at);
}

/** What to do about a run that may have ended. */
export const askForIt = "If the run has ended, set GH_TOKEN so that GitHub can be asked whether it is still there.";

/** For a command that has to have the session to itself. */
export function busy(session: string, lease: Lease): Failure {
  const { holder, run, taken_at } = lease;
  const wait = `Wait until it is done (offshoot session logs -s ${session} --follow), or stop it: offshoot session stop -s ${session}`;
  return new Failure(
    "busy",
    `Session ${session} is held by ${brief(run?.url ?? holder)} since ${taken_at}.`,
    run ? `${wait}\n${askForIt}` : wait,
  );
}
