import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mintToken } from "../playground/github/access.ts";
import { newIssue } from "../playground/github/issues.ts";
import { openGithub } from "../playground/github/server.ts";
import type { CommitId } from "../src/sessions/ids.ts";
import { git, importInto } from "./git.ts";
import type { Program } from "./start-run.ts";
import { newSession, openStory } from "./story.ts";
import { commitIn } from "./stream.ts";

/** A GitHub on loopback with one repository, in which sessions wait for runs. */
export interface StartWorld {
  /** Queues a prompt in a session of its own, after a turn of so many steps, and checks out `main` for the job. */
  job(stepsBefore: number): Promise<Program>;
  /** Requests to the API since the last look, `METHOD /path`. */
  requests(): readonly string[];
  close(): Promise<void>;
}

export interface StartWorldOptions {
  readonly dir: string;
  readonly bundle: string;
  readonly modelUrl: string;
  /** Files in the repository. */
  readonly files: number;
}

const [owner, repo] = ["octo", "sample"];

export async function openStartWorld({ dir, bundle, modelUrl, files }: StartWorldOptions): Promise<StartWorld> {
  const webhook = { secret: "bench" };
  const github = await openGithub({ port: 0, owner, repo, dir, webhook, app: { id: 99, slug: "offshoot" } });
  const { world } = github;
  const bot = world.users.get("github-actions[bot]");
  const person = world.users.get("maintainer");
  if (!bot || !person) throw new Error("There is nobody who could work.");
  const issue = newIssue(world, person, { title: "A test fails", body: "make the failing test pass" });
  world.issues.set(issue.number, issue);
  await importInto(world.gitDir, mainOf(files));
  const main = (await git(world.gitDir, ["rev-parse", "main"])).toString().trim() as CommitId;
  const checkout = join(dir, "checkout");
  await git(dir, ["clone", "--quiet", "--depth=1", `file://${world.gitDir}`, checkout]);
  let jobs = 0;
  let seen = 0;

  return {
    async job(stepsBefore) {
      jobs += 1;
      const folder = join(dir, `job-${jobs}`);
      const [workspace, temp] = [join(folder, "work"), join(folder, "temp")];
      for (const made of [temp, join(folder, "home")]) mkdirSync(made, { recursive: true });
      cpSync(checkout, workspace, { recursive: true, preserveTimestamps: true });
      const session = newSession();
      await importInto(world.gitDir, sessionOf(session, { main, stepsBefore }));
      const event = join(folder, "event.json");
      writeFileSync(event, JSON.stringify({ repository: { private: true, default_branch: "main" } }));
      for (const name of ["output", "state", "summary"]) writeFileSync(join(folder, name), "");
      const token = mintToken(world, { user: bot, kind: "run" });
      const env = {
        ...{ PATH: process.env.PATH ?? "", LANG: "C.UTF-8", HOME: join(folder, "home"), CI: "true" },
        ...{ GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: world.url, GITHUB_API_URL: `${world.url}/api/v3` },
        ...{ GITHUB_REPOSITORY: `${owner}/${repo}`, GITHUB_SHA: main, GITHUB_REF: "refs/heads/main" },
        ...{ GITHUB_RUN_ID: String(1_000 + jobs), GITHUB_RUN_ATTEMPT: "1", GITHUB_WORKSPACE: workspace },
        ...{ GITHUB_EVENT_NAME: "workflow_dispatch", GITHUB_EVENT_PATH: event, RUNNER_TEMP: temp },
        ...{ GITHUB_OUTPUT: join(folder, "output"), GITHUB_STATE: join(folder, "state") },
        ...{ GITHUB_STEP_SUMMARY: join(folder, "summary") },
        ...{ INPUT_MODE: "turn", INPUT_SESSION: session, INPUT_TOKEN: token, INPUT_NONCE: "", INPUT_MINUTES: "330" },
        ...{ OPENAI_API_KEY: "bench-key-of-nobody", OPENAI_BASE_URL: modelUrl, OFFSHOOT_MODEL: "openai:gpt-5.5" },
      };
      return { file: bundle, cwd: workspace, env };
    },
    requests() {
      const some = github.requests.slice(seen).map(({ method, path, status }) => `${method} ${path} ${status}`);
      seen = github.requests.length;
      return some;
    },
    close: github.close,
  };
}

function* mainOf(files: number): Generator<string> {
  const paths = Array.from({ length: files }, (_, at) => `src/part-${at % 100}/file-${at}.ts`);
  const content = Object.fromEntries(paths.map((path) => [path, `export const path = "${path}";\n`.repeat(40)]));
  yield commitIn("refs/heads/main", { at: "2026-11-20T00:00:00Z", files: content });
}

/** Events of a turn beside those of its steps, and of a step. */
const [around, ofStep] = [8, 3];

function* sessionOf(
  session: ReturnType<typeof newSession>,
  { main, stepsBefore }: { main: CommitId; stepsBefore: number },
): Generator<string> {
  const story = openStory(session, main);
  if (stepsBefore > 0) yield* story.turns(around + stepsBefore * ofStep);
  yield story.ask();
}
