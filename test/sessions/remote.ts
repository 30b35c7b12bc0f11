import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { Repository } from "../../src/sessions/git.ts";
import { gitStore } from "../../src/sessions/git-store.ts";
import type { SessionStore } from "../../src/sessions/store.ts";

export interface GitRemote {
  /** The remote's own bare repository, to look at it and to damage it. */
  readonly bare: Repository;
  readonly clone: () => Promise<Repository>;
  /** A store with a clone of its own, as another machine would have. */
  readonly store: () => Promise<SessionStore>;
}

const path = process.env.PATH ?? "";

/** A remote repository in a folder that goes when the test ends. */
export async function gitRemote(): Promise<GitRemote> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-test-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const url = join(dir, "remote.git");
  const remote = { url, authorization: async () => undefined };
  const bare = await Repository.open({ dir: url, remote, path });
  let clones = 0;
  const clone = () => {
    clones += 1;
    return Repository.open({ dir: join(dir, `clone-${clones}.git`), remote, path });
  };
  return { bare, clone, store: async () => gitStore(await clone()) };
}
