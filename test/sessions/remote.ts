import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { NewCommit } from "../../src/sessions/git/commit.ts";
import { gitStore } from "../../src/sessions/git/git-store.ts";
import { Repository } from "../../src/sessions/git/repository.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import type { SessionStore } from "../../src/sessions/store.ts";

export interface GitRemote {
  /** The remote's own bare repository, to look at it and to damage it. */
  readonly bare: Repository;
  readonly clone: () => Promise<Repository>;
  /** A store with a clone of its own, as another machine would have. */
  readonly store: () => Promise<SessionStore>;
  /** Makes the remote run a shell script at one of its hooks, from now on; null: no longer. */
  readonly hook: (name: "pre-receive" | "reference-transaction", script: string | null) => Promise<void>;
}

const path = process.env.PATH ?? "";

/** Scripts for {@link GitRemote.hook}: the connection dies when all is done, or before anything is. */
export const dies = { afterwards: '[ "$1" != committed ] || kill -9 $PPID', before: "kill -9 $PPID" };

/** A commit of nothing much; the same content always gives the same id. */
export function plainCommit(text: string, parents: readonly CommitId[] = []): NewCommit {
  const who = { name: "Grace", email: "grace@example.test", at: new Date("2026-11-01T12:00:00Z") };
  return { parents, author: who, committer: who, message: text, tree: { "file.txt": Buffer.from(text) } };
}

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
  return {
    bare,
    clone,
    store: async () => gitStore(await clone()),
    async hook(name, script) {
      const file = join(url, "hooks", name);
      if (script === null) return rm(file);
      await writeFile(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    },
  };
}
