import type { Pull, World } from "../world.ts";
import { git } from "./git.ts";
import { repoApi, repoWeb } from "./render.ts";

const STATUS: Readonly<Record<string, string>> = { A: "added", D: "removed", M: "modified" };

const countLines = (patch: string, sign: "+" | "-"): number =>
  patch.split("\n").filter((line) => line.startsWith(sign)).length;

/** The files that a pull request changes as GitHub lists them, each with its patch; a moved file counts as two. */
export async function diffFiles(world: World, { baseSha, headSha }: Pull) {
  const diff = ["diff", "--no-ext-diff", "--no-renames"];
  const range = `${baseSha}...${headSha}`;
  const raw = await git(world.gitDir, [...diff, "--raw", "-z", "--no-abbrev", range]);
  const sections = (await git(world.gitDir, [...diff, range])).split(/^(?=diff --git )/m);
  // Each change is `:mode mode sha sha status`, NUL, path, NUL.
  return [...raw.matchAll(/:\S+ \S+ \S+ (\w+) (\w)\0([^\0]+)\0/g)].map(([, sha, status = "", path = ""], index) => {
    const section = sections[index] ?? "";
    const at = section.search(/^@@ /m);
    const patch = at < 0 ? "" : section.slice(at).replace(/\n$/, "");
    const [additions, deletions] = [countLines(patch, "+"), countLines(patch, "-")];
    const place = `${headSha}/${encodeURI(path)}`;
    return {
      ...{ sha, filename: path, status: STATUS[status] ?? "changed" },
      ...{ additions, deletions, changes: additions + deletions },
      ...{ blob_url: `${repoWeb(world)}/blob/${place}`, raw_url: `${repoWeb(world)}/raw/${place}` },
      contents_url: `${repoApi(world)}/contents/${encodeURI(path)}?ref=${headSha}`,
      ...(patch ? { patch } : {}),
    };
  });
}
