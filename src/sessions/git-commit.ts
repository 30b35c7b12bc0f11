import type { CommitId } from "./ids.ts";

export interface NewCommit {
  readonly parents: readonly CommitId[];
  readonly author: Signature;
  readonly committer: Signature;
  readonly message: string;
  /** A whole tree that is in the repository already, or files by path. */
  readonly tree: string | Readonly<Record<string, Buffer>>;
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

/** The input of `git fast-import` that makes one commit and answers with its id; no ref is left. */
export function importStream(commit: NewCommit): Buffer {
  const parts: Buffer[] = [];
  const line = (text: string) => parts.push(Buffer.from(`${text}\n`));
  const data = (content: Buffer) => parts.push(Buffer.from(`data ${content.length}\n`), content, Buffer.from("\n"));
  line("feature done");
  line("commit refs/offshoot/none");
  line("mark :1");
  line(`author ${formatSignature(commit.author)}`);
  line(`committer ${formatSignature(commit.committer)}`);
  data(Buffer.from(commit.message));
  const [first, ...merged] = commit.parents;
  if (first) line(`from ${first}`);
  for (const parent of merged) line(`merge ${parent}`);
  line("deleteall");
  if (typeof commit.tree === "string") line(`M 040000 ${commit.tree} ""`);
  else {
    for (const [path, content] of Object.entries(commit.tree)) {
      line(`M 100644 inline ${JSON.stringify(path)}`);
      data(content);
    }
  }
  line("get-mark :1");
  line("reset refs/offshoot/none");
  line(`from ${"0".repeat(40)}`);
  line("done");
  return Buffer.concat(parts);
}

function formatSignature({ name, email, at }: Signature): string {
  const clean = (text: string) => text.replace(/[<>\n\0]/g, "");
  return `${clean(name)} <${clean(email)}> ${Math.floor(at.getTime() / 1000)} +0000`;
}
