import { createHash, randomUUID } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { runGit } from "./git.ts";
import { type Commit, readTree } from "./git-objects.ts";

/** Writes an object as git keeps a loose one, without a process for each; answers its id. */
async function writeObject(gitDir: string, type: "blob" | "commit", content: Buffer): Promise<string> {
  const object = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
  const id = createHash("sha1").update(object).digest("hex");
  const folder = join(gitDir, "objects", id.slice(0, 2));
  const draft = join(gitDir, "objects", `tmp-${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  await writeFile(draft, await promisify(deflate)(object));
  await rename(draft, join(folder, id.slice(2)));
  return id;
}

/** Writes a file's content; answers its object id. */
export const writeBlob = (gitDir: string, content: Buffer): Promise<string> => writeObject(gitDir, "blob", content);

/** Writes a commit, its message byte for byte. */
export function writeCommit(gitDir: string, commit: Omit<Commit, "sha">): Promise<string> {
  const clean = (text: string) => text.replace(/[<>\n]/g, "");
  const who = ({ name, email, date }: Commit["author"]) =>
    `${clean(name)} <${clean(email)}> ${Math.floor(Date.parse(date) / 1000)} +0000`;
  const lines = [
    `tree ${commit.tree}`,
    ...commit.parents.map((parent) => `parent ${parent}`),
    `author ${who(commit.author)}`,
    `committer ${who(commit.committer)}`,
    "",
    commit.message,
  ];
  return writeObject(gitDir, "commit", Buffer.from(lines.join("\n")));
}

export interface NewEntry {
  readonly path: string;
  readonly mode: string;
  readonly type: string;
  /** null takes the entry out of the base. */
  readonly sha: string | null;
}

/** Writes the tree that `base` (none: an empty one) becomes with these entries; null when that makes no tree. */
export async function writeTree(
  gitDir: string,
  { base, entries }: { base: string | undefined; entries: readonly NewEntry[] },
): Promise<string | null> {
  const there = base === undefined ? [] : await readTree(gitDir, [base]);
  if (there === null) return null;
  const tree = new Map<string, Omit<NewEntry, "path">>(there.map((entry) => [entry.path, entry]));
  const folders = new Map<string, NewEntry[]>();
  for (const { path, ...entry } of entries) {
    const [name = "", ...rest] = path.split("/");
    if (/^(\.{0,2}|\.git)$/i.test(name)) return null;
    if (rest.length === 0) tree.set(name, entry);
    else folders.set(name, [...(folders.get(name) ?? []), { ...entry, path: rest.join("/") }]);
  }
  for (const [name, inside] of folders) {
    const under = tree.get(name);
    const sha = await writeTree(gitDir, {
      base: under?.type === "tree" ? (under.sha ?? undefined) : undefined,
      entries: inside,
    });
    if (sha === null) return null;
    tree.set(name, { mode: "040000", type: "tree", sha });
  }
  const lines = [...tree].flatMap(([name, { mode, type, sha }]) => (sha ? [`${mode} ${type} ${sha}\t${name}\0`] : []));
  const { code, stdout } = await runGit(gitDir, ["mktree", "-z"], { input: lines.join("") });
  return code === 0 ? stdout.toString().trim() : null;
}
