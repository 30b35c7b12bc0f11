import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { mintToken, revoke } from "../github/access.ts";
import { type Admission, admitJob } from "../github/oidc.ts";
import type { Job, Run, Token, World } from "../world.ts";
import { mask, maskedLines, readAssignments, readCommand } from "./commands.ts";
import type { InTurn } from "./lanes.ts";
import { atFirst, fields, type Json, resolve, type Scope, text } from "./language.ts";
import { type Command, killMarked, runProcess, type Stop } from "./processes.ts";
import { type Conclusion, writeLog } from "./records.ts";
import type { JobPlan, Workflow } from "./workflow.ts";

/** A job to be done, with what it needs of its run. */
export interface JobCall {
  readonly world: World;
  readonly run: Run;
  readonly workflow: Workflow;
  readonly job: Job;
  readonly plan: JobPlan;
  /** `github`, `inputs`, `vars`, `needs`. */
  readonly contexts: Scope["contexts"];
  /** Local action folders by `owner/repo`. */
  readonly actions: Readonly<Record<string, string>>;
  /** Concurrency groups, of runs and of jobs alike. */
  readonly inTurn: InTurn;
  readonly stop: Stop;
}

/** What one job runs on: its folders, its environment, its secrets and its log. It lives as long as the job. */
export interface Machine extends JobCall {
  readonly folder: string;
  readonly workspace: string;
  readonly temp: string;
  /** The `github` context of this job's steps, its token included. */
  readonly github: Readonly<Record<string, Json>>;
  readonly secrets: Readonly<Record<string, string>> & { readonly GITHUB_TOKEN: string };
  /** How the job may ask for an OIDC token, if it may. */
  readonly admission: Admission | null;
  /** The `env` context: the workflow's and the job's, then what steps write to GITHUB_ENV. */
  readonly env: Record<string, string>;
  /** What steps put in front of PATH, the first one first. */
  readonly path: string[];
  readonly masks: Set<string>;
  readonly sessions: Set<number>;
}

export async function openMachine(call: JobCall): Promise<Machine> {
  const { world, run, job } = call;
  const folder = join(world.dir, "jobs", String(job.id));
  const workspace = join(folder, "work", world.repo, world.repo);
  const temp = join(folder, "temp");
  for (const path of [workspace, temp, join(folder, "home")]) await mkdir(path, { recursive: true });
  const bot = world.users.get("github-actions[bot]");
  if (!bot) throw new Error("This GitHub has no user github-actions[bot].");
  const permissions = permissionsOf(call);
  const token = mintToken(world, { user: bot, kind: "run", ...(permissions ? { permissions } : {}) });
  const secrets = { ...Object.fromEntries(world.secrets), GITHUB_TOKEN: token };
  const event = join(folder, "event.json");
  await writeFile(event, JSON.stringify(fields(call.contexts.github).event));
  const github = { ...fields(call.contexts.github), token, job: job.key, workspace, event_path: event };
  const admission = permissions?.id_token === "write" ? admitJob(world, run, github) : null;
  const masks = new Set([...Object.values(secrets), admission?.secret ?? ""].flatMap(maskedLines));
  return {
    ...{ ...call, folder, workspace, temp, github, secrets, admission },
    ...{ env: {}, path: [], masks, sessions: new Set<number>() },
  };
}

const scopes = ["actions", "contents", "id_token", "issues", "pull_requests"];

/** The job's own permissions where it has some, else the workflow's; null where none are named, and it may do anything. */
function permissionsOf({ plan, workflow, contexts }: JobCall): Token["permissions"] | null {
  const token = plan.body.find("permissions") ?? workflow.body.find("permissions");
  if (!token) return null;
  const named = resolve(token, { contexts, status: atFirst });
  const all = /^(read|write)-all$/.exec(text(named))?.[1];
  const granted = all ? scopes.map((name) => [name, all]) : Object.entries(fields(named));
  return Object.fromEntries(
    granted.flatMap(([name, access]) =>
      access === "read" || access === "write" ? [[String(name).replaceAll("-", "_"), access]] : [],
    ),
  );
}

/** Ends every process of the job, however it hid, its tokens and its folder. */
export async function closeMachine({ world, sessions, folder, workspace, secrets, admission }: Machine): Promise<void> {
  revoke(world, secrets.GITHUB_TOKEN);
  admission?.end();
  await killMarked({ sessions, folder, variables: [`GITHUB_WORKSPACE=${workspace}`] });
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Adds to the job's log, secrets masked. */
export function print({ world, job, masks }: Machine, message: string): void {
  writeLog(world, job, mask(message, masks));
}

/** The whole environment of a step's process: nothing of the playground's own but PATH. */
function environment(machine: Machine, own: Readonly<Record<string, string>>): Record<string, string> {
  const { token: _, event: __, ...github } = machine.github;
  const variables = Object.entries(github).map(([name, value]) => [`GITHUB_${name.toUpperCase()}`, text(value)]);
  return {
    ...{ LANG: "C.UTF-8", ...own, ...Object.fromEntries(variables), ...machine.admission?.variables },
    ...{ CI: "true", GITHUB_ACTIONS: "true", RUNNER_TEMP: machine.temp, HOME: join(machine.folder, "home") },
    PATH: [...machine.path, systemPath()].join(delimiter),
  };
}

/** The machine's own PATH with this Node first and without the folders that npm puts there for its scripts. */
function systemPath(): string {
  const own = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return [dirname(process.execPath), ...own].join(delimiter);
}

export interface Outcome {
  readonly conclusion: Conclusion;
  /** Why it is not a success, for the log. */
  readonly problem?: string;
  readonly outputs: Readonly<Record<string, string>>;
}

export function failed(problem: string): Outcome {
  return { conclusion: "failure", problem, outputs: {} };
}

/** What a step's process left behind. */
export interface Executed extends Outcome {
  readonly state: Readonly<Record<string, string>>;
}

/** Runs one process of a step; what it prints and writes for the runner takes effect on the machine. */
export async function execute(
  machine: Machine,
  { env, ...command }: Pick<Command, "command" | "args" | "env" | "stop">,
): Promise<Executed> {
  const folder = join(machine.temp, "_runner_file_commands", randomUUID());
  await mkdir(folder, { recursive: true });
  const names = ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"];
  for (const name of names) await writeFile(join(folder, name), "");
  const files = Object.fromEntries(names.map((name) => [name, join(folder, name)]));

  const problem = await runProcess({
    ...{ ...command, cwd: machine.workspace, env: { ...environment(machine, env), ...files } },
    onLine: (line) => follow(machine, line),
    onStart: (pid) => machine.sessions.add(pid),
  });
  const written = (name: string) => readFile(join(folder, name), "utf8");
  const assigned = async (name: string) => readAssignments(name, await written(name));
  machine.job.summary += await written("GITHUB_STEP_SUMMARY");
  machine.path.unshift(...(await written("GITHUB_PATH")).split("\n").filter(Boolean).reverse());
  Object.assign(machine.env, await assigned("GITHUB_ENV"));
  const left = { outputs: await assigned("GITHUB_OUTPUT"), state: await assigned("GITHUB_STATE") };
  if (command.stop.gently.aborted || command.stop.now.aborted)
    return { ...left, conclusion: "cancelled", problem: "The operation was canceled." };
  return problem ? { ...left, conclusion: "failure", problem } : { ...left, conclusion: "success" };
}

/** Follows what a process prints: commands act, the rest is logged. */
function follow(machine: Machine, line: string): void {
  const { name = "", message = "" } = readCommand(line) ?? {};
  if (["error", "warning", "notice", "group", "endgroup"].includes(name)) print(machine, `##[${name}]${message}`);
  else if (name === "add-mask") for (const value of maskedLines(message)) machine.masks.add(value);
  else if (name !== "debug") print(machine, line);
}
