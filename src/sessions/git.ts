import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { type SimpleGit, simpleGit } from "simple-git";
import * as v from "valibot";
import { type CommitId, commitIdSchema } from "./ids.ts";
import { type RefUpdate, StoreError } from "./store.ts";

export interface Remote {
  readonly url: string;
  /** The value of an `Authorization` header, asked for before each transfer; undefined: none is needed. */
  readonly authorization: () => Promise<string | undefined>;
}

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

/** With the address that GitHub gives an account that keeps its own private. */
export function signature(by: { readonly login: string; readonly id: number }, at: Date): Signature {
  return { name: by.login, email: `${by.id}+${by.login}@users.noreply.github.com`, at };
}

export type Push = { readonly ok: true } | { readonly ok: false; readonly moved: readonly string[] };

/**
 * A clean bare repository of our own and the remote that it works for. System and user configuration are off, hooks and
 * prompts too; credentials reach git through its environment only. Transfers run one after another.
 */
export class Repository {
  readonly dir: string;
  readonly #remote: Remote;
  readonly #env: Readonly<Record<string, string>>;
  #transfers: Promise<unknown> = Promise.resolve();

  private constructor(dir: string, remote: Remote, path: string) {
    this.dir = dir;
    this.#remote = remote;
    this.#env = cleanEnvironment(dir, path);
  }

  /** Opens the repository at `dir`, making it where there is none; `path` is where git and its helpers are found. */
  static async open(options: { dir: string; remote: Remote; path: string }): Promise<Repository> {
    await mkdir(options.dir, { recursive: true });
    const repository = new Repository(options.dir, options.remote, options.path);
    await repository.raw(["init", "--quiet", "--bare", "."]);
    return repository;
  }

  /** Runs a git command that neither talks to the remote nor reads its input; gives its output. */
  raw(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    return gitIn(this.dir, { ...this.#env, ...env }).raw([...args]);
  }

  /** Runs such a command whose exit code is part of its answer. */
  async ask(args: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string }> {
    const { code, stdout } = await this.#run(args);
    return { code, stdout: stdout.toString() };
  }

  /**
   * Brings refs here by refspec. A pattern that matches nothing is fine, a full name that is not there throws. A depth
   * takes that many commits and forgets older ones; "all" completes what was taken with a depth before.
   */
  async fetch(refspecs: readonly string[], depth?: number | "all"): Promise<void> {
    const args = ["fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", ...(await this.#depth(depth))];
    const result = await this.#transfer([...args, this.#remote.url, ...refspecs]);
    // With a depth, git ends so when no ref matches, and without having pruned; without a depth it does both well.
    if (depth !== undefined && result.code === 1 && result.stderr === "") return this.fetch(refspecs);
    if (result.code !== 0) throw new StoreError("unreachable", `git fetch failed: ${lastLine(result.stderr)}`);
  }

  async #depth(depth: number | "all" | undefined): Promise<string[]> {
    if (depth === undefined) return [];
    if (depth !== "all") return [`--depth=${depth}`];
    const { stdout } = await this.ask(["rev-parse", "--is-shallow-repository"]);
    return stdout.trim() === "true" ? ["--unshallow"] : [];
  }

  /** Moves refs on the remote all at once, each only from where it was read. Throws when the remote gave no answer. */
  async push(updates: readonly RefUpdate[]): Promise<Push> {
    const leases = updates.map(({ ref, from }) => `--force-with-lease=${ref}:${from ?? ""}`);
    const refspecs = updates.map(({ ref, to }) => `${to === null ? "" : v.parse(commitIdSchema, to)}:${ref}`);
    const args = ["push", "--atomic", "--porcelain", "--no-verify", ...leases, this.#remote.url, ...refspecs];
    const result = await this.#transfer(args);
    if (result.code === 0) return { ok: true };
    const moved = movedRefs(result.stdout.toString());
    if (moved.length === 0) throw new StoreError("unreachable", `git push failed: ${lastLine(result.stderr)}`);
    return { ok: false, moved };
  }

  async resolve(revision: string): Promise<CommitId | null> {
    const found = await this.raw([
      "rev-parse",
      "--verify",
      "--quiet",
      "--end-of-options",
      `${revision}^{commit}`,
    ]).catch(() => "");
    const parsed = v.safeParse(commitIdSchema, found.trim());
    return parsed.success ? parsed.output : null;
  }

  /** Refs here under a prefix that ends in a slash, or the one ref of that name. */
  async refs(prefix: string): Promise<ReadonlyMap<string, CommitId>> {
    const out = await this.raw(["for-each-ref", "--format=%(objectname) %(refname)", prefix]);
    return new Map(
      out
        .split("\n")
        .filter(Boolean)
        .map((line) => [line.slice(41), v.parse(commitIdSchema, line.slice(0, 40))]),
    );
  }

  /** Commits of a chain from its root to `tip`. */
  async chain(tip: CommitId): Promise<readonly CommitId[]> {
    const out = await this.raw(["rev-list", "--reverse", "--first-parent", tip]);
    return out
      .split("\n")
      .filter(Boolean)
      .map((line) => v.parse(commitIdSchema, line));
  }

  async isAncestor(older: CommitId, newer: CommitId): Promise<boolean> {
    const { code } = await this.ask(["merge-base", "--is-ancestor", older, newer]);
    return code === 0;
  }

  /** Reads blobs by name (`<commit>:<path>`), null where there is none. */
  async read(names: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const result = await this.#run(["cat-file", "--batch"], Buffer.from(names.map((name) => `${name}\n`).join("")));
    if (result.code !== 0) throw new StoreError("invalid", `git cat-file failed: ${lastLine(result.stderr)}`);
    return parseBatch(result.stdout, names.length);
  }

  /** Writes a commit and gives its id; no ref of anyone's moves. */
  async commit(commit: NewCommit): Promise<CommitId> {
    const result = await this.#run(["fast-import", "--quiet", "--force", "--done"], importStream(commit));
    const id = v.safeParse(commitIdSchema, result.stdout.toString().trim());
    if (!id.success) throw new StoreError("invalid", `git fast-import failed: ${lastLine(result.stderr)}`);
    return id.output;
  }

  async #transfer(args: readonly string[]): Promise<Ran> {
    const run = async () => this.#run(args, undefined, authorize(await this.#remote.authorization()));
    const transfer = this.#transfers.then(run, run);
    this.#transfers = transfer.catch(() => undefined);
    return transfer;
  }

  #run(args: readonly string[], input?: Buffer, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    return runGit(args, { cwd: this.dir, env: { ...this.#env, ...env }, input });
  }
}

interface Ran {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function cleanEnvironment(dir: string, path: string): Record<string, string> {
  return {
    PATH: path,
    HOME: dir,
    LC_ALL: "C",
    GIT_DIR: dir,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_CONFIG_COUNT: "3",
    GIT_CONFIG_KEY_0: "core.hooksPath",
    GIT_CONFIG_VALUE_0: "/dev/null",
    GIT_CONFIG_KEY_1: "gc.auto",
    GIT_CONFIG_VALUE_1: "0",
    GIT_CONFIG_KEY_2: "submodule.recurse",
    GIT_CONFIG_VALUE_2: "false",
  };
}

function authorize(header: string | undefined): Record<string, string> {
  if (header === undefined) return {};
  return {
    GIT_CONFIG_COUNT: "4",
    GIT_CONFIG_KEY_3: "http.extraHeader",
    GIT_CONFIG_VALUE_3: `Authorization: ${header}`,
  };
}

/** simple-git guards against exactly the variables that keep the user's configuration out, so they are named to it. */
function gitIn(dir: string, env: Readonly<Record<string, string>>): SimpleGit {
  return simpleGit({
    baseDir: dir,
    completion: { onClose: true, onExit: false },
    allowEnvironment: Object.keys(env).filter((name) => name.startsWith("GIT_")),
    unsafe: { allowUnsafeConfigPaths: true, allowUnsafeConfigEnvCount: true, allowUnsafeHooksPath: true },
  }).env({ ...env });
}

function runGit(
  args: readonly string[],
  options: { cwd: string; env: Record<string, string>; input: Buffer | undefined },
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd: options.cwd, env: options.env, stdio: ["pipe", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
    );
    // A git that fails early closes its input; its exit code tells, not the broken pipe.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input);
  });
}

/** Refs that a porcelain push names as rejected for themselves, not because of another ref of the same push. */
function movedRefs(porcelain: string): string[] {
  return porcelain.split("\n").flatMap((line) => {
    const [flag, refspec, summary] = line.split("\t");
    if (flag !== "!" || !refspec || summary?.includes("atomic push failed")) return [];
    return [refspec.slice(refspec.indexOf(":") + 1)];
  });
}

function parseBatch(out: Buffer, count: number): (Buffer | null)[] {
  const blobs: (Buffer | null)[] = [];
  let at = 0;
  while (blobs.length < count) {
    const end = out.indexOf(10, at);
    const header = out.toString("utf8", at, end);
    at = end + 1;
    const size = /^[0-9a-f]{40} \w+ (\d+)$/.exec(header)?.[1];
    blobs.push(size === undefined ? null : out.subarray(at, at + Number(size)));
    if (size !== undefined) at += Number(size) + 1;
  }
  return blobs;
}

function importStream(commit: NewCommit): Buffer {
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

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
