import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { simpleGit } from "simple-git";
import { buildAction } from "./build.ts";
import { changelog, releaseOf } from "./changelog.ts";

const root = join(import.meta.dirname, "..");
const bot = { name: "github-actions[bot]", email: "41898282+github-actions[bot]@users.noreply.github.com" };

/**
 * Makes the release `version` of the commit that is checked out in `folder`: a commit beside the branch with the bundle, the
 * version and the changelog in it, the tag `vX.Y.Z` on it, and `vX` moved there. Nothing is pushed. Gives the tags and what is
 * new. Throws where there is nothing that could be released.
 */
export async function release(version: string, folder = root): Promise<{ tags: readonly string[]; notes: string }> {
  const index = join(folder, ".git", "release-index");
  const plain = simpleGit({ baseDir: folder });
  const git = async (...args: string[]) => (await plain.raw(args)).trim();
  const { PATH = "", HOME = "" } = process.env;
  const ours = { ...identity(), GIT_INDEX_FILE: index };
  const making = simpleGit({ baseDir: folder, allowEnvironment: Object.keys(ours) }).env({ PATH, HOME, ...ours });
  const make = async (...args: string[]) => (await making.raw(args)).trim();
  const before = (await git("tag", "--list", "v*.*.*", "--sort=-version:refname")).split("\n").filter(Boolean);
  const { tag, major, last } = releaseOf(version, before);
  if (await git("status", "--porcelain"))
    throw new Error("There are changes that are not committed: commit or undo them first.");
  const range = last ? `${last}^..HEAD` : "HEAD";
  const subjects = (await git("log", "--no-merges", "--format=%s", range)).split("\n").filter(Boolean);
  const date = new Date(await git("log", "-1", "--format=%cI")).toISOString().slice(0, 10);
  const notes = changelog({ version, date, subjects });
  const older = last ? await git("show", `${last}:CHANGELOG.md`) : "";

  const manifest = { ...JSON.parse(readFileSync(join(folder, "package.json"), "utf8")), version };
  const files = {
    "dist/action.js": readFileSync(await buildAction(folder), "utf8"),
    "package.json": `${JSON.stringify(manifest, null, 2)}\n`,
    "CHANGELOG.md": `${notes}\n${older}`.trimEnd().concat("\n"),
  };
  await make("read-tree", "HEAD");
  for (const [path, content] of Object.entries(files)) {
    const file = `${index}-blob`;
    writeFileSync(file, content);
    await make("update-index", "--add", "--cacheinfo", `100644,${await git("hash-object", "-w", file)},${path}`);
    rmSync(file);
  }
  const commit = await make("commit-tree", await make("write-tree"), "-p", "HEAD", "-m", `Release ${tag}`);
  rmSync(index, { force: true });
  await make("tag", "--annotate", "--message", notes, "--cleanup=verbatim", tag, commit);
  await git("tag", "--force", major, commit);
  return { tags: [tag, major], notes };
}

function identity(): Record<string, string> {
  const { name, email } = bot;
  return { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
}

if (import.meta.main) {
  const [version = "", notesFile] = process.argv.slice(2);
  const { tags, notes } = await release(version);
  if (notesFile) writeFileSync(notesFile, notes);
  console.error(`Made ${tags.join(" and ")}; push them with: git push --atomic --force origin ${tags.join(" ")}`);
}
