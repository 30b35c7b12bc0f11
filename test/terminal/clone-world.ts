import { execFile, spawn } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { inject, onTestFinished } from "vitest";
import { type Script, startScriptedModel } from "../../playground/scripted-model.ts";
import { gitStore } from "../../src/sessions/git/git-store.ts";
import { Repository } from "../../src/sessions/git/repository.ts";
import type { Session } from "../../src/sessions/session.ts";
import type { SessionStore } from "../../src/sessions/store.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);

/** How a command ended, and what it said. */
export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A clone of the sample repository on somebody's machine, and the `offshoot` command in it. */
export interface CloneWorld {
  readonly dir: string;
  /** The person's home, with their caches. */
  readonly home: string;
  /** What the program is given of the machine. */
  readonly env: Readonly<Record<string, string>>;
  /** The clone's own refs. */
  readonly repository: Repository;
  readonly store: SessionStore;
  git(...args: readonly string[]): Promise<string>;
  /** The one session that is here. */
  only(): Promise<Session>;
  /** Runs the program, as a process of its own, to its end. */
  offshoot(...args: readonly string[]): Promise<Said>;
  /** Starts the program and leaves it running. */
  start(options: StartOptions): Started;
}

export interface StartOptions {
  readonly args: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The clone, where it is not named. */
  readonly cwd?: string;
}

export interface Started {
  readonly pid: number;
  readonly ended: Promise<Said>;
  kill(signal: NodeJS.Signals): void;
}

export interface CloneOptions {
  /** What the model plays; without it there is no model. */
  readonly model?: Script;
  /** A bare repository that the clone is of; without one it has no remote. */
  readonly origin?: string;
}

/** A folder that goes when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-terminal-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

export async function openClone({ model, origin }: CloneOptions = {}): Promise<CloneWorld> {
  const place = await temporaryFolder();
  const [dir, home] = [join(place, "clone"), join(place, "home")];
  const env = { PATH: process.env.PATH ?? "", HOME: home, GIT_CONFIG_NOSYSTEM: "1", ...(await modelFor(model)) };
  const git = async (...args: readonly string[]) => (await run("git", args, { cwd: dir, env })).stdout.trim();
  if (origin) await run("git", ["clone", "--quiet", origin, dir], { env });
  else await newRepository(dir, git, env);
  await git("config", "user.name", "Ada");
  await git("config", "user.email", "7+ada@users.noreply.github.com");
  const repository = Repository.at(join(dir, ".git"), env.PATH);
  const start: CloneWorld["start"] = ({ args, input = "", env: more = {}, cwd = dir }) => {
    const child = spawn(process.execPath, [inject("command"), ...args], { cwd, env: { ...env, ...more } });
    child.stdin.end(input);
    const said = Promise.all([text(child.stdout), text(child.stderr)]);
    const code = new Promise<number | null>((resolve) => child.on("close", resolve));
    const ended = Promise.all([code, said]).then(([code, [out, err]]) => ({ code, out, err }));
    return { pid: child.pid ?? 0, ended, kill: (signal) => void child.kill(signal) };
  };
  const store = gitStore(repository);
  const only = async () => {
    const [id, ...others] = await store.find("");
    const tip = id && others.length === 0 ? await store.tip(id) : null;
    if (!tip) throw new Error(`There are ${others.length + (id ? 1 : 0)} sessions here.`);
    return tip.session;
  };
  return {
    ...{ dir, home, env, repository, store, git, only, start },
    offshoot: (...args) => start({ args }).ended,
  };
}

/** The playground's sample, committed on `main`, in a bare repository that clones can be made of. */
export async function openOrigin(): Promise<string> {
  const place = await temporaryFolder();
  const [dir, bare] = [join(place, "first"), join(place, "origin.git")];
  const env = { PATH: process.env.PATH ?? "", HOME: place, GIT_CONFIG_NOSYSTEM: "1" };
  const git = async (...args: readonly string[]) => (await run("git", args, { cwd: dir, env })).stdout.trim();
  await newRepository(dir, git, env);
  await run("git", ["clone", "--quiet", "--bare", dir, bare], { env });
  return bare;
}

async function newRepository(
  dir: string,
  git: CloneWorld["git"],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  await cp(join(root, "playground/sample"), dir, { recursive: true });
  await run("git", ["init", "--quiet", "--initial-branch=main", dir], { env });
  await git("add", "--all");
  await git("-c", "user.name=Grace", "-c", "user.email=grace@example.test", "commit", "--quiet", "-m", "Start");
}

async function modelFor(script: Script | undefined): Promise<Record<string, string>> {
  if (!script) return {};
  const server = await startScriptedModel({ script });
  onTestFinished(() => server.close());
  return { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: server.url, OFFSHOOT_MODEL: "openai:scripted" };
}
