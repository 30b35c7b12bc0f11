import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { ApplicationFunctionOptions, Probot } from "probot";
import { asEnvFile, readSettings, type Settings } from "./settings.ts";
import { setUp } from "./setup.ts";

export interface ServeOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The app, and how it is closed in order. */
  readonly app: (probot: Probot, options: ApplicationFunctionOptions) => { close(): Promise<void> };
  /** Aborted when the app is to stop. */
  readonly stop: AbortSignal;
  readonly say: (line: string) => void;
}

export type Served = { readonly ok: true } | { readonly ok: false; readonly problem: string; readonly remedy: string };

/** Serves the app until it is stopped: no new event is taken then, and what was taken on is finished. */
export async function serve({ cwd, env: given, app, stop, say }: ServeOptions): Promise<Served> {
  const file = join(cwd, ".env");
  const kept = parseEnv(await readFile(file, "utf8").catch(() => ""));
  const read = readSettings({ ...kept, ...given });
  if (!read.ok) return read;
  const made = read.settings.isMade ? {} : await make(read.settings, { file, stop, say });
  if (made === null || stop.aborted) return { ok: true };

  const { run } = await import("probot");
  let opened: ReturnType<typeof app> | undefined;
  const open = (probot: Probot, options: ApplicationFunctionOptions): void => {
    opened = app(probot, options);
  };
  const before = process.listeners("SIGINT");
  const server = await run(open, { env: { ...kept, ...given, ...made } });
  // Probot's own would end the process before what was taken on is finished.
  for (const listener of process.listeners("SIGINT")) if (!before.includes(listener)) process.off("SIGINT", listener);
  if (!stop.aborted) await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
  say("No event is taken any more; finishing what was taken on.");
  await server.stop();
  await opened?.close();
  return { ok: true };
}

/** Has somebody make the App, and keeps its credentials for the next start. Null: it was stopped before. */
async function make(
  { host, port, url, github }: Settings,
  { file, stop, say }: Pick<ServeOptions, "stop" | "say"> & { readonly file: string },
): Promise<Readonly<Record<string, string>> | null> {
  const onListening = (address: string) =>
    say(`There is no GitHub App yet (APP_ID is not set). Open ${address} to make one.`);
  const made = await setUp({ host, port, github, url, signal: stop, onListening });
  if (!made) return null;
  const text = asEnvFile(made);
  const before = await readFile(file, "utf8").catch(() => "");
  await writeFile(file, `${before && !before.endsWith("\n") ? `${before}\n` : before}${text}`, { mode: 0o600 });
  say(`The App is made. Its credentials are in ${file}, which only you can read; keep it.`);
  return Object.fromEntries(Object.entries(parseEnv(text)).map(([name, value]) => [name, value ?? ""]));
}
