import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import type { InstantModel } from "./start-model.ts";

/** A program to be started. */
export interface Program {
  readonly file: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Milliseconds, but for sizes. */
export interface Measured {
  readonly first: number;
  /** From the second request to the last, by call: the first call opens the shell, too. */
  readonly perCall: number;
  readonly whole: number;
  /** Of the program and all that it started. */
  readonly cpu: number;
  readonly rssMb: number;
  readonly firstBytes: number;
}

const wrapper = 'echo "$EPOCHREALTIME"; "$@" >&2; code=$?; echo "$EPOCHREALTIME"; times; exit "$code"';

/** Starts the program with this Node for a turn of so many calls, and waits for its end. Throws where it fails. */
export async function measure(model: InstantModel, calls: number, { file, cwd, env }: Program): Promise<Measured> {
  const asked = model.turn(calls);
  const args = ["-c", wrapper, "bash", process.execPath, file];
  const child = spawn("bash", args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
  let peak = 0;
  const looking = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid));
  }, 10);
  const [told, log, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  clearInterval(looking);
  if (code !== 0 || asked.length !== calls + 1) {
    throw new Error(`${file} ended with ${code} after ${asked.length} requests:\n${log}`);
  }
  const [began = "", ended = "", , times = ""] = told.split("\n");
  const [first, second, last] = [asked[0], asked[1], asked.at(-1)];
  const start = Number(began) * 1000;
  return {
    first: (first?.at ?? 0) - start,
    perCall: ((last?.at ?? 0) - (second?.at ?? 0)) / Math.max(1, calls - 1),
    whole: Number(ended) * 1000 - start,
    cpu: cpuOf(times),
    rssMb: peak / 1024,
    firstBytes: first?.bytes ?? 0,
  };
}

/** `0m0.120s 0m0.034s`: user and system time of all children, as bash tells it. */
function cpuOf(line: string): number {
  const times = [...line.matchAll(/(\d+)m([\d.]+)s/g)];
  return times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000, 0);
}

/** The most memory that the only child of a process has had so far, in KiB; 0 where it has none at the moment. */
function peakOf(parent: number | undefined): number {
  try {
    const child = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim();
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
