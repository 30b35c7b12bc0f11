import { publicUrl } from "../github/run-token.ts";

/** What the app is started with, beside what Probot reads itself. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  /** Where GitHub and runs reach the app; null where that is not said. */
  readonly url: string | null;
  /** False: there is no App yet, and one is to be made. */
  readonly isMade: boolean;
  readonly github: { readonly server: string; readonly api: string };
}

export interface Credentials {
  readonly appId: number;
  /** PEM. */
  readonly privateKey: string;
  readonly webhookSecret: string;
}

export type ReadSettings =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly problem: string; readonly remedy: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** Pure: reads the environment; what is half there is named, not guessed. */
export function readSettings(env: Environment): ReadSettings {
  const port = Number(env.PORT ?? 3000);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    return bad(`PORT is ${JSON.stringify(env.PORT)}, which is no port.`, "Set it to a number from 1 to 65535.");
  const url = publicUrl(env.OFFSHOOT_URL ?? "") || null;
  if (url !== null && !/^https?:\/\/[^/\s]+(\/\S*)?$/.test(url))
    return bad(
      `OFFSHOOT_URL is ${JSON.stringify(env.OFFSHOOT_URL)}, which is no address.`,
      "Set it to https://… as GitHub reaches the app.",
    );
  const given = needed.filter((names) => names.some((name) => env[name]));
  const missing = needed.filter((names) => !given.includes(names));
  if (given.length > 0 && missing.length > 0)
    return bad(
      `Set are ${list(given)}, but not ${list(missing)}.`,
      "They belong together: take all from the App's settings on GitHub, or unset all to make a new App.",
    );
  const settings = { host: env.HOST ?? "localhost", port, url, isMade: given.length > 0, github: githubOf(env) };
  return { ok: true, settings };
}

const needed = [["APP_ID"], ["PRIVATE_KEY", "PRIVATE_KEY_PATH"], ["WEBHOOK_SECRET"]];

const list = (all: readonly (readonly string[])[]) => all.map((names) => names.join(" or ")).join(" and ");

/** Where Probot is told that GitHub is. */
export function githubOf({ GHE_HOST, GHE_PROTOCOL = "https" }: Environment): Settings["github"] {
  const server = GHE_HOST ? `${GHE_PROTOCOL}://${GHE_HOST}` : "https://github.com";
  return { server, api: GHE_HOST ? `${server}/api/v3` : "https://api.github.com" };
}

const bad = (problem: string, remedy: string): ReadSettings => ({ ok: false, problem, remedy });

/** The lines of an `.env` file that say the same. */
export function asEnvFile({ appId, privateKey, webhookSecret }: Credentials): string {
  const key = privateKey.trim().replaceAll("\n", "\\n");
  return `APP_ID=${appId}\nPRIVATE_KEY="${key}"\nWEBHOOK_SECRET="${webhookSecret}"\n`;
}
