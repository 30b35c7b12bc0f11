import type { CommitId } from "../ids.ts";

/** Files by path. */
export type Files = Readonly<Record<string, Buffer>>;

export interface NewCommit<Tree extends string | Files = string | Files> {
  readonly parents: readonly CommitId[];
  readonly author: Signature;
  readonly committer: Signature;
  readonly message: string;
  /** A whole tree that is in the repository already, or files. */
  readonly tree: Tree;
}

/** A commit whose tree may be one that is in the repository already, with some of its files changed. */
export interface LocalCommit extends Omit<NewCommit, "tree"> {
  readonly tree: NewCommit["tree"] | ChangedTree;
}

export interface ChangedTree {
  readonly base: string;
  /** Files by path; null takes one out. */
  readonly files: Readonly<Record<string, Buffer | null>>;
}

export interface Signature {
  readonly name: string;
  readonly email: string;
  readonly at: Date;
}

/** Someone's signature, with the address that GitHub gives an account that keeps its own private. */
export function signature(by: { readonly login: string; readonly id: number }, at: Date): Signature {
  return { name: by.login, email: `${by.id}+${by.login}@users.noreply.github.com`, at };
}

/** The input of `git fast-import` that makes commits and answers with their ids, one a line; no ref is left. */
export function importStream(commits: readonly LocalCommit[]): Buffer {
  const reset = `reset ${scratchRef}\n`;
  const made = commits.flatMap((commit, index) => [Buffer.from(reset), ...commitParts(commit, index + 1)]);
  return Buffer.concat([Buffer.from("feature done\n"), ...made, Buffer.from(`${reset}from ${"0".repeat(40)}\ndone\n`)]);
}

const scratchRef = "refs/offshoot/none";

function commitParts(commit: LocalCommit, mark: number): Buffer[] {
  const parts: Buffer[] = [];
  const line = (text: string) => parts.push(Buffer.from(`${text}\n`));
  const data = (content: Buffer) => parts.push(Buffer.from(`data ${content.length}\n`), content, Buffer.from("\n"));
  line(`commit ${scratchRef}`);
  line(`mark :${mark}`);
  line(`author ${formatSignature(commit.author)}`);
  line(`committer ${formatSignature(commit.committer)}`);
  data(Buffer.from(commit.message));
  const [first, ...merged] = commit.parents;
  if (first) line(`from ${first}`);
  for (const parent of merged) line(`merge ${parent}`);
  line("deleteall");
  const { base, files } = changes(commit.tree);
  if (base !== undefined) line(`M 040000 ${base} ""`);
  for (const [path, content] of Object.entries(files)) {
    line(content ? `M 100644 inline ${JSON.stringify(path)}` : `D ${JSON.stringify(path)}`);
    if (content) data(content);
  }
  line(`get-mark :${mark}`);
  return parts;
}

function changes(tree: LocalCommit["tree"]): Partial<ChangedTree> & Pick<ChangedTree, "files"> {
  if (typeof tree === "string") return { base: tree, files: {} };
  return isChanged(tree) ? tree : { files: tree };
}

function isChanged(tree: Exclude<LocalCommit["tree"], string>): tree is ChangedTree {
  return typeof tree.base === "string";
}

export function formatSignature(signature: Signature): string {
  return `${formatName(signature)} ${Math.floor(signature.at.getTime() / 1000)} +0000`;
}

/** Whose commit it is, as git has it: what would end a name or an address is left out. */
export function formatName({ name, email }: Pick<Signature, "name" | "email">): string {
  const clean = (text: string) => text.replace(/[<>\n\0]/g, "");
  return `${clean(name)} <${clean(email)}>`;
}
