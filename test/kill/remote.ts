import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Repository } from "../../src/sessions/git/repository.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import type { Event } from "../../src/sessions/journal.ts";
import { isAlive } from "../runner/work-tree.ts";
import { plainCommit } from "../sessions/remote.ts";
import { hookScript } from "./mortal.ts";

const path = process.env.PATH ?? "";

/** A remote in a folder, that writes down what it acknowledged, and at whose hooks those who push can die. */
export interface MortalRemote {
  readonly folder: string;
  readonly url: string;
  /** The remote itself, to look at it. */
  readonly there: Repository;
  readonly main: CommitId;
  /** Journals that were read, by the last commit of their chains. */
  readonly journals: Map<CommitId, readonly Event[]>;
  /** Waits until it is done with a push whose other side died. */
  settled(): Promise<void>;
  /** The refs that moved by pushes, in order; null: gone. */
  acknowledged(): readonly { readonly ref: string; readonly to: string | null }[];
  remove(): void;
}

export async function openMortalRemote(): Promise<MortalRemote> {
  const folder = mkdtempSync(join(tmpdir(), "offshoot-kill-"));
  const url = join(folder, "remote.git");
  await Repository.open({ dir: url, remote: { url, authorization: async () => undefined }, path });
  for (const hook of ["pre-receive", "reference-transaction"]) {
    writeFileSync(join(url, "hooks", hook), hookScript, { mode: 0o755 });
  }
  const there = Repository.at(url, path);
  const main = await there.commit(plainCommit("the sample"));
  await there.push([{ ref: "refs/heads/main", from: null, to: main }]);
  const read = (name: string) => (existsSync(join(url, name)) ? readFileSync(join(url, name), "utf8") : "");
  return {
    ...{ folder, url, there, main },
    journals: new Map(),
    async settled() {
      const receiving = Number(read("receiving"));
      while (receiving && isAlive(receiving)) await new Promise(setImmediate);
      rmSync(join(url, "receiving"), { force: true });
    },
    acknowledged: () =>
      read("moved")
        .split("\n")
        .filter(Boolean)
        .map((line) => {
          const [, to = "", ref = ""] = line.split(" ");
          return { ref, to: /^0+$/.test(to) ? null : to };
        }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
