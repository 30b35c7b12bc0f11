import { createHash } from "node:crypto";
import type { CommitId } from "../../ids.ts";
import { type Files, formatSignature, type NewCommit } from "../commit.ts";

export const objectTypes = ["commit", "tree", "blob", "tag"] as const;

/** An object of git's: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects */
export interface GitObject {
  readonly type: (typeof objectTypes)[number];
  readonly content: Buffer;
}

export type Objects = ReadonlyMap<string, GitObject>;

export function idOf({ type, content }: GitObject): string {
  return createHash("sha1").update(`${type} ${content.length}\0`).update(content).digest("hex");
}

/** A commit of files with all that it is made of; the same as git would make. */
export function objectsOf(commit: NewCommit<Files>): { readonly id: CommitId; readonly objects: Objects } {
  const objects = new Map<string, GitObject>();
  const add = (object: GitObject) => {
    const id = idOf(object);
    objects.set(id, object);
    return id;
  };
  const tree = addTree(commit.tree, add);
  const { parents, author, committer, message } = commit;
  const head = [`tree ${tree}`, ...parents.map((parent) => `parent ${parent}`)];
  const people = [`author ${formatSignature(author)}`, `committer ${formatSignature(committer)}`];
  const content = Buffer.from([...head, ...people, "", message].join("\n"));
  return { id: add({ type: "commit", content }) as CommitId, objects };
}

interface Entry {
  readonly mode: "40000" | "100644";
  readonly name: string;
  readonly id: string;
}

function addTree(files: Files, add: (object: GitObject) => string): string {
  const folders = new Map<string, Record<string, Buffer>>();
  const entries: Entry[] = [];
  for (const [path, content] of Object.entries(files)) {
    const [name = "", ...rest] = path.split("/");
    if (rest.length === 0) entries.push({ mode: "100644", name, id: add({ type: "blob", content }) });
    else folders.set(name, { ...folders.get(name), [rest.join("/")]: content });
  }
  for (const [name, inside] of folders) entries.push({ mode: "40000", name, id: addTree(inside, add) });
  const inOrder = entries.toSorted((one, other) => Buffer.compare(sortedAs(one), sortedAs(other)));
  const parts = inOrder.flatMap(({ mode, name, id }) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex")]);
  return add({ type: "tree", content: Buffer.concat(parts) });
}

/** Git sorts folders as if their names ended in a slash. */
function sortedAs({ mode, name }: Entry): Buffer {
  return Buffer.from(mode === "40000" ? `${name}/` : name);
}

/** The ids in a tree, by name. */
export function entriesOf({ content }: GitObject): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (let at = 0; at < content.length; ) {
    const end = content.indexOf(0, at);
    const name = content.toString("utf8", content.indexOf(" ", at) + 1, end);
    entries.set(name, content.toString("hex", end + 1, end + 21));
    at = end + 21;
  }
  return entries;
}

export function linksOf({ content }: GitObject): { readonly tree: string; readonly parents: readonly CommitId[] } {
  const [head = ""] = content.toString("latin1").split("\n\n", 1);
  const tree = /^tree ([0-9a-f]{40})/.exec(head)?.[1] ?? "";
  const parents = [...head.matchAll(/^parent ([0-9a-f]{40})$/gm)].map(([, id]) => id as CommitId);
  return { tree, parents };
}
