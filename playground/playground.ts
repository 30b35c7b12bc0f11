import { randomBytes } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../scripts/build.ts";
import { startExecutor } from "./actions/executor.ts";
import { type App, startApp } from "./app-process.ts";
import { type Github, openGithub } from "./github/server.ts";
import { pageHandler } from "./page/routes.ts";
import { type Script, type ScriptedModel, startScriptedModel } from "./scripted-model.ts";
import { seed } from "./seed.ts";

const ROOT = join(import.meta.dirname, "..");

/** The model that the sample repository's workflow uses. */
export type ModelChoice =
  | { readonly kind: "scripted"; readonly script: Script; readonly delayMs?: number }
  | { readonly kind: "provider"; readonly secrets: Settings; readonly variables: Settings };

/** Names and values of a repository's secrets or variables. */
export type Settings = Readonly<Record<string, string>>;

export interface PlaygroundOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly model: ModelChoice;
  /** Told what the app and the executor say, line by line. */
  readonly log: (line: string) => void;
}

export interface Playground {
  readonly github: Github;
  readonly app: App;
  /** Null when a real provider answers. */
  readonly model: ScriptedModel | null;
  /** The number of the sample's issue. */
  readonly issue: number;
  /** Ends everything that was started, and leaves nothing behind. */
  close(): Promise<void>;
}

/** Brings up the double of GitHub with the sample repository in it, the app, the executor, the page and the model. */
export async function openPlayground(options: PlaygroundOptions): Promise<Playground> {
  await using parts = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "offshoot-playground-"));
  parts.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const secret = randomBytes(20).toString("hex");
  const app = { id: 400_001, slug: "offshoot" };
  const github = await openGithub({
    ...{ port: options.port, dir, owner: "playground", repo: "durations", webhook: { secret }, app },
  });
  parts.defer(() => github.close());
  const { world } = github;
  const issue = await seed({ ...world, reporter: github.tokens.outsider });
  const model = await provideModel(github, options.model);
  if (model) parts.defer(() => model.close());

  const { appPrivateKey: privateKey } = github;
  const probot = await startApp({
    appId: app.id,
    privateKey,
    webhookSecret: secret,
    github: world.url,
    log: options.log,
  });
  parts.defer(() => probot.close());
  github.setWebhookUrl(probot.webhookUrl);
  const actions = { "offshoot/offshoot": await buildAction(join(dir, "action")) };
  const executor = startExecutor({ world, actions, log: options.log });
  parts.defer(() => executor.close());
  github.handle("/", pageHandler({ world, tokens: github.tokens, scripted: model !== null }));
  const running = parts.move();
  return { github, app: probot, model, issue, close: () => running.disposeAsync() };
}

/** The action as it would be released, built from this checkout in a folder of its own: `dist/` is left alone. */
async function buildAction(folder: string): Promise<string> {
  await mkdir(folder);
  await symlink(join(ROOT, "src"), join(folder, "src"));
  await copyFile(join(ROOT, "action.yml"), join(folder, "action.yml"));
  await build(folder);
  return folder;
}

async function provideModel({ world }: Github, choice: ModelChoice): Promise<ScriptedModel | null> {
  const model = choice.kind === "scripted" ? await startScriptedModel(choice) : null;
  const secrets = choice.kind === "provider" ? choice.secrets : { OPENAI_API_KEY: randomBytes(20).toString("hex") };
  const variables =
    choice.kind === "provider"
      ? choice.variables
      : { OPENAI_BASE_URL: model?.url ?? "", OFFSHOOT_MODEL: "openai:scripted" };
  for (const [name, value] of Object.entries(secrets)) world.secrets.set(name, value);
  for (const [name, value] of Object.entries(variables)) world.variables.set(name, value);
  return model;
}
