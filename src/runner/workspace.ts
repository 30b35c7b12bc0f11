import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Repository } from "../sessions/git/repository.ts";
import type { CommitId } from "../sessions/ids.ts";
import { fetchCommit } from "./branch.ts";
import type { Spawn } from "./processes.ts";

/**
 * The agent's work tree, seen from a clean repository elsewhere: git never runs inside the tree, so nothing that the
 * agent writes there (configuration, hooks, filters) is carried out. Without a sandbox it can still reach the clean
 * repository itself.
 */
export interface Workspace {
  readonly tree: string;
  /** Makes tracked files those of `commit`; ignored files stay. */
  checkout(commit: CommitId): Promise<void>;
  /** Takes all files that are not ignored into a git tree. */
  snapshot(): Promise<Snapshot>;
}

export interface Snapshot {
  /** The tree's id. */
  readonly tree: string;
  /** What was not taken, and why: unreadable files, repositories that were made within the tree. */
  readonly leftOut: readonly string[];
}

export interface WorkspaceOptions {
  readonly repository: Repository;
  readonly tree: string;
  readonly scratch: string;
  /** The commit that the tree was checked out at; null for an empty folder. */
  readonly at: CommitId | null;
}

export async function openWorkspace({ repository, tree, scratch, at }: WorkspaceOptions): Promise<Workspace> {
  await mkdir(scratch, { recursive: true });
  await mkdir(tree, { recursive: true });
  const env = { GIT_WORK_TREE: tree, GIT_INDEX_FILE: join(scratch, "index") };
  const git: Git = (...args) => repository.raw(args, env);
  const begun = at ? fetchCommit(repository, at).then(() => git("read-tree", at)) : Promise.resolve("");
  begun.catch(() => undefined); // thrown by what needs it
  let base = at;
  return {
    tree,
    async checkout(commit) {
      await begun;
      await addAll(git);
      await git("read-tree", "-u", "--reset", commit);
      base = commit;
    },
    async snapshot() {
      await begun;
      const unreadable = await addAll(git);
      const nested = base ? await newGitlinks(git, base) : [];
      if (nested.length > 0) await git("update-index", "--force-remove", "--", ...nested);
      const leftOut = [...unreadable, ...nested.map((path) => `'${path}/' is a git repository of its own`)];
      return { tree: (await git("write-tree")).trim(), leftOut };
    },
  };
}

type Git = (...args: string[]) => Promise<string>;

/** Repositories within the tree that `base` does not have: git would take a commit's id that no remote knows. */
async function newGitlinks(git: Git, base: CommitId): Promise<readonly string[]> {
  const raw = await git("diff-index", "--cached", "--raw", "--no-renames", "-z", base);
  return [...raw.matchAll(/:(\d+) 160000 [^\0]*\0([^\0]*)\0/g)].flatMap(([, before, path = ""]) =>
    before === "160000" ? [] : [path],
  );
}

async function addAll(git: Git): Promise<readonly string[]> {
  try {
    await git("add", "--all", "--ignore-errors", "--", ".");
    return [];
  } catch (error) {
    const reasons = error instanceof Error ? error.message.match(/(?<=^error: ).*/gm) : null;
    if (!reasons) throw error;
    return reasons;
  }
}

/**
 * Lets the agent's own git tell its changes from `commit`, so that `git diff` and `git log` mean what it expects. Runs as
 * the agent, in its environment: git inside the tree may do what the agent told it to.
 */
export async function alignAgentsGit(
  spawn: Spawn,
  { tree, env, repository, commit }: { tree: string; env: NodeJS.ProcessEnv; repository: Repository; commit: CommitId },
): Promise<void> {
  const script = 'git init --quiet . && git fetch --quiet --depth=1 "$1" "$2" && git reset --quiet "$2"';
  const child = spawn(["bash", "-c", script, "bash", repository.dir, commit], { cwd: tree, env, stdio: "ignore" });
  await once(child, "close");
}

export async function treeOf(repository: Repository, commit: CommitId): Promise<string> {
  return (await repository.raw(["rev-parse", "--verify", "--end-of-options", `${commit}^{tree}`])).trim();
}

export type Merged =
  | { readonly ok: true; readonly tree: string }
  | { readonly ok: false; readonly paths: readonly string[] };

/** Carries the change from `base` to `ours` over to `theirs`, without a work tree; `paths` are those in conflict. */
export async function carryOver(
  repository: Repository,
  { base, ours, theirs }: { base: CommitId; ours: CommitId; theirs: CommitId },
): Promise<Merged> {
  // git merges from the commit that both sides have in common, so theirs is given the parent that ours has.
  const nobody = { name: "offshoot", email: "offshoot@localhost", at: new Date(0) };
  const tree = await treeOf(repository, theirs);
  const sibling = { parents: [base], author: nobody, committer: nobody, message: "theirs", tree };
  const args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", ours, await repository.commit(sibling)];
  const { code, stdout } = await repository.ask(args);
  const [merged = "", ...paths] = stdout.split("\n").filter(Boolean);
  return code === 0 ? { ok: true, tree: merged } : { ok: false, paths };
}
