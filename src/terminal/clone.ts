import { basename, join } from "node:path";
import type { Hand } from "../sessions/decide.ts";
import { gitStore } from "../sessions/git/git-store.ts";
import { GitFailed, runGit } from "../sessions/git/process.ts";
import { Repository } from "../sessions/git/repository.ts";
import type { Actor } from "../sessions/journal.ts";
import type { SessionStore } from "../sessions/store.ts";
import { absolute, hostOf } from "./address.ts";
import { Failure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** The clone that a command is started in. Nothing here touches its checkout. */
export interface Clone {
  /** The top of the work tree. */
  readonly root: string;
  /** The `.git` that all work trees of the clone share. */
  readonly gitDir: string;
  /** The clone's own refs, where sessions that were begun or fetched here are. */
  readonly repository: Repository;
  readonly store: SessionStore;
  readonly origin: Origin | null;
  /** `owner/name` of the origin, or the folder's name. */
  readonly project: string;
  /** Who is at the terminal. */
  readonly hand: Hand;
  /** Runs git as the person would, with their configuration and credentials. */
  git(args: readonly string[]): Promise<string>;
}

export interface Origin {
  /** As it is configured, but understood from anywhere. */
  readonly url: string;
  /** The server that git talks to; null: that cannot be told from the address. */
  readonly host: string | null;
}

/** github.com, or a GitHub server of one's own as far as its name tells. */
export function isGithub({ host }: Origin): boolean {
  return host?.includes("github") ?? false;
}

/** Finds the clone around the working directory. */
export async function openClone(terminal: Terminal): Promise<Clone> {
  const env = definedIn(terminal.env);
  const git = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await runGit(args, { cwd: terminal.cwd, env, input: undefined });
    if (code !== 0) throw new GitFailed(stderr.trim());
    return stdout.toString();
  };
  const [gitDir, root] = await placeOf(git, terminal.cwd);
  const settings = parseSettings(await git(["config", "--list", "--null"]));
  const url = settings.get("remote.origin.url");
  // What it is for git, with all that `url.<base>.insteadOf` says.
  const address = url && (await git(["ls-remote", "--get-url", "origin"])).trim();
  const repository = Repository.at(gitDir, terminal.env.PATH ?? "");
  return {
    ...{ root, gitDir, repository, git },
    store: gitStore(repository),
    origin: url && address ? { url: address === url ? absolute(url, root) : url, host: hostOf(address) } : null,
    project: (address && /([^/:]+\/[^/]+?)(?:\.git)?\/?$/.exec(address)?.[1]) || basename(root),
    hand: { now: terminal.now, newId: terminal.newId, by: whoIs(settings) },
  };
}

async function placeOf(git: Clone["git"], cwd: string): Promise<[string, string]> {
  try {
    const out = await git(["rev-parse", "--path-format=absolute", "--git-common-dir", "--show-toplevel"]);
    const [gitDir = "", root = ""] = out.split("\n");
    return [gitDir, root];
  } catch (error) {
    if (!(error instanceof GitFailed)) throw error;
    throw new Failure(
      "missing",
      `${cwd} is not in a git clone with a work tree (${error.message}).`,
      "Change into a clone of the repository that you mean, then run the command again.",
    );
  }
}

/** The last value of each setting, as git itself takes it. */
function parseSettings(list: string): ReadonlyMap<string, string> {
  const pairs = list.split("\0").map((entry) => entry.split(/\n([\s\S]*)/));
  return new Map(pairs.map(([name = "", value = ""]) => [name, value]));
}

/** Their GitHub account where their address is GitHub's own for it, else the name that git knows, without an id. */
function whoIs(settings: ReadonlyMap<string, string>): Actor {
  const [, id, login] = /^(\d+)\+(.+)@users\.noreply\.github\.com$/.exec(settings.get("user.email") ?? "") ?? [];
  if (id && login) return { kind: "user", login, id: Number(id) };
  return { kind: "user", login: settings.get("user.name") ?? "somebody", id: 0 };
}

export function definedIn(env: Terminal["env"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** A clone's folder for what is remembered between commands and can be made again. */
export function cacheIn({ gitDir }: Clone): string {
  return join(gitDir, "offshoot");
}
