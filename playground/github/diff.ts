import type { World } from "../world.ts";
import { git } from "./git.ts";
import { repoApi, repoWeb } from "./render.ts";

const STATUS: Readonly<Record<string, string>> = {
  A: "added",
  D: "removed",
  M: "modified",
  R: "renamed",
  C: "copied",
  T: "changed",
};

/** The tree of no files, known to every git: the base of a first commit's changes. */
export const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

const between = (base: string, head: string): string[] => (base === EMPTY_TREE ? [base, head] : [`${base}...${head}`]);

/** The unified diff of what `head` adds since it left `base`. */
export const diffText = (gitDir: string, base: string, head: string): Promise<string> =>
  git(gitDir, ["diff", "--no-ext-diff", "--find-renames", ...between(base, head)]);

interface Change {
  readonly status: string;
  readonly sha: string;
  readonly path: string;
  readonly previous: string | null;
}

/** Reads `git diff --raw -z`: `:modes shas X00\0path\0[new path\0]`. */
function parseRaw(raw: string): Change[] {
  const fields = raw.split("\0");
  const changes: Change[] = [];
  for (let at = 0; at + 1 < fields.length; ) {
    const [, , , sha = "", status = ""] = (fields[at] ?? "").split(" ");
    const renamed = /^[RC]/.test(status);
    const first = fields[at + 1] ?? "";
    changes.push({
      status: status.charAt(0),
      sha,
      path: renamed ? (fields[at + 2] ?? "") : first,
      previous: renamed ? first : null,
    });
    at += renamed ? 3 : 2;
  }
  return changes;
}

const countLines = (patch: string, sign: "+" | "-"): number =>
  patch.split("\n").filter((line) => line.startsWith(sign)).length;

/** The changed files between two commits as GitHub lists them, each with its patch. */
export async function diffFiles(world: World, base: string, head: string) {
  const raw = await git(world.gitDir, ["diff", "--raw", "-z", "--no-abbrev", "--find-renames", ...between(base, head)]);
  const sections = (await diffText(world.gitDir, base, head)).split(/^(?=diff --git )/m);
  return parseRaw(raw).map(({ status, sha, path, previous }, index) => {
    const section = sections[index] ?? "";
    const at = section.search(/^@@ /m);
    const patch = at < 0 ? "" : section.slice(at).replace(/\n$/, "");
    const additions = countLines(patch, "+");
    const deletions = countLines(patch, "-");
    const url = encodeURI(path);
    return {
      ...{
        sha,
        filename: path,
        status: STATUS[status] ?? "changed",
        additions,
        deletions,
        changes: additions + deletions,
      },
      blob_url: `${repoWeb(world)}/blob/${head}/${url}`,
      raw_url: `${repoWeb(world)}/raw/${head}/${url}`,
      contents_url: `${repoApi(world)}/contents/${url}?ref=${head}`,
      ...(patch ? { patch } : {}),
      ...(previous === null ? {} : { previous_filename: previous }),
    };
  });
}
