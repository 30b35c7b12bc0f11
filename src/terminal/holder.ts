import { hostname } from "node:os";
import type { Lease } from "../sessions/session.ts";
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

/** For a command that has to have the session to itself. */
export function busy(session: string, lease: Lease): Failure {
  const who = lease.run?.url ?? lease.holder;
  return new Failure(
    "busy",
    `Session ${session} is held by ${who} since ${lease.taken_at}.`,
    `Wait until it is done (offshoot session logs -s ${session} --follow), or stop it: offshoot session stop -s ${session}`,
  );
}
