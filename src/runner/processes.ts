import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Starts a program; a sandbox wraps the command line here. The options are Node's, and no shell reads `argv`. */
export type Spawn = (argv: readonly [string, ...string[]], options: SpawnOptions) => ChildProcess;

export const spawnDirectly: Spawn = ([program, ...args], options) => spawn(program, args, options);

/** Which processes are meant: the leaders, their descendants, their sessions, and whoever carries a mark. */
export interface Family {
  readonly leaders: readonly number[];
  /** How an environment entry begins, e.g. `NAME=value`: it outlives double forks and `setsid`. */
  readonly mark: string;
}

interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly environment: string;
}

const rounds = 50;

/**
 * Kills a family until a look at `/proc` finds none of it alive, processes that are born meanwhile included. Where
 * there is no `/proc`, only the leaders' process groups are reached. Returns how many processes outlived it (0, except
 * for processes that the system does not let go).
 */
export async function killFamily(family: Family): Promise<number> {
  for (const leader of family.leaders) kill(-leader);
  let members = membersOf(family, runningProcesses());
  for (let round = 0; members.length > 0 && round < rounds; round++) {
    for (const pid of members) kill(pid);
    await sleep(1);
    members = membersOf(family, runningProcesses());
  }
  return members.length;
}

function membersOf({ leaders, mark }: Family, running: readonly Running[]): number[] {
  const own = ancestors(process.pid, running);
  const members = new Set<number>(leaders);
  for (const { pid, session, environment } of running) {
    if (leaders.includes(session) || environment.includes(`\0${mark}`)) members.add(pid);
  }
  for (let size = -1; size !== members.size; ) {
    size = members.size;
    for (const { pid, parent } of running) if (members.has(parent)) members.add(pid);
  }
  return running.map(({ pid }) => pid).filter((pid) => members.has(pid) && !own.has(pid));
}

/** Ourselves and those above us: a runner inside an agent's shell carries that shell's marks. */
function ancestors(pid: number, running: readonly Running[]): Set<number> {
  const parents = new Map(running.map((found) => [found.pid, found.parent]));
  const above = new Set<number>();
  for (let at: number | undefined = pid; at !== undefined && !above.has(at); at = parents.get(at)) above.add(at);
  return above;
}

function runningProcesses(): Running[] {
  const found: Running[] = [];
  for (const entry of listProc()) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const stat = readProc(`/proc/${pid}/stat`);
    // The command's name may hold spaces and parentheses; the fields after the last one do not.
    const [state, parent, , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (!state || state === "Z" || state === "X") continue;
    const environment = `\0${readProc(`/proc/${pid}/environ`)}`;
    found.push({ pid, parent: Number(parent), session: Number(session), environment });
  }
  return found;
}

function listProc(): string[] {
  try {
    return readdirSync("/proc");
  } catch {
    return [];
  }
}

/** Empty for a process that has ended or belongs to somebody else. */
function readProc(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended since we looked.
  }
}
