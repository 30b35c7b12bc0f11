import { git, resolveRevision, runGit } from "./git.ts";

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

const FORMAT = ["%T", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B"].join("%x00");

/** The commit that a branch, tag or object id names; null when there is none. */
export async function readCommit(gitDir: string, revision: string): Promise<Commit | null> {
  const sha = await resolveRevision(gitDir, `${revision}^{commit}`);
  if (!sha) return null;
  const shown = await git(gitDir, ["show", "--no-patch", `--format=${FORMAT}`, sha]);
  const [tree = "", parents = "", an = "", ae = "", ad = "", cn = "", ce = "", cd = "", message = ""] =
    shown.split("\0");
  return {
    ...{ sha, tree, parents: parents.split(" ").filter(Boolean), message: message.trimEnd() },
    ...{ author: { name: an, email: ae, date: ad }, committer: { name: cn, email: ce, date: cd } },
  };
}

export interface TreeEntry {
  readonly mode: string;
  readonly type: string;
  readonly sha: string;
  readonly size: number;
  readonly path: string;
}

/** Entries of a tree as `git ls-tree` lists them; null when there is no such tree. */
export async function readTree(gitDir: string, args: readonly string[]): Promise<TreeEntry[] | null> {
  const { code, stdout } = await runGit(gitDir, ["ls-tree", "-l", "-z", ...args]);
  if (code !== 0) return null;
  return stdout
    .toString("utf8")
    .split("\0")
    .flatMap((line) => {
      const [, mode, type, sha, size, path] = /^(\d+) (\w+) (\w+) +(\S+)\t([\s\S]*)$/.exec(line) ?? [];
      return mode && type && sha && path ? [{ mode, type, sha, path, size: Number(size) || 0 }] : [];
    });
}

/** The content of a file; null when the object is none. */
export async function readBlob(gitDir: string, sha: string): Promise<Buffer | null> {
  const { code, stdout } = await runGit(gitDir, ["cat-file", "blob", sha]);
  return code === 0 ? stdout : null;
}

/** What kind of object each id is; null where there is none. */
export async function typesOf(gitDir: string, shas: readonly string[]): Promise<readonly (string | null)[]> {
  const input = shas.map((sha) => `${/^[0-9a-f]{40}$/.test(sha) ? sha : "0"}\n`).join("");
  const listed = await git(gitDir, ["cat-file", "--batch-check=%(objecttype)"], { input });
  const types = listed.split("\n");
  return shas.map((_, index) => /^\w+$/.exec(types[index] ?? "")?.[0] ?? null);
}
