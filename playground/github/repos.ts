import type { User, World } from "../world.ts";
import { actor, type Call, type Handlers, list, notFound, ok, Refusal, type Reply } from "./call.ts";
import { type Commit, commitJson, readCommit, readCommits } from "./commits.ts";
import { diffFiles, diffText, EMPTY_TREE } from "./diff.ts";
import { git, resolveRevision, runGit } from "./git.ts";
import type { OperationId } from "./operations.ts";
import { repoApi, repoJson, repoWeb, userJson } from "./render.ts";

function profileJson(world: World, user: User) {
  const since = "2026-01-01T00:00:00Z";
  return {
    ...userJson(world, user),
    ...{ name: user.login, company: null, blog: "", location: null, email: null, hireable: null, bio: null },
    ...{ twitter_username: null, public_repos: 0, public_gists: 0, followers: 0, following: 0 },
    ...{ created_at: since, updated_at: since },
  };
}

function findUser(world: World, login: string): User {
  const user = [...world.users.values()].find((known) => known.login.toLowerCase() === login.toLowerCase());
  if (!user) throw notFound();
  return user;
}

function permissionOf({ world, params }: Call<"repos/get-collaborator-permission-level">) {
  const user = findUser(world, params.username);
  const flags = permissionFlags(user);
  const json = { ...userJson(world, user), permissions: flags, role_name: user.permission };
  return ok({ permission: user.permission, role_name: user.permission, user: json });
}

function permissionFlags({ permission }: User) {
  const admin = permission === "admin";
  const push = admin || permission === "write";
  return { admin, maintain: admin, push, triage: push, pull: permission !== "none" };
}

async function mustRead(world: World, revision: string): Promise<Commit> {
  const commit = await readCommit(world.gitDir, revision);
  if (!commit) throw new Refusal(422, `No commit found for SHA: ${revision}`);
  return commit;
}

interface Entry {
  readonly mode: string;
  readonly type: string;
  readonly sha: string;
  readonly size: number;
  readonly path: string;
}

/** One level of a tree, or everything below it with `-r`. */
export async function readTree(gitDir: string, args: readonly string[]): Promise<Entry[]> {
  const { code, stdout } = await runGit(gitDir, ["ls-tree", "-l", "-z", ...args]);
  if (code !== 0) throw notFound();
  return stdout
    .toString("utf8")
    .split("\0")
    .flatMap((line) => {
      const [, mode, type, sha, size, path] = /^(\d+) (\w+) (\w+) +(\S+)\t([\s\S]*)$/.exec(line) ?? [];
      return mode && type && sha && path ? [{ mode, type, sha, path, size: Number(size) || 0 }] : [];
    });
}

const SYMLINK = "120000";

function entryJson(world: World, { mode, type, sha, size, path }: Entry, ref: string) {
  const at = encodeURI(path);
  const directory = type === "tree";
  const url = `${repoApi(world)}/contents/${at}?ref=${encodeURIComponent(ref)}`;
  const html_url = `${repoWeb(world)}/${directory ? "tree" : "blob"}/${ref}/${at}`;
  const git_url = `${repoApi(world)}/git/${directory ? "trees" : "blobs"}/${sha}`;
  return {
    type: directory ? "dir" : mode === SYMLINK ? "symlink" : type === "commit" ? "submodule" : "file",
    ...{ name: path.slice(path.lastIndexOf("/") + 1), path, sha, size, url, html_url, git_url },
    download_url: directory ? null : `${repoWeb(world)}/raw/${ref}/${at}`,
    _links: { self: url, git: git_url, html: html_url },
  };
}

async function getContent({ world, params, accept }: Call<"repos/get-content">): Promise<Reply> {
  const ref = params.ref ?? world.defaultBranch;
  const commit = await readCommit(world.gitDir, ref);
  if (!commit) throw notFound();
  const path = params.path.replace(/^\/+|\/+$/g, "");
  const [entry] = path === "" ? [] : await readTree(world.gitDir, [commit.sha, "--", path]);
  if (path !== "" && !entry) throw notFound();
  if (!entry || entry.type === "tree") {
    const entries = await readTree(world.gitDir, [commit.sha, "--", path === "" ? "." : `${path}/`]);
    return ok(entries.map((child) => entryJson(world, child, ref)));
  }
  const { stdout } = await runGit(world.gitDir, ["cat-file", "blob", entry.sha]);
  if (/\braw\b/.test(accept)) return { status: 200, raw: { type: "application/vnd.github.raw", content: stdout } };
  const json = entryJson(world, entry, ref);
  if (json.type === "symlink") return ok({ ...json, target: stdout.toString("utf8") });
  return ok({ ...json, encoding: "base64", content: stdout.toString("base64").replaceAll(/.{60}/g, "$&\n") });
}

async function getBranch({ world, params }: Call<"repos/get-branch">): Promise<Reply> {
  const commit = await readCommit(world.gitDir, `refs/heads/${params.branch}`);
  if (!commit) throw new Refusal(404, "Branch not found");
  const self = `${repoApi(world)}/branches/${params.branch}`;
  return ok({
    name: params.branch,
    commit: commitJson(world, commit),
    _links: { self, html: `${repoWeb(world)}/tree/${params.branch}` },
    ...{ protected: false, protection: { enabled: false }, protection_url: `${self}/protection` },
  });
}

async function getCommit({ world, params, accept }: Call<"repos/get-commit">): Promise<Reply> {
  const commit = await mustRead(world, params.ref);
  if (/\bsha\b/.test(accept))
    return { status: 200, raw: { type: "application/vnd.github.sha", content: Buffer.from(commit.sha) } };
  const files = await diffFiles(world, commit.parents[0] ?? EMPTY_TREE, commit.sha);
  const additions = files.reduce((sum, file) => sum + file.additions, 0);
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0);
  return ok({ ...commitJson(world, commit), stats: { additions, deletions, total: additions + deletions }, files });
}

async function listCommits({ world, params }: Call<"repos/list-commits">): Promise<Reply> {
  const { sha } = await mustRead(world, params.sha ?? world.defaultBranch);
  const options = [
    ...(params.since ? [`--since=${params.since}`] : []),
    ...(params.until ? [`--until=${params.until}`] : []),
    ...(params.author ? [`--author=${params.author}`] : []),
  ];
  const commits = await readCommits(world.gitDir, [...options, sha], params.path);
  return list(commits.map((commit) => commitJson(world, commit)));
}

async function compare({ world, params, accept }: Call<"repos/compare-commits-with-basehead">): Promise<Reply> {
  const [from = "", to = ""] = params.basehead.split("...");
  const [base, head] = await Promise.all([from, to].map((name) => readCommit(world.gitDir, withoutOwner(world, name))));
  if (!base || !head) throw notFound();
  if (/\bdiff\b/.test(accept)) {
    const content = Buffer.from(await diffText(world.gitDir, base.sha, head.sha));
    return { status: 200, raw: { type: "application/vnd.github.diff; charset=utf-8", content } };
  }
  const fork = await resolveMergeBase(world, base.sha, head.sha);
  const counts = await git(world.gitDir, ["rev-list", "--left-right", "--count", `${base.sha}...${head.sha}`]);
  const [behind = 0, ahead = 0] = counts.trim().split("\t").map(Number);
  const commits = await readCommits(world.gitDir, ["--reverse", `${base.sha}..${head.sha}`]);
  const web = `${repoWeb(world)}/compare/${from}...${to}`;
  return ok({
    ...{ url: `${repoApi(world)}/compare/${from}...${to}`, html_url: web, permalink_url: web },
    ...{ diff_url: `${web}.diff`, patch_url: `${web}.patch` },
    base_commit: commitJson(world, base),
    merge_base_commit: commitJson(world, fork),
    status: ahead === 0 ? (behind === 0 ? "identical" : "behind") : behind === 0 ? "ahead" : "diverged",
    ...{ ahead_by: ahead, behind_by: behind, total_commits: commits.length },
    commits: commits.map((commit) => commitJson(world, commit)),
    files: await diffFiles(world, base.sha, head.sha),
  });
}

const withoutOwner = (world: World, name: string): string => name.replace(`${world.owner}:`, "");

async function resolveMergeBase(world: World, base: string, head: string): Promise<Commit> {
  const { stdout } = await runGit(world.gitDir, ["merge-base", base, head]);
  const commit = await readCommit(
    world.gitDir,
    (await resolveRevision(world.gitDir, stdout.toString("utf8").trim())) ?? "",
  );
  if (!commit) throw new Refusal(404, "No common ancestor between the two commits");
  return commit;
}

export const repos: Handlers<Extract<OperationId, `repos/${string}` | `users/${string}`>> = {
  "users/get-authenticated": ({ world, caller }) => ok(profileJson(world, actor(caller))),
  "users/get-by-username": ({ world, params }) => ok(profileJson(world, findUser(world, params.username))),
  "repos/get": ({ world, caller }) =>
    ok({ ...repoJson(world), ...(caller.kind === "token" ? { permissions: permissionFlags(caller.token.user) } : {}) }),
  "repos/get-collaborator-permission-level": permissionOf,
  "repos/get-content": getContent,
  "repos/get-branch": getBranch,
  "repos/get-commit": getCommit,
  "repos/list-commits": listCommits,
  "repos/compare-commits-with-basehead": compare,
};
