import type { CommitId } from "../ids.ts";
import { type RefUpdate, StoreError } from "../store.ts";
import { complaint } from "./output.ts";
import type { Push, Repository } from "./repository.ts";

/** Moves refs of a repository on this machine all at once, each only from where it was read. */
export async function moveRefs(repository: Repository, updates: readonly RefUpdate[]): Promise<Push> {
  const before = await refsNow(repository, updates);
  const moving = updates.filter(({ ref, to }) => (before.get(ref) ?? null) !== to);
  await refuseCheckedOut(repository, moving);
  const transaction = ["start", ...moving.map(instruction), "prepare", "commit", ""].join("\n");
  const { code, stderr } = await repository.ask(["update-ref", "--stdin"], transaction);
  if (code === 0) return { ok: true };
  const now = await refsNow(repository, updates);
  const moved = moving.filter(({ ref, from }) => (now.get(ref) ?? null) !== from).map(({ ref }) => ref);
  if (moved.length > 0) return { ok: false, moved };
  throw new StoreError("refused", `git did not move ${moving.map(({ ref }) => ref).join(", ")}: ${complaint(stderr)}`);
}

function instruction({ ref, from, to }: RefUpdate): string {
  if (to === null) return `delete ${ref} ${from}`;
  return from === null ? `create ${ref} ${to}` : `update ${ref} ${to} ${from}`;
}

async function refsNow(repository: Repository, updates: readonly RefUpdate[]): Promise<ReadonlyMap<string, CommitId>> {
  return updates.length === 0 ? new Map() : repository.refs(...updates.map(({ ref }) => ref));
}

/** A branch that somebody works on in a checkout would look to them as if they had undone what is new on it. */
async function refuseCheckedOut(repository: Repository, moving: readonly RefUpdate[]): Promise<void> {
  if (!moving.some(({ ref }) => ref.startsWith("refs/heads/"))) return;
  const folders = await checkedOut(repository);
  for (const { ref } of moving) {
    const folder = folders.get(ref);
    if (folder === undefined) continue;
    const name = ref.slice("refs/heads/".length);
    throw new StoreError(
      "refused",
      `the branch ${name} is checked out in ${folder}. Check out another one there first`,
    );
  }
}

/** The folders in which branches are checked out, by the branch's ref. */
export async function checkedOut(repository: Repository): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await repository.ask(["worktree", "list", "--porcelain"]);
  const found = stdout.matchAll(/^worktree (.*)\n(?:.+\n)*?branch (.*)$/gm);
  return new Map([...found].map(([, folder = "", branch = ""]) => [branch, folder]));
}
