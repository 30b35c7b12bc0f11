import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { Job, Run, World } from "../world.ts";
import { mask, maskedLines, readAssignments, readLine } from "./commands.ts";
import { type Json, text } from "./language.ts";
import { type Ending, killMarked, runProcess, type Stop } from "./processes.ts";

/** What one job runs on: its folders, its environment and its log. It lives as long as the job. */
export interface Machine {
  readonly world: World;
  readonly run: Run;
  readonly job: Job;
  /** Local action folders by `owner/repo`. */
  readonly actions: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly workspace: string;
  readonly temp: string;
  /** The `github` context of this job's steps, its token included. */
  readonly github: Readonly<Record<string, Json>>;
  /** The `env` context: the workflow's and the job's, then what steps write to GITHUB_ENV. */
  readonly env: Record<string, string>;
  /** What steps put in front of PATH, the first one first. */
  readonly path: string[];
  /** What the platform gives every step of this job besides: how to ask for an OIDC token. */
  readonly platform: Readonly<Record<string, string>>;
  readonly masks: Set<string>;
  readonly sessions: Set<number>;
  readonly tracking: string;
}

export async function openMachine(options: {
  readonly world: World;
  readonly run: Run;
  readonly job: Job;
  readonly actions: Readonly<Record<string, string>>;
  readonly github: Readonly<Record<string, Json>>;
  readonly secrets: Iterable<string>;
  readonly platform: Readonly<Record<string, string>>;
}): Promise<Machine> {
  const { world, run, job, actions, platform } = options;
  const folder = join(world.dir, "jobs", String(job.id));
  const workspace = join(folder, "work", world.repo, world.repo);
  const temp = join(folder, "temp");
  for (const path of [workspace, temp, join(folder, "home")]) await mkdir(path, { recursive: true });
  const eventPath = join(folder, "event.json");
  await writeFile(eventPath, JSON.stringify(options.github.event, null, 2));
  return {
    world,
    run,
    job,
    actions,
    platform,
    folder,
    workspace,
    temp,
    github: { ...options.github, job: job.key, workspace, event_path: eventPath },
    env: {},
    path: [],
    masks: new Set([...options.secrets].flatMap(maskedLines)),
    sessions: new Set(),
    tracking: `github_${randomUUID()}`,
  };
}

/** Ends every process of the job, however it hid, and removes the job's folder. */
export async function closeMachine(machine: Machine): Promise<void> {
  const { sessions, tracking, folder, workspace } = machine;
  const variables = [`RUNNER_TRACKING_ID=${tracking}`, `GITHUB_WORKSPACE=${workspace}`];
  const killed = await killMarked({ sessions, folder, variables });
  if (killed > 0) print(machine, `Cleaned up ${killed} orphan process${killed === 1 ? "" : "es"}.`);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Adds to the job's log, secrets masked. */
export function print({ world, job, masks }: Machine, message: string): void {
  writeLog(world, job, mask(message, masks));
}

/** Adds lines to a job's log, each with its timestamp in front. */
export function writeLog(world: World, job: Job, message: string): void {
  const now = world.now().toISOString().replace("Z", "0000Z");
  for (const line of message.split("\n")) job.log.push(`${now} ${line}`);
}

/** The whole environment of a step's process: nothing of the playground's own but PATH. */
function environment(machine: Machine, own: Readonly<Record<string, string>>): Record<string, string> {
  const context = Object.entries(machine.github).filter(([key]) => key !== "token" && key !== "event");
  return {
    LANG: "C.UTF-8",
    ...machine.env,
    ...own,
    ...Object.fromEntries(context.map(([key, value]) => [`GITHUB_${key.toUpperCase()}`, text(value)])),
    ...Object.fromEntries(
      Object.entries(runnerContext(machine)).map(([key, value]) => [`RUNNER_${key.toUpperCase()}`, value]),
    ),
    ...machine.platform,
    CI: "true",
    GITHUB_ACTIONS: "true",
    HOME: join(machine.folder, "home"),
    PATH: [...machine.path, systemPath()].join(delimiter),
    RUNNER_TRACKING_ID: machine.tracking,
  };
}

export function runnerContext(machine: Machine): Record<string, string> {
  return {
    name: "playground",
    os: process.platform === "darwin" ? "macOS" : "Linux",
    arch: process.arch.toUpperCase(),
    environment: "self-hosted",
    temp: machine.temp,
    tool_cache: join(machine.folder, "tools"),
  };
}

/** The machine's own PATH with this Node first and without the folders that npm puts there for its scripts. */
function systemPath(): string {
  const own = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return [dirname(process.execPath), ...own].join(delimiter);
}

/** What a step's process left behind. */
export interface Executed {
  readonly ending: Ending;
  readonly outputs: Record<string, string>;
  readonly state: Record<string, string>;
  /** Set when a file command could not be read. */
  readonly problem: string | null;
}

/** Runs one process of a step; its file commands and workflow commands take effect on the machine. */
export async function execute(
  machine: Machine,
  options: {
    readonly command: string;
    readonly args: readonly string[];
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly stop: Stop;
  },
): Promise<Executed> {
  const files = await commandFiles(machine);
  const ending = await runProcess({
    ...options,
    env: { ...environment(machine, options.env), ...files },
    onLine: lineReader(machine),
    onStart: (pid) => machine.sessions.add(pid),
  });
  machine.job.summary += await readFile(files.GITHUB_STEP_SUMMARY, "utf8");
  machine.path.unshift(...(await readFile(files.GITHUB_PATH, "utf8")).split("\n").filter(Boolean).reverse());

  const problems: string[] = [];
  const assigned = async (name: "GITHUB_ENV" | "GITHUB_OUTPUT" | "GITHUB_STATE") => {
    const read = readAssignments(name, await readFile(files[name], "utf8"));
    if (!read.ok) problems.push(read.problem);
    return read.ok ? read.values : {};
  };
  Object.assign(machine.env, await assigned("GITHUB_ENV"));
  const outputs = await assigned("GITHUB_OUTPUT");
  const state = await assigned("GITHUB_STATE");
  return { ending, outputs, state, problem: problems[0] ?? null };
}

const fileCommands = ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] as const;

async function commandFiles(machine: Machine): Promise<Record<(typeof fileCommands)[number], string>> {
  const folder = join(machine.temp, "_runner_file_commands", randomUUID());
  await mkdir(folder, { recursive: true });
  const file = (name: string) => join(folder, name.toLowerCase());
  for (const name of fileCommands) await writeFile(file(name), "");
  return {
    GITHUB_ENV: file("GITHUB_ENV"),
    GITHUB_OUTPUT: file("GITHUB_OUTPUT"),
    GITHUB_STATE: file("GITHUB_STATE"),
    GITHUB_PATH: file("GITHUB_PATH"),
    GITHUB_STEP_SUMMARY: file("GITHUB_STEP_SUMMARY"),
  };
}

/** Follows what a process prints: commands act, the rest is logged. */
function lineReader(machine: Machine): (line: string) => void {
  let stoppedUntil: string | null = null;
  return (raw) => {
    const line = readLine(raw, stoppedUntil);
    switch (line.kind) {
      case "text":
        return print(machine, line.text);
      case "mask":
        for (const value of maskedLines(line.value)) machine.masks.add(value);
        return;
      case "stop":
        stoppedUntil = line.until;
        return;
      case "resume":
        stoppedUntil = null;
        return;
      case "hidden":
        return;
    }
  };
}
