import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { healthPath } from "../src/server/health.ts";
import type { Github } from "./github/server.ts";

const ROOT = join(import.meta.dirname, "..");
const PROBOT = join(ROOT, "node_modules/probot/bin/probot.js");

export interface AppOptions {
  readonly github: Github;
  readonly webhookSecret: string;
  /** Told every line that the app writes. */
  readonly log: (line: string) => void;
}

export interface App {
  /** Resolves once it has nothing under way. */
  idle(): Promise<void>;
  /** Where it takes webhooks. */
  readonly webhookUrl: string;
  /** Rejects when the app ends. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/** Serves `src/app.ts` with Probot in a process of its own. Rejects with what the app said when it does not come up. */
export async function startApp(options: AppOptions): Promise<App> {
  const port = await freePort();
  const child = spawn(process.execPath, [PROBOT, "run", join(ROOT, "src/app.ts")], {
    cwd: ROOT,
    env: environment(options, port),
    detached: true, // Ctrl-C at the terminal is for the playground, which ends the app last
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  const said: string[] = [];
  const listening = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      options.log(line);
      said.push(line);
      if (line.includes("Listening on http://")) listening.resolve();
    });
  }
  const failed = ended.then(([code, signal]): never => {
    const end = signal ?? `exit code ${code}`;
    throw new Error(`The app (src/app.ts) ended with ${end}. It said:\n${said.slice(-30).join("\n")}`);
  });
  failed.catch(() => {}); // whoever races against it hears of it
  await Promise.race([listening.promise, failed]);
  const health = `http://127.0.0.1:${port}${healthPath}`;
  return {
    idle: async () => {
      while ((await busy(health)) > 0) await delay(20);
    },
    webhookUrl: `http://127.0.0.1:${port}/api/github/webhooks`,
    failed,
    close: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function busy(health: string): Promise<number> {
  const answer = await fetch(health).catch(() => null); // it may have been killed
  return answer ? Number(((await answer.json()) as { busy: number }).busy) : 0;
}

function environment({ github, webhookSecret }: AppOptions, port: number): NodeJS.ProcessEnv {
  const { url, dir, ids } = github.world;
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    TMPDIR: dir,
    APP_ID: String(ids.app),
    PRIVATE_KEY: github.appPrivateKey,
    WEBHOOK_SECRET: webhookSecret,
    GHE_HOST: new URL(url).host,
    GHE_PROTOCOL: "http",
    OFFSHOOT_URL: `http://127.0.0.1:${port}`,
    HOST: "127.0.0.1",
    PORT: String(port),
    LOG_LEVEL: "info",
    LOG_FORMAT: "json",
  };
}

/** Probot takes port 0 for its default, so that a free one has to be found for it. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("A server on loopback has no port.");
}
