import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
  const git = (args: readonly string[], options: { env?: Record<string, string>; input?: string } = {}) =>
    execFileSync("git", args, {
      cwd: folder,
      encoding: "utf8",
      input: options.input,
      env: { ...process.env, ...options.env },
      stdio: ["pipe", "pipe", "inherit"],
    }).trim();
  const before = git(["tag", "--list", "v*.*.*", "--sort=-version:refname"]).split("\n").filter(Boolean);
  const { tag, major, last } = releaseOf(version, before);
  if (git(["status", "--porcelain"]))
    throw new Error("There are changes that are not committed: commit or undo them first.");
  const range = last ? `${last}^..HEAD` : "HEAD";
  const subjects = git(["log", "--no-merges", "--format=%s", range]).split("\n").filter(Boolean);
  const date = new Date(git(["log", "-1", "--format=%cI"])).toISOString().slice(0, 10);
  const notes = changelog({ version, date, subjects });
  const older = last ? git(["show", `${last}:CHANGELOG.md`]) : "";

  const blob = (input: string) => git(["hash-object", "-w", "--stdin"], { input });
  const manifest = { ...JSON.parse(readFileSync(join(folder, "package.json"), "utf8")), version };
  const files = {
    "dist/action.js": blob(readFileSync(await buildAction(folder), "utf8")),
    "package.json": blob(`${JSON.stringify(manifest, null, 2)}\n`),
    "CHANGELOG.md": blob(`${notes}\n${older}`.trimEnd().concat("\n")),
  };
  const env = { GIT_INDEX_FILE: join(folder, ".git", "release-index"), ...identity() };
  git(["read-tree", "HEAD"], { env });
  for (const [path, id] of Object.entries(files)) {
    git(["update-index", "--add", "--cacheinfo", `100644,${id},${path}`], { env });
  }
  const tree = git(["write-tree"], { env });
  rmSync(env.GIT_INDEX_FILE, { force: true });
  const commit = git(["commit-tree", tree, "-p", "HEAD", "-m", `Release ${tag}`], { env });
  git(["tag", "--annotate", "--message", notes, "--cleanup=verbatim", tag, commit], { env });
  git(["tag", "--force", major, commit], { env });
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
