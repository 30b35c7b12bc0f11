import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { type CommitId, commitIdSchema } from "../ids.ts";
import { type RefUpdate, StoreError } from "../store.ts";
import { importStream, type LocalCommit } from "./commit.ts";
import { batchReader, complaint, parseRefs, rejections } from "./output.ts";
import {
  authorize,
  cleanEnvironment,
  type Environment,
  GitFailed,
  type GitOptions,
  type Ran,
  runGit,
} from "./process.ts";
import { moveRefs } from "./refs.ts";
import { Near, type Pending } from "./wire/near.ts";
import { smartHttp } from "./wire/smart-http.ts";

export interface Remote {
  readonly url: string;
  /** The value of an `Authorization` header, asked for before each transfer; undefined: none is needed. */
  readonly authorization: () => Promise<string | undefined>;
  /** The environment of transfers where a person's own configuration and credentials are meant to be used; undefined unsets. */
  readonly environment?: Environment;
}

/** What HEAD of a repository of our own names: git refuses to fetch into the branch that it takes for checked out. */
const nobodysBranch = "offshoot-nobody";

type RunOptions = Partial<Omit<GitOptions, "cwd">>;

/** How such a command ended. */
interface Asked {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Rejected {
  readonly ref: string;
  readonly reason: string;
}

export type Push = { readonly ok: true } | { readonly ok: false; readonly moved: readonly string[] };

/**
 * A clean bare repository of our own and the remote that it works for; or a repository that somebody else has, whose own
 * refs are what is worked on. System and user configuration are off, hooks and prompts too; credentials reach git
 * through its environment only. Transfers run one after another.
 */
export class Repository {
  readonly dir: string;
  readonly #remote: Remote | null;
  readonly #env: Readonly<Record<string, string>>;
  /** What goes without git; null where the remote is none that it could be done with. */
  readonly #near: Near | null;
  #isWired = true;
  #transfers: Promise<unknown> = Promise.resolve();
  #transferring: Promise<unknown> = Promise.resolve();
  #settled: Promise<unknown> = Promise.resolve();

  private constructor(dir: string, remote: Remote | null, path: string) {
    this.dir = dir;
    this.#remote = remote;
    this.#env = cleanEnvironment(dir, path);
    // A person's own configuration may send git another way: through a proxy, with a helper's credentials.
    const isOurs = remote?.environment === undefined && /^https?:/.test(remote?.url ?? "");
    this.#near = remote && isOurs ? new Near(smartHttp(remote)) : null;
  }

  /** Opens the repository at `dir`, making it where there is none; `path` is where git and its helpers are found. */
  static async open(options: { dir: string; remote: Remote; path: string }): Promise<Repository> {
    await mkdir(options.dir, { recursive: true });
    const repository = new Repository(options.dir, options.remote, options.path);
    await repository.raw(["init", "--quiet", "--bare", `--initial-branch=${nobodysBranch}`, "."]);
    return repository;
  }

  /** A repository that is there, without a remote: what is fetched is there already, what is pushed moves its own refs. */
  static at(dir: string, path: string): Repository {
    return new Repository(dir, null, path);
  }

  /** Runs a git command that neither talks to the remote nor reads its input; gives its output. Throws {@link GitFailed}. */
  async raw(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, stdout, stderr } = await this.#run(args, { env });
    if (code !== 0) throw new GitFailed(stderr.trim() || `git ${args[0]} ended with ${code}`);
    return stdout.toString();
  }

  /** Runs such a command whose exit code is part of its answer. */
  async ask(args: readonly string[], input = ""): Promise<Asked> {
    const { code, stdout, stderr } = await this.#run(args, { input: Buffer.from(input) });
    return { code, stdout: stdout.toString(), stderr };
  }

  /**
   * Brings refs here by refspec. A pattern that matches nothing is fine, a full name that is not there throws. A depth
   * takes that many commits and forgets older ones; "all" completes what was taken with a depth before.
   */
  async fetch(refspecs: readonly string[], depth?: number | "all"): Promise<void> {
    if (!this.#remote) return;
    // Without --no-auto-maintenance, each fetch starts one more process that only finds that it is to do nothing.
    const quietly = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
    const args = [...quietly, "--prune", ...(await this.#depth(depth))];
    const result = await this.#transfer([...args, this.#remote.url, ...refspecs]);
    // With a depth, git ends so when no ref matches, and without having pruned; without a depth it does both well.
    if (depth !== undefined && result.code === 1 && result.stderr === "") {
      if (await this.#hasAny(refspecs)) await this.fetch(refspecs);
      return;
    }
    if (result.code !== 0) throw new StoreError("unreachable", `git fetch failed: ${complaint(result.stderr)}`);
  }

  /** Brings a ref here with its files; gives its tip, null where it is not there. */
  async fetchRef(ref: string, depth?: number | "all"): Promise<CommitId | null> {
    // By pattern, because asking for a full name that is not there is an error to git.
    await this.fetch([`+${ref}*:${ref}*`], depth);
    return (await this.refs(ref)).get(ref) ?? null;
  }

  /** The same for a chain of small commits, such as a journal's: its end, all of it, or what has come since the last time. */
  async fetchChain(ref: string, depth?: number | "all"): Promise<CommitId | null> {
    if (depth !== "all" && this.#near && this.#isWired) return this.#wired(this.#near.fetch(ref, depth));
    const tip = await this.fetchRef(ref, depth);
    this.#near?.forget();
    return tip;
  }

  /** Whether some of a chain has been brought here. */
  async hasChain(ref: string): Promise<boolean> {
    if (this.#near && this.#isWired) return this.#near.has(ref);
    return (await this.refs(ref)).has(ref);
  }

  /** Where a ref of the remote is; its commit may not be here. */
  async locate(ref: string): Promise<CommitId | null> {
    if (this.#near && this.#isWired) return this.#wired(this.#near.locate(ref));
    return this.fetchRef(ref, 1);
  }

  /** A server that gives no answer so may give one to git: that is asked from then on. */
  async #wired<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      this.#isWired = false;
      throw error;
    }
  }

  /** Whether there is anything here that such refspecs could bring up to date. */
  async #hasAny(refspecs: readonly string[]): Promise<boolean> {
    const here = refspecs.map((refspec) => refspec.split(":")[1]).filter((ref) => ref !== undefined);
    return (await this.refs(...here)).size > 0;
  }

  async #depth(depth: number | "all" | undefined): Promise<string[]> {
    if (depth === undefined) return [];
    if (depth !== "all") return [`--depth=${depth}`];
    const { stdout } = await this.ask(["rev-parse", "--is-shallow-repository"]);
    // Not --unshallow, which completes everything that was ever taken with a depth, whatever is asked for.
    return stdout.trim() === "true" ? ["--depth=2147483646"] : [];
  }

  /** Moves refs on the remote all at once, each only from where it was read. Throws when the remote gave no answer. */
  async push(updates: readonly RefUpdate[]): Promise<Push> {
    const invalid = updates.find(({ to }) => to !== null && !v.is(commitIdSchema, to));
    if (invalid) throw new StoreError("invalid", `${invalid.ref} cannot move to ${JSON.stringify(invalid.to)}`);
    if (!this.#remote) return moveRefs(this, updates);
    const pushed = this.#near && this.#isWired ? await this.#wired(this.#near.push(updates)) : undefined;
    if (!pushed) return this.#pushByGit(updates);
    return pushed.rejected.length === 0 ? { ok: true } : this.#refused(updates, pushed.rejected, pushed.said);
  }

  async #pushByGit(updates: readonly RefUpdate[]): Promise<Push> {
    const leases = updates.map(({ ref, from }) => `--force-with-lease=${ref}:${from ?? ""}`);
    const refspecs = updates.map(({ ref, to }) => `${to ?? ""}:${ref}`);
    const args = ["push", "--atomic", "--porcelain", "--no-verify", ...leases, this.#theRemote().url, ...refspecs];
    const result = await this.#transfer(args, this.#cutSilently());
    if (result.code === 0) {
      this.#near?.moved(updates);
      return { ok: true };
    }
    const rejected = rejections(result.stdout.toString());
    if (rejected.length === 0) throw new StoreError("unreachable", `git push failed: ${complaint(result.stderr)}`);
    return this.#refused(updates, rejected, complaint(result.stderr));
  }

  /** Words of servers differ, so the refs themselves tell whether they have moved, or are not to be moved. */
  async #refused(updates: readonly RefUpdate[], rejected: readonly Rejected[], said: string): Promise<Push> {
    const names = updates.map(({ ref }) => ref);
    const now = this.#near && this.#isWired ? await this.#wired(this.#near.refs(names)) : await this.#lsRemote(names);
    const left = updates.filter(({ ref, to }) => (now.get(ref) ?? null) !== to);
    if (left.length < updates.length) return left.length === 0 ? { ok: true } : this.push(left);
    const moved = updates.filter(({ ref, from }) => (now.get(ref) ?? null) !== from).map(({ ref }) => ref);
    if (moved.length > 0) return { ok: false, moved };
    const reasons = rejected.map(({ ref, reason }) => `${ref} ${reason}`).join(", ");
    throw new StoreError("refused", `The remote refused a push: ${reasons}. ${said}`);
  }

  /**
   * Where history was taken with a depth, git is to end its walk, and not to tell the remote so: that would look for each
   * such commit in the whole history of all its refs, which takes minutes where there are hundreds.
   */
  #cutSilently(): Readonly<Record<string, string>> {
    return { GIT_SHALLOW_FILE: "", GIT_GRAFT_FILE: join(this.dir, "shallow") };
  }

  async #lsRemote(names: readonly string[]): Promise<ReadonlyMap<string, CommitId>> {
    const result = await this.#transfer(["ls-remote", "--refs", this.#theRemote().url, ...names]);
    if (result.code !== 0) throw new StoreError("unreachable", `git ls-remote failed: ${complaint(result.stderr)}`);
    return parseRefs(result.stdout.toString());
  }

  async resolve(revision: string): Promise<CommitId | null> {
    const { stdout } = await this.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`]);
    const parsed = v.safeParse(commitIdSchema, stdout.trim());
    return parsed.success ? parsed.output : null;
  }

  async tree(commit: CommitId): Promise<string> {
    return (await this.raw(["rev-parse", `${commit}^{tree}`])).trim();
  }

  /** Refs here under prefixes that end in a slash, by patterns that end in `*` within a folder, or of those names. */
  async refs(...prefixes: readonly string[]): Promise<ReadonlyMap<string, CommitId>> {
    return parseRefs(await this.raw(["for-each-ref", "--format=%(objectname) %(refname)", ...prefixes]));
  }

  /** Commits of a chain up to `tip`, oldest first: from its root, or the last ones. */
  async chain(tip: CommitId, last?: number): Promise<readonly CommitId[]> {
    const near = this.#near?.chain(tip, last);
    if (near) return near;
    const most = last === undefined ? [] : [`--max-count=${last}`];
    const out = await this.raw(["rev-list", "--first-parent", ...most, tip]);
    const lines = out.split("\n").filter(Boolean).reverse();
    return lines.map((line) => v.parse(commitIdSchema, line));
  }

  /** The first parent of a commit, also where that is not here any more. */
  async parentOf(commit: CommitId): Promise<CommitId | null> {
    const near = this.#near?.parentOf(commit);
    if (near !== undefined) return near;
    const raw = await this.raw(["cat-file", "commit", commit]);
    return v.parse(
      v.nullable(commitIdSchema),
      /^parent ([0-9a-f]{40})$/m.exec(raw.split("\n\n", 1)[0] ?? "")?.[1] ?? null,
    );
  }

  async isAncestor(older: CommitId, newer: CommitId): Promise<boolean> {
    const { code } = await this.ask(["merge-base", "--is-ancestor", older, newer]);
    return code === 0;
  }

  /** Reads blobs by name (`<commit>:<path>`), null where there is none. */
  async read(names: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const near = this.#near?.read(names);
    if (near) return near;
    const blobs: (Buffer | null)[] = [];
    await this.readEach(names, (blob) => blobs.push(blob));
    return blobs;
  }

  /** The same, each given to `use` in order as soon as it is read, while git reads on. */
  async readEach(names: readonly string[], use: (blob: Buffer | null) => void): Promise<void> {
    const input = Buffer.from(names.map((name) => `${name}\n`).join(""));
    const { code, stderr } = await this.#run(["cat-file", "--batch"], { input, onOutput: batchReader(use) });
    if (code !== 0) throw new StoreError("invalid", `git cat-file failed: ${complaint(stderr)}`);
  }

  /** Writes a commit and gives its id; no ref of anyone's moves. */
  async commit(commit: LocalCommit): Promise<CommitId> {
    const [id] = await this.commits([commit]);
    if (!id) throw new StoreError("invalid", "git fast-import made no commit");
    return id;
  }

  /** Writes commits that do not stand on one another, in one process, and gives their ids in order. */
  async commits(commits: readonly LocalCommit[]): Promise<readonly CommitId[]> {
    if (commits.length === 0) return [];
    const made = commits.flatMap((commit) => this.#near?.add(commit) ?? []);
    if (made.length === commits.length) return made;
    const result = await this.#run(["fast-import", "--quiet", "--force", "--done"], { input: importStream(commits) });
    const ids = v.safeParse(v.array(commitIdSchema), result.stdout.toString().split("\n").filter(Boolean));
    if (!ids.success || ids.output.length !== commits.length) {
      throw new StoreError("invalid", `git fast-import failed: ${complaint(result.stderr)}`);
    }
    return ids.output;
  }

  #theRemote(): Remote {
    if (!this.#remote) throw new StoreError("invalid", `${this.dir} has no remote to talk to`);
    return this.#remote;
  }

  async #transfer(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const { environment = {}, authorization } = this.#theRemote();
    const run = async () => {
      const authorized = authorize(await authorization());
      await this.#settle();
      const transferring = this.#runNow(args, { env: { ...environment, ...env, ...authorized } });
      this.#transferring = transferring.catch(() => undefined);
      return transferring;
    };
    const transfer = this.#transfers.then(run, run);
    this.#transfers = transfer.catch(() => undefined);
    return transfer;
  }

  async #run(args: readonly string[], options: RunOptions): Promise<Ran> {
    await this.#settle();
    return this.#runNow(args, options);
  }

  /** Writes down for git what it was not needed for; a transfer that is under way rewrites where history is cut. */
  #settle(): Promise<unknown> {
    const pending = this.#near?.takePending();
    if (pending) this.#settled = this.#settled.then(() => this.#transferring).then(() => this.#takeIn(pending));
    return this.#settled;
  }

  async #takeIn({ pack, count, shallow, whole }: Pending): Promise<void> {
    // As git itself does it, see transfer.unpackLimit.
    const args = count < 100 ? ["unpack-objects", "-q"] : ["index-pack", "--stdin"];
    const { code, stderr } = await this.#runNow(args, { input: pack });
    if (code !== 0) throw new StoreError("invalid", `git ${args[0]} failed: ${complaint(stderr)}`);
    if (shallow.length === 0 && whole.length === 0) return;
    const file = join(this.dir, "shallow");
    const before = (await readFile(file, "utf8").catch(() => "")).split("\n").filter(Boolean);
    const now = new Set([...before, ...shallow]);
    for (const id of whole) now.delete(id);
    await writeFile(file, [...now].map((id) => `${id}\n`).join(""));
  }

  #runNow(args: readonly string[], { env, ...options }: RunOptions): Promise<Ran> {
    return runGit(args, { cwd: this.dir, env: { ...this.#env, ...env }, ...options });
  }
}
