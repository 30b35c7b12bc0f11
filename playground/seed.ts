import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Octokit } from "@octokit/rest";
import { forApp, type Way } from "../src/setup/workflow-file.ts";
import { git } from "./github/git.ts";
import type { World } from "./world.ts";

const SAMPLE = join(import.meta.dirname, "sample");
const WORKFLOW = ".github/workflows/offshoot.yml";

const ISSUE = {
  title: 'parse("250ms") is more than four hours',
  body: `We read our retry delay from a config file, and since we wrote it as \`250ms\` instead of \`0.25s\` nothing is retried any more:

\`\`\`js
import { parse } from "durations";

parse("0.25s"); // 250
parse("250ms"); // 15000000, and should be 250
\`\`\`

\`npm test\` fails for me too on a fresh clone, in \`reads milliseconds\`.`,
};

/** A GitHub that the sample is put into, how it uses Offshoot, and the token of the person who opens the issue. */
type Target = Pick<World, "url" | "owner" | "repo" | "gitDir" | "defaultBranch"> & {
  readonly reporter: string;
  readonly way: Way;
};

/** Commits the sample's files to the default branch and opens the issue about its bug. Resolves to the issue's number. */
export async function seed(target: Target): Promise<number> {
  await commitSample(target);
  const { url, owner, repo, reporter } = target;
  const client = new Octokit({ baseUrl: `${url}/api/v3`, auth: reporter });
  return (await client.rest.issues.create({ owner, repo, ...ISSUE })).data.number;
}

/** Straight into the object store: a push would start the sample's CI before anyone is there to see it. */
async function commitSample({ gitDir, defaultBranch, way }: Target): Promise<void> {
  const files = await sampleFiles(way);
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const commit = `commit refs/heads/${defaultBranch}\ncommitter Ada <ada@example.com> now\n${data("Start of the project")}`;
  const changes = [...files].map(([path, content]) => `M 100644 inline ${path}\n${data(content)}`);
  await git(gitDir, ["fast-import", "--quiet", "--date-format=now"], { input: commit + changes.join("") });
}

async function sampleFiles(way: Way): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(SAMPLE, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = await Promise.all(
    paths.map(async (path) => [relative(SAMPLE, path), await readFile(path, "utf8")] as const),
  );
  const workflow = await readFile(join(import.meta.dirname, "..", WORKFLOW), "utf8");
  return new Map([...files, [WORKFLOW, way === "app" ? forApp(workflow) : workflow]]);
}
