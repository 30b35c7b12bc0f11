import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { healthPath } from "../src/server/health.ts";
import type { Github } from "./github/server.ts";

const ROOT = join(import.meta.dirname, "..");

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
  /** Rejects when the app ends though nobody has ended it. */
  readonly failed: Promise<never>;
  /** Asks it to end in order, and waits until it has. Resolves to its exit code. */
  stop(): Promise<number | null>;
  /** Ends it at once. */
  kill(): Promise<void>;
  /** Starts it again, where it was. */
  start(): Promise<void>;
  /** Another instance of the same app, on a port of its own. */
  another(): Promise<App>;
}

/** Serves the app in a process of its own. Rejects with what the app said when it does not come up. */
export async function startApp(options: AppOptions): Promise<App> {
  const port = await freePort();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {}); // whoever races against it hears of it
  let running = await spawnApp(options, port, failed.reject);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    running.isEnding = true;
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const closed = once(child, "close");
    child.kill(signal);
    await closed;
    return child.exitCode;
  };
  return {
    idle: async () => {
      while ((await busy(port)) > 0) await delay(20);
    },
    webhookUrl: `http://127.0.0.1:${port}/api/github/webhooks`,
    failed: failed.promise,
    stop: () => end("SIGTERM"),
    kill: async () => {
      await end("SIGKILL");
    },
    start: async () => {
      running = await spawnApp(options, port, failed.reject);
    },
    another: () => startApp(options),
  };
}

interface Running {
  readonly child: ChildProcess;
  isEnding: boolean;
}

/** Resolves once the app listens, rejects where it ends before; `failed` is told when it ends later without being asked to. */
async function spawnApp(options: AppOptions, port: number, failed: (error: Error) => void): Promise<Running> {
  const child = spawn(process.execPath, [join(ROOT, "src/cli.ts"), "serve"], {
    cwd: options.github.world.dir,
    env: environment(options, port),
    detached: true, // Ctrl-C at the terminal is for the playground, which ends the app last
    stdio: ["ignore", "pipe", "pipe"],
  });
  const running = { child, isEnding: false };
  const said: string[] = [];
  const listening = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      options.log(line);
      said.push(line);
      if (line.includes("Listening on http://")) listening.resolve();
    });
  }
  child.once("close", (code, signal) => {
    const end = signal ?? `exit code ${code}`;
    const error = new Error(`The app (offshoot serve) ended with ${end}. It said:\n${said.slice(-30).join("\n")}`);
    listening.reject(error);
    if (!running.isEnding) failed(error);
  });
  await listening.promise;
  return running;
}

async function busy(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}${healthPath}`).catch(() => null); // it may have been killed
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
