import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Octokit } from "@octokit/rest";
import { type Clone, definedIn, type Origin } from "./clone.ts";
import { mustHaveOrigin } from "./origin.ts";
import type { Terminal } from "./terminal.ts";

/** The origin's repository through GitHub's API, as the person at the terminal. */
export interface GithubAccess {
  readonly octokit: Octokit;
  readonly at: { readonly owner: string; readonly repo: string };
  /** Where the token is from, for people. */
  readonly source: string;
}

/** Why GitHub cannot be asked, and what to do. */
export interface NoAccess {
  readonly lacks: "address" | "token";
  readonly why: string;
  readonly remedy: string;
}

/** The token goes to github.com, or to the address that the person gave; a name that looks like GitHub's is not enough. */
export async function openGithub(terminal: Terminal, clone: Clone): Promise<GithubAccess | NoAccess> {
  const origin = mustHaveOrigin(clone);
  const baseUrl = apiAddress(origin, terminal.env.GITHUB_API_URL);
  if (!baseUrl) {
    const why = `${origin.host ?? "The origin"} is not github.com, and the address of its API is not set`;
    return { lacks: "address", why, remedy: "Set GITHUB_API_URL, e.g. https://github.example.com/api/v3." };
  }
  const found = await tokenOf(terminal, origin);
  if (!found) {
    const why = "there is no token: neither GH_TOKEN nor GITHUB_TOKEN is set, and gh is not signed in";
    return { lacks: "token", why, remedy: "Sign in with `gh auth login`, or set GH_TOKEN." };
  }
  const [owner = "", repo = ""] = clone.project.split("/");
  const octokit = new Octokit({ auth: found.token, baseUrl, log: silent });
  return { octokit, at: { owner, repo }, source: found.source };
}

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Nobody waits longer than that for gh. */
const patienceMs = 10_000;

/** Where an origin's API is; undefined: that cannot be told. */
export function apiAddress({ host }: Origin, given: string | undefined): string | undefined {
  const isPublic = host === "github.com" || host === "ssh.github.com";
  return given || (isPublic ? "https://api.github.com" : undefined);
}

async function tokenOf({ env }: Terminal, { host }: Origin): Promise<{ token: string; source: string } | null> {
  for (const name of ["GH_TOKEN", "GITHUB_TOKEN"]) {
    if (env[name]) return { token: env[name], source: name };
  }
  const hostname = host === "ssh.github.com" ? "github.com" : (host ?? "github.com");
  try {
    const options = { env: definedIn(env), timeout: patienceMs };
    const { stdout } = await promisify(execFile)("gh", ["auth", "token", "--hostname", hostname], options);
    const token = stdout.trim();
    return token ? { token, source: "gh" } : null;
  } catch {
    return null; // gh is not there, or not signed in
  }
}
