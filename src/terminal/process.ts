import { readFileSync } from "node:fs";

/** A process of this machine. */
export interface Seen {
  /** In ms since 1970; null where `/proc` does not tell. */
  readonly began: number | null;
  /** By a signal, or by a debugger. */
  readonly stopped: boolean;
}

/** What can be seen of a process; null where there is none, or only what its parent has not cleared away. */
export function lookAt(pid: number): Seen | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state = ""] = fields;
    if (state === "Z" || state === "X") return null;
    return { began: sinceBoot(Number(fields[19])), stopped: state === "T" || state === "t" };
  } catch {
    return answers(pid) ? { began: null, stopped: false } : null;
  }
}

/** Process ids are used again: one that began after `at` is another process than the one that was there then. */
export function beganAfter({ began }: Seen, at: string): boolean {
  return began !== null && began > Date.parse(at) + clockErrorMs;
}

/** How far off a beginning may be told. */
const clockErrorMs = 1_000;

/** What Linux counts process times in, on every machine that Node runs on. */
const ticksPerSecond = 100;

function sinceBoot(ticks: number): number {
  const [uptime = ""] = readFileSync("/proc/uptime", "latin1").split(" ");
  return Date.now() - (Number(uptime) - ticks / ticksPerSecond) * 1000;
}

/** For systems without `/proc`. */
function answers(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
