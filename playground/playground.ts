import { randomBytes } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAction } from "../scripts/build.ts";
import type { Way } from "../src/setup/workflow-file.ts";
import { startExecutor } from "./actions/executor.ts";
import { type App, startApp } from "./app-process.ts";
import { type Github, openGithub } from "./github/server.ts";
import { pageHandler } from "./page/routes.ts";
import { type ScriptedModel, type ScriptedModelOptions, startScriptedModel } from "./scripted-model.ts";
import { seed } from "./seed.ts";

const ROOT = join(import.meta.dirname, "..");

/** The model that the sample repository's workflow uses; for a provider, with the repository's secrets and variables. */
export type ModelChoice =
  | ({ readonly kind: "scripted" } & ScriptedModelOptions)
  | { readonly kind: "provider"; readonly secrets: Record<string, string>; readonly variables: Record<string, string> };

export interface PlaygroundOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly way?: Way;
  readonly model: ModelChoice;
  /** Told what the app and the executor say, line by line. */
  readonly log: (line: string) => void;
}

export interface Playground {
  readonly github: Github;
  /** Null where there is the workflow alone. */
  readonly app: App | null;
  /** Null when a real provider answers. */
  readonly model: ScriptedModel | null;
  /** The number of the sample's issue. */
  readonly issue: number;
  /** Resolves once everybody who listens has heard of all that happened so far, and the runs that it starts are there. */
  settled(): Promise<void>;
  /** Ends everything that was started, and leaves nothing behind. */
  close(): Promise<void>;
}

/** Brings up the double of GitHub with the sample repository in it, the app, the executor, the page and the model. */
export async function openPlayground(options: PlaygroundOptions): Promise<Playground> {
  const { port, way = "app", model: choice, log } = options;
  await using parts = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "offshoot-playground-"));
  parts.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));

  const secret = randomBytes(20).toString("hex");
  const app = { id: 400_001, slug: "offshoot" };
  const github = await openGithub({ port, dir, owner: "playground", repo: "durations", webhook: { secret }, app });
  parts.defer(() => github.close());
  const { world, tokens } = github;
  const issue = await seed({ ...world, reporter: tokens.outsider, way });
  github.handle("/", pageHandler({ world, tokens, scripted: choice.kind === "scripted" }));

  const { model, secrets, variables } = await openModel(choice);
  if (model) parts.defer(() => model.close());
  for (const [name, value] of Object.entries(secrets)) world.secrets.set(name, value);
  for (const [name, value] of Object.entries(variables)) world.variables.set(name, value);

  const probot = way === "app" ? await startApp({ github, webhookSecret: secret, log }) : null;
  if (probot) {
    parts.defer(() => probot.kill());
    github.setWebhookUrl(probot.webhookUrl);
  }
  const actions = { "offshoot/offshoot": await releaseAction(join(dir, "action")) };
  const executor = startExecutor({ world, actions, log });
  parts.defer(() => executor.close());

  const running = parts.move();
  const settled = async () => {
    await github.webhooksSettled();
    await probot?.idle();
    await github.webhooksSettled();
    await executor.settled();
  };
  return { github, app: probot, model, issue, settled, close: () => running.disposeAsync() };
}

/** With what the repository needs to use it. */
async function openModel(choice: ModelChoice) {
  if (choice.kind === "provider") return { ...choice, model: null };
  const model = await startScriptedModel(choice);
  const secrets = { OPENAI_API_KEY: randomBytes(20).toString("hex") };
  const variables = { OPENAI_BASE_URL: model.url, OFFSHOOT_MODEL: "openai:scripted" };
  return { model, secrets, variables };
}

/** The action as it would be released, built from this checkout in a folder of its own: `dist/` is left alone. */
async function releaseAction(folder: string): Promise<string> {
  await mkdir(folder);
  await symlink(join(ROOT, "src"), join(folder, "src"));
  await copyFile(join(ROOT, "action.yml"), join(folder, "action.yml"));
  await buildAction(folder);
  return folder;
}
