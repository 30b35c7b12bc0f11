import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { killFamily } from "../runner/processes.ts";
import { shellMark } from "../runner/shell-state.ts";
import { type Remote, Repository } from "../sessions/git/repository.ts";
import type { SessionId } from "../sessions/ids.ts";
import type { Clone } from "./clone.ts";
import { lookAt } from "./process.ts";
import type { Terminal } from "./terminal.ts";

/** What one command works with on a session, outside the clone: all but the work tree goes when it is disposed of. */
export interface Workshop extends AsyncDisposable {
  /** The session's work tree, which stays for the next turn. */
  readonly tree: string;
  /** This command's own folder. */
  readonly scratch: string;
  /** A clean repository that borrows the clone's objects. */
  readonly repository: Repository;
  /** For who holds the session: ends and removes what runs that were killed have left. */
  sweep(): Promise<void>;
}

export interface WorkshopOptions {
  /** The session's id, or what else the workshop is for. */
  readonly name: string;
  /** Where the session lives. */
  readonly home: Remote;
}

export async function openWorkshop(terminal: Terminal, clone: Clone, options: WorkshopOptions): Promise<Workshop> {
  const base = workshopOf(terminal, clone, options.name);
  await mkdir(join(base, "runs"), { recursive: true });
  const runs = await realpath(join(base, "runs"));
  const own = `${process.pid}-${randomUUID().slice(0, 8)}`;
  const scratch = join(runs, own);
  const dir = join(scratch, "repository.git");
  await mkdir(join(dir, "objects", "info"), { recursive: true });
  await writeFile(join(dir, "objects", "info", "alternates"), `${join(clone.gitDir, "objects")}\n`);
  return {
    tree: join(base, "tree"),
    scratch,
    repository: await Repository.open({ dir, remote: options.home, path: terminal.env.PATH ?? "" }),
    async sweep() {
      // One that lives may be about to find out that the session is taken.
      for (const name of await readdir(runs)) if (!lookAt(Number.parseInt(name, 10))) await removeRun(join(runs, name));
    },
    [Symbol.asyncDispose]: () => removeRun(scratch),
  };
}

async function removeRun(folder: string): Promise<void> {
  await killFamily({ leaders: [], mark: `${shellMark}=${folder}/` });
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

function workshopOf({ env }: Terminal, { gitDir }: Clone, name: string): string {
  const cache = env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache");
  return join(cache, "offshoot", createHash("sha256").update(gitDir).digest("hex").slice(0, 12), name);
}

/** For a session on which nobody works any more: its work tree goes, too. */
export async function clearWorkshop(terminal: Terminal, clone: Clone, session: SessionId): Promise<void> {
  await rm(workshopOf(terminal, clone, session), { recursive: true, force: true, maxRetries: 3 });
}
