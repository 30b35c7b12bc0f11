import type { Repository } from "../sessions/git/repository.ts";
import type { CommitId } from "../sessions/ids.ts";

/** A file of `output/` in one append of a session. */
export interface Output {
  readonly commit: CommitId;
  readonly name: string;
  readonly blob: string;
  readonly bytes: number;
}

/** What was too long for the journal's lines, over the whole chain, oldest first. */
export async function readOutputs(repository: Repository, tip: CommitId): Promise<readonly Output[]> {
  const format = ["--first-parent", "--root", "--reverse", "--format=%H", "--raw", "--no-abbrev", "--no-renames", "-z"];
  const listed = await repository.raw(["log", ...format, "--diff-filter=AM", tip, "--", "output/"]);
  const found = [...filesIn(listed)];
  if (found.length === 0) return [];
  const names = found.map(({ blob }) => `${blob}\n`).join("");
  const { stdout } = await repository.ask(["cat-file", "--batch-check=%(objectsize)"], names);
  const sizes = stdout.split("\n");
  return found.map((file, n) => ({ ...file, bytes: Number(sizes[n]) }));
}

/** Of what `git log --raw -z` prints: a commit, then its files, each as its objects and its path. */
function* filesIn(listed: string): Generator<Omit<Output, "bytes">> {
  let commit: CommitId | null = null;
  let blob: string | null = null;
  for (const field of listed.split("\0").map((text) => text.trim())) {
    if (/^[0-9a-f]{40}$/.test(field)) commit = field as CommitId;
    else if (field.startsWith(":")) blob = field.split(" ")[3] ?? null;
    else if (commit && blob && field) {
      yield { commit, blob, name: field.slice("output/".length) };
      blob = null;
    }
  }
}
