import type { World } from "../world.ts";
import { git, resolveRevision } from "./git.ts";
import { nodeId, repoApi, repoWeb, userJson } from "./render.ts";

export interface Commit {
  readonly sha: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Person;
  readonly committer: Person;
  readonly message: string;
}

interface Person {
  readonly name: string;
  readonly email: string;
  readonly date: string;
}

const FORMAT = ["%H", "%T", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B"].join("%x1f");

/** Reads commits with `git log`, newest first; `range` are its options and revisions, `path` narrows it to one path. */
export async function readCommits(gitDir: string, range: readonly string[], path?: string): Promise<Commit[]> {
  const log = await git(gitDir, ["log", "-z", `--format=${FORMAT}`, ...range, "--", ...(path ? [path] : [])]);
  return log.split("\0").flatMap((record) => {
    const [sha, tree = "", parents = "", an = "", ae = "", ad = "", cn = "", ce = "", cd = "", message = ""] =
      record.split("\x1f");
    if (!sha) return [];
    return [
      {
        ...{ sha, tree, parents: parents.split(" ").filter(Boolean), message: message.replace(/\n$/, "") },
        ...{ author: { name: an, email: ae, date: ad }, committer: { name: cn, email: ce, date: cd } },
      },
    ];
  });
}

/** The commit that a branch, tag or object id names; null when there is none. */
export async function readCommit(gitDir: string, revision: string): Promise<Commit | null> {
  const sha = await resolveRevision(gitDir, `${revision}^{commit}`);
  const [commit] = sha ? await readCommits(gitDir, ["-1", sha]) : [];
  return commit ?? null;
}

const parentsJson = (world: World, commit: Commit, api: string) =>
  commit.parents.map((sha) => ({
    sha,
    url: `${repoApi(world)}/${api}/${sha}`,
    html_url: `${repoWeb(world)}/commit/${sha}`,
  }));

const treeJson = (world: World, sha: string) => ({ sha, url: `${repoApi(world)}/git/trees/${sha}` });

const UNSIGNED = { verified: false, reason: "unsigned", signature: null, payload: null, verified_at: null };

/** A commit as the git database's endpoints show it. */
export const gitCommitJson = (world: World, commit: Commit) => ({
  sha: commit.sha,
  node_id: nodeId("Commit", commit.sha),
  url: `${repoApi(world)}/git/commits/${commit.sha}`,
  html_url: `${repoWeb(world)}/commit/${commit.sha}`,
  author: commit.author,
  committer: commit.committer,
  tree: treeJson(world, commit.tree),
  message: commit.message,
  parents: parentsJson(world, commit, "git/commits"),
  verification: UNSIGNED,
});

/** The account behind a commit's address: `ID+LOGIN@users.noreply.github.com`. */
function accountOf(world: World, { email }: Person) {
  const login = /^(?:\d+\+)?(.+)@users\.noreply\.github\.com$/.exec(email)?.[1];
  const user = login ? world.users.get(login) : undefined;
  return user ? userJson(world, user) : null;
}

/** A commit as the repository's endpoints show it. */
export const commitJson = (world: World, commit: Commit) => ({
  sha: commit.sha,
  node_id: nodeId("Commit", commit.sha),
  url: `${repoApi(world)}/commits/${commit.sha}`,
  html_url: `${repoWeb(world)}/commit/${commit.sha}`,
  comments_url: `${repoApi(world)}/commits/${commit.sha}/comments`,
  commit: {
    author: commit.author,
    committer: commit.committer,
    message: commit.message,
    tree: treeJson(world, commit.tree),
    url: `${repoApi(world)}/git/commits/${commit.sha}`,
    comment_count: 0,
    verification: UNSIGNED,
  },
  author: accountOf(world, commit.author),
  committer: accountOf(world, commit.committer),
  parents: parentsJson(world, commit, "commits"),
});

/** A commit as webhooks and runs carry it. */
export const simpleCommitJson = (commit: Commit) => ({
  id: commit.sha,
  tree_id: commit.tree,
  message: commit.message,
  timestamp: commit.committer.date,
  author: { name: commit.author.name, email: commit.author.email },
  committer: { name: commit.committer.name, email: commit.committer.email },
});
