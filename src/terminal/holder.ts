import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Lease, Session } from "../sessions/session.ts";
import { Failure } from "./failure.ts";

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
  return pid !== null && !isRunning(pid, Date.parse(lease.taken_at));
}

/** Process ids are used again: one that began after `at` is another process. */
function isRunning(pid: number, at: number): boolean {
  const began = startOf(pid);
  if (began !== null) return began <= at + 1_000;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** When a process began, in ms since 1970; null where `/proc` does not tell. */
function startOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    const [uptime = ""] = readFileSync("/proc/uptime", "latin1").split(" ");
    return Date.now() - (Number(uptime) - ticks / ticksPerSecond) * 1000;
  } catch {
    return null;
  }
}

/** What Linux counts process times in, on every machine that Node runs on. */
const ticksPerSecond = 100;

/** For a command that has to have the session to itself. */
export function busy({ session }: Session, lease: Lease): Failure {
  const who = lease.run?.url ?? lease.holder;
  return new Failure(
    "busy",
    `Session ${session} is held by ${who} since ${lease.taken_at}.`,
    `Wait until it is done (offshoot session logs -s ${session} --follow), or stop it: offshoot session stop -s ${session}`,
  );
}
