import type { Issue, User, World } from "../world.ts";
import { isAncestor, runGit } from "./git.ts";

export interface RefMove {
  readonly ref: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface Cause {
  readonly sender: User;
  readonly startsWorkflows: boolean;
}

const HEADS = "refs/heads/";

/** Git's name for no object: a ref that is not there. */
export const NO_OBJECT = "0".repeat(40);

/** Tells the world that a ref has moved and brings the pull requests up to date. */
export async function refMoved(world: World, move: RefMove, cause: Cause): Promise<void> {
  world.bus.emit("ref", { ...move, ...cause });
  if (!move.ref.startsWith(HEADS)) return;
  const branch = move.ref.slice(HEADS.length);
  for (const issue of world.issues.values()) {
    if (!issue.pull || issue.state !== "open") continue;
    if (issue.pull.head === branch) await headMoved(world, issue, move, cause);
    else if (issue.pull.base === branch && move.after) await baseMoved(world, issue, move.after, cause);
  }
}

/** `refs/pull/N/head`, by which anyone can fetch the pull request. */
export async function keepPullRef(world: World, issue: Issue): Promise<void> {
  if (issue.pull) await runGit(world.gitDir, ["update-ref", `refs/pull/${issue.number}/head`, issue.pull.headSha]);
}

async function headMoved(world: World, issue: Issue, { before, after }: RefMove, cause: Cause): Promise<void> {
  if (!issue.pull) return;
  issue.updatedAt = world.now();
  if (after === null) return close(world, issue, cause);
  issue.pull.headSha = after;
  await keepPullRef(world, issue);
  world.bus.emit("pull", { action: "synchronize", issue, ...cause, before: before ?? after, after });
}

async function baseMoved(world: World, issue: Issue, tip: string, cause: Cause): Promise<void> {
  if (!issue.pull) return;
  if (await isAncestor(world.gitDir, issue.pull.headSha, tip)) {
    issue.pull.merged = true;
    close(world, issue, cause);
  } else issue.pull.baseSha = tip;
}

function close(world: World, issue: Issue, cause: Cause): void {
  issue.state = "closed";
  issue.closedAt = world.now();
  issue.updatedAt = world.now();
  world.bus.emit("pull", { action: "closed", issue, ...cause });
}
