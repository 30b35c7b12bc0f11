import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { git, runGit } from "./git.ts";
import type { Commit } from "./git-objects.ts";

/** Writes a file's content; answers its object id. */
export async function writeBlob(gitDir: string, content: string | Buffer): Promise<string> {
  return (await git(gitDir, ["hash-object", "-w", "--stdin"], { input: content })).trim();
}

export interface NewEntry {
  readonly path: string;
  readonly mode: string;
  /** null takes the entry out of the base. */
  readonly sha: string | null;
}

/** Writes the tree that `base` (none: an empty one) becomes with these entries; null when git does not accept them. */
export async function writeTree(
  gitDir: string,
  { base, entries }: { base: string | undefined; entries: readonly NewEntry[] },
): Promise<string | null> {
  const index = join(gitDir, `index-${randomUUID()}`);
  const lines = entries.map(({ path, mode, sha }) => `${sha ? `${mode} ${sha}` : `0 ${"0".repeat(40)}`}\t${path}\0`);
  try {
    const steps = [
      { args: ["read-tree", base ?? "--empty"], input: "" },
      { args: ["update-index", "-z", "--index-info"], input: lines.join("") },
    ];
    for (const { args, input } of steps) {
      const { code, stderr } = await runGit(gitDir, args, { index, input });
      if (code !== 0 || stderr !== "") return null; // a path that git ignores is only complained about
    }
    const { code, stdout } = await runGit(gitDir, ["write-tree"], { index });
    return code === 0 ? stdout.toString().trim() : null;
  } finally {
    await rm(index, { force: true });
  }
}

/** Writes a commit, its message byte for byte; null when git does not accept it. */
export async function writeCommit(gitDir: string, commit: Omit<Commit, "sha">): Promise<string | null> {
  const who = ({ name, email, date }: Commit["author"]) =>
    `${name.replace(/[<>\n]/g, "")} <${email.replace(/[<>\n]/g, "")}> ${Math.floor(Date.parse(date) / 1000)} +0000`;
  const text = [
    `tree ${commit.tree}`,
    ...commit.parents.map((parent) => `parent ${parent}`),
    `author ${who(commit.author)}`,
    `committer ${who(commit.committer)}`,
    "",
    commit.message,
  ].join("\n");
  const { code, stdout } = await runGit(gitDir, ["hash-object", "-t", "commit", "-w", "--stdin"], { input: text });
  return code === 0 ? stdout.toString().trim() : null;
}
