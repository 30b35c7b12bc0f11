import type { Issue, Pull, World } from "../world.ts";
import type { Cause } from "./call.ts";
import { isAncestor, runGit } from "./git.ts";
import { setState } from "./issues.ts";

export interface RefMove {
  readonly ref: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** Git's name for no object: a ref that is not there. */
export const NO_OBJECT = "0".repeat(40);

/** Whether the API moves refs of this name. */
export const isRefName = (ref: string): boolean => /^refs\/(?!pull\/)[^/]+\/./.test(ref);

/** Tells the world that a ref has moved and brings the pull requests up to date. */
export async function refMoved(world: World, move: RefMove, cause: Cause): Promise<void> {
  world.bus.emit("ref", { ...move, ...cause });
  for (const issue of world.issues.values()) {
    const { pull, state } = issue;
    if (!pull || state !== "open") continue;
    if (move.ref === `refs/heads/${pull.head}`) await headMoved(world, { issue, pull }, move.after, cause);
    else if (move.ref === `refs/heads/${pull.base}` && move.after) {
      pull.merged = await isAncestor(world.gitDir, pull.headSha, move.after);
      if (pull.merged) setState(world, issue, "closed", cause);
      else pull.baseSha = move.after;
    }
  }
}

async function headMoved(
  world: World,
  { issue, pull }: { issue: Issue; pull: Pull },
  tip: string | null,
  cause: Cause,
): Promise<void> {
  if (tip === null) return setState(world, issue, "closed", cause);
  pull.headSha = tip;
  issue.updatedAt = world.now();
  await keepPullRef(world, issue.number, tip);
  world.bus.emit("pull", { action: "synchronize", issue, ...cause });
}

/** `refs/pull/N/head`, by which anyone can fetch the pull request. */
export async function keepPullRef(world: World, number: number, sha: string): Promise<void> {
  await runGit(world.gitDir, ["update-ref", `refs/pull/${number}/head`, sha]);
}
