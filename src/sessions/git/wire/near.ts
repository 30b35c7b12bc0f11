import type { CommitId } from "../../ids.ts";
import type { RefUpdate } from "../../store.ts";
import type { Files, LocalCommit, NewCommit } from "../commit.ts";
import { entriesOf, type GitObject, linksOf, type Objects, objectsOf } from "./objects.ts";
import { writePack } from "./pack.ts";
import type { Pushed, SmartHttp } from "./smart-http.ts";

/** What a repository on disk has to take in before git can go on with what was fetched and made without it. */
export interface Pending {
  readonly pack: Buffer;
  readonly count: number;
  /** Commits whose parents are not here. */
  readonly shallow: readonly CommitId[];
  /** Those of them that are whole now. */
  readonly whole: readonly CommitId[];
}

/** Commits that are fetched where fewer are asked for: as they are small, they cost no more, and are wanted next. */
const leastDepth = 16;

/**
 * Small things of a repository, in memory: commits of files that are made here, and ends of chains that are fetched. They go
 * over the wire without a git process. What cannot be answered from here is `undefined`: git has to be asked.
 */
export class Near {
  readonly #remote: SmartHttp;
  readonly #objects = new Map<string, GitObject>();
  readonly #shallow = new Set<CommitId>();
  /** Where refs of the remote were when they were fetched or moved last, and all that is reachable from there was here. */
  readonly #tips = new Map<string, CommitId>();
  #pending = new Map<string, GitObject>();
  #pendingShallow = new Set<CommitId>();
  #pendingWhole = new Set<CommitId>();

  constructor(remote: SmartHttp) {
    this.#remote = remote;
  }

  /** Where a ref of the remote is now; what it leads to is not brought here. */
  async locate(ref: string): Promise<CommitId | null> {
    return (await this.#remote.refs([ref])).get(ref) ?? null;
  }

  /** Where refs of the remote are now. */
  refs(names: readonly string[]): Promise<ReadonlyMap<string, CommitId>> {
    return this.#remote.refs(names);
  }

  /** Whether a ref's chain, or its end, was brought here. */
  has(ref: string): boolean {
    return this.#tips.has(ref);
  }

  /** Brings the end of a ref's chain here: so many commits, or what has come since the last time. */
  async fetch(ref: string, depth?: number): Promise<CommitId | null> {
    const commit = await this.locate(ref);
    const before = this.#tips.get(ref);
    if (!commit) this.#tips.delete(ref);
    if (!commit || (commit === before && this.#reaches(commit, depth))) return commit;
    const have = depth === undefined ? before : undefined;
    const fetched = await this.#remote.fetch({
      commit,
      depth: depth && Math.max(depth, leastDepth),
      have,
      shallow: [...this.#shallow],
    });
    this.#keep(fetched.objects);
    for (const id of fetched.shallow) {
      this.#shallow.add(id);
      this.#pendingShallow.add(id);
    }
    for (const id of fetched.whole) {
      this.#shallow.delete(id);
      this.#pendingWhole.add(id);
    }
    this.#tips.set(ref, commit);
    return commit;
  }

  /** Whether all that a fetch would bring is here. */
  #reaches(commit: CommitId, depth: number | undefined): boolean {
    return depth === undefined || (this.chain(commit, depth)?.length ?? 0) === depth || this.#isFromRoot(commit);
  }

  #isFromRoot(commit: CommitId): boolean {
    const first = this.chain(commit)?.[0];
    return first !== undefined && this.parentOf(first) === null;
  }

  /** Makes a commit whose files are all given; undefined for one that stands on a tree of the repository. */
  add(commit: LocalCommit): CommitId | undefined {
    if (!isOfFiles(commit)) return undefined;
    const { id, objects } = objectsOf(commit);
    this.#keep(objects);
    return id;
  }

  #keep(objects: Objects): void {
    for (const [id, object] of objects) {
      this.#objects.set(id, object);
      this.#pending.set(id, object);
    }
  }

  /** Moves refs on the remote; undefined where that takes more than commits that were made here and where refs were. */
  async push(updates: readonly RefUpdate[]): Promise<Pushed | undefined> {
    const wanted = new Map<string, GitObject>();
    if (!updates.every(({ from, to }) => to === null || this.#collect(to, from, wanted))) return undefined;
    const pushed = await this.#remote.push(updates, wanted);
    if (pushed.rejected.length === 0) this.moved(updates);
    return pushed;
  }

  /** Refs that have been moved on the remote. What is new with them is read again rarely, and from git then. */
  moved(updates: readonly RefUpdate[]): void {
    for (const { ref, from, to } of updates) {
      const pushed = new Map<string, GitObject>();
      if (to) this.#collect(to, from, pushed);
      for (const id of pushed.keys()) this.#objects.delete(id);
      if (to && pushed.size > 0) this.#tips.set(ref, to);
      else this.#tips.delete(ref);
    }
  }

  /** After git has brought more here than is known of here. */
  forget(): void {
    this.#objects.clear();
    this.#shallow.clear();
    this.#tips.clear();
  }

  #collect(commit: CommitId, from: CommitId | null, into: Map<string, GitObject>): boolean {
    if (commit === from || [...this.#tips.values()].includes(commit)) return true;
    const object = this.#objects.get(commit);
    if (object?.type !== "commit") return false;
    into.set(commit, object);
    const { tree, parents } = linksOf(object);
    return this.#collectTree(tree, into) && parents.every((parent) => this.#collect(parent, from, into));
  }

  #collectTree(id: string, into: Map<string, GitObject>): boolean {
    const object = this.#objects.get(id);
    if (!object) return false;
    into.set(id, object);
    return object.type === "blob" || [...entriesOf(object).values()].every((entry) => this.#collectTree(entry, into));
  }

  /** Blobs by `<commit>:<path>`, null where there is none; undefined where one of the commits is not here. */
  read(names: readonly string[]): readonly (Buffer | null)[] | undefined {
    const blobs: (Buffer | null)[] = [];
    for (const name of names) {
      const [revision = "", ...path] = name.split(":");
      const commit = this.#objects.get(revision);
      if (commit?.type !== "commit") return undefined;
      const blob = this.#walk(linksOf(commit).tree, path.join(":").split("/"));
      if (blob === undefined) return undefined;
      blobs.push(blob);
    }
    return blobs;
  }

  #walk(id: string, [name, ...rest]: readonly string[]): Buffer | null | undefined {
    const object = this.#objects.get(id);
    if (!object) return undefined;
    if (name === undefined) return object.type === "blob" ? object.content : null;
    const next = object.type === "tree" ? entriesOf(object).get(name) : undefined;
    return next === undefined ? null : this.#walk(next, rest);
  }

  /** A chain's commits up to `tip`, oldest first: to where it is cut, or the last ones. */
  chain(tip: CommitId, last = Number.POSITIVE_INFINITY): readonly CommitId[] | undefined {
    const commits: CommitId[] = [];
    for (let at: CommitId | null = tip; at && commits.length < last; ) {
      const object = this.#objects.get(at);
      if (object?.type !== "commit") return undefined;
      commits.unshift(at);
      at = this.#shallow.has(at) ? null : (linksOf(object).parents[0] ?? null);
    }
    return commits;
  }

  /** The first parent of a commit, here or not. */
  parentOf(commit: CommitId): CommitId | null | undefined {
    const object = this.#objects.get(commit);
    return object?.type === "commit" ? (linksOf(object).parents[0] ?? null) : undefined;
  }

  /** What git does not have yet, once; null where it has everything. */
  takePending(): Pending | null {
    if (this.#pending.size === 0) return null;
    const objects = { pack: writePack(this.#pending), count: this.#pending.size };
    const cuts = { shallow: [...this.#pendingShallow], whole: [...this.#pendingWhole] };
    this.#pending = new Map();
    this.#pendingShallow = new Set();
    this.#pendingWhole = new Set();
    return { ...objects, ...cuts };
  }
}

function isOfFiles(commit: LocalCommit): commit is NewCommit<Files> {
  const { tree } = commit;
  return typeof tree !== "string" && Object.values(tree).every((content) => Buffer.isBuffer(content));
}
