import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { Github } from "../../playground/github/server.ts";
import { startScriptedModel } from "../../playground/scripted-model.ts";
import type { Terminal } from "../../src/terminal/terminal.ts";
import { openWithMain } from "../playground/github-fixture.ts";
import { type Said, temporaryFolder } from "./clone-world.ts";
import { inProcess } from "./reading-world.ts";

/** A repository on a GitHub of its own, and its maintainer at a terminal in a clone. */
export interface SetupWorld {
  readonly github: Github;
  readonly dir: string;
  readonly env: Record<string, string>;
  offshoot(args: readonly string[], change?: Partial<Terminal>): Promise<Said>;
  git(...args: string[]): Promise<string>;
  read(path: string): Promise<string>;
  write(path: string, text: string): Promise<void>;
  /** Commits everything and pushes it to the default branch. */
  publish(): Promise<void>;
}

export async function openSetupWorld(): Promise<SetupWorld> {
  const { github, clone } = await openWithMain();
  const home = await temporaryFolder();
  const env: Record<string, string> = {
    ...{ PATH: process.env.PATH ?? "", HOME: home, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" },
    ...{ GH_TOKEN: github.tokens.maintainer, GITHUB_API_URL: `${github.world.url}/api/v3` },
  };
  const { dir, git } = clone;
  return {
    ...{ github, dir, env, git },
    offshoot: (args, change) => inProcess({ cwd: dir, env, ...change }, args),
    read: (path) => readFile(join(dir, path), "utf8"),
    write: async (path, text) => {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), text);
    },
    publish: async () => {
      await git("add", "--all");
      await git("commit", "--quiet", "--allow-empty", "-m", "Set up");
      await git("push", "--quiet", "origin", "HEAD:main");
    },
  };
}

/** The same, set up as it should be: secrets, a model that answers, a run that was, a machine with bubblewrap. */
export async function openHealthyWorld(
  way: "workflow" | "app" = "workflow",
): Promise<SetupWorld & { readonly app: string }> {
  const world = await openSetupWorld();
  const app = await serve();
  await world.offshoot(way === "app" ? ["init", "--app", app, "--yes"] : ["init", "--workflow", "--yes"]);
  await world.publish();
  const { secrets, runs } = world.github.world;
  secrets.set("OPENAI_API_KEY", "sk-test").set("OFFSHOOT_JOURNAL_KEY", "a key");
  const model = await startScriptedModel({ script: () => ({ kind: "answer", text: "Yes." }) });
  onTestFinished(() => model.close());
  const bin = await temporaryFolder();
  await writeFile(join(bin, "bwrap"), "#!/bin/sh\nexit 0\n");
  await chmod(join(bin, "bwrap"), 0o755);
  Object.assign(world.env, { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: model.url, PATH: `${bin}:${world.env.PATH}` });
  runs.set(9, runOf(world.github));
  return { ...world, app };
}

export function runOf({ world }: Github, conclusion: "success" | "startup_failure" = "success") {
  const actor = world.users.get("maintainer");
  if (!actor) throw new Error("There is no maintainer.");
  const at = new Date();
  return {
    ...{
      id: 9,
      number: 1,
      workflowPath: ".github/workflows/offshoot.yml",
      workflowId: 1,
      name: "Offshoot",
      title: "x",
    },
    ...{ event: "workflow_dispatch" as const, headSha: "0".repeat(40), headBranch: "main", actor, pulls: [], jobs: [] },
    ...{ createdAt: at, updatedAt: at, startedAt: at, attempt: 1, status: "completed" as const },
    conclusion: conclusion as "success",
  };
}

/** A server of the app that is up. */
async function serve(): Promise<string> {
  const server = createServer((request, response) => {
    response.writeHead(/^\/offshoot\/(health|ready)$/.test(request.url ?? "") ? 200 : 404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === "object" && address ? `http://127.0.0.1:${address.port}` : "";
}
