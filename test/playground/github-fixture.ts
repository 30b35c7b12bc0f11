import { execFile } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { Octokit } from "@octokit/rest";
import { Webhooks } from "@octokit/webhooks";
import { SignJWT } from "jose";
import { onTestFinished } from "vitest";
import { type Github, openGithub } from "../../playground/github/server.ts";

export const at = { owner: "octo", repo: "sample" };
const SECRET = "a webhook secret";

/** A double of GitHub with nothing in its repository; it and its folder go with the test. */
export async function openEmpty(): Promise<Github> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-github-"));
  const app = { id: 1234, slug: "offshoot" };
  const github = await openGithub({ port: 0, ...at, dir, webhook: { secret: SECRET }, app });
  onTestFinished(async () => {
    await github.close();
    await rm(dir, { recursive: true, force: true });
  });
  return github;
}

/** A client as `who`: a token, or nobody. */
export function client(github: Github, token?: string): Octokit {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  return new Octokit({ baseUrl: `${github.world.url}/api/v3`, log: quiet, ...(token ? { auth: token } : {}) });
}

/** What the App signs in with. */
export async function appJwt(
  github: Github,
  { pem = github.appPrivateKey, issuer = "1234", minutes = 9 } = {},
): Promise<string> {
  const jwt = new SignJWT({}).setProtectedHeader({ alg: "RS256" }).setIssuer(issuer).setIssuedAt();
  return jwt.setExpirationTime(`${minutes}m`).sign(createPrivateKey(pem));
}

export const cloneUrl = (github: Github, token?: string): string =>
  `${github.world.url.replace("http://", token ? `http://x:${token}@` : "http://")}/octo/sample.git`;

const run = promisify(execFile);

const PERSON = {
  GIT_AUTHOR_NAME: "Mona",
  GIT_AUTHOR_EMAIL: "mona@example.com",
  GIT_COMMITTER_NAME: "Mona",
  GIT_COMMITTER_EMAIL: "mona@example.com",
};

export interface Clone {
  readonly dir: string;
  /** Runs git there; a failure rejects with git's words in `stderr`. */
  git(...args: string[]): Promise<string>;
  /** Writes a file and commits it; answers the commit. */
  commit(path: string, content: string): Promise<string>;
}

/** A clone whose `origin` carries the token. */
export async function openClone(github: Github, token?: string): Promise<Clone> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-clone-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const env = {
    PATH: process.env.PATH,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    ...PERSON,
  };
  const git = async (...args: string[]) => (await run("git", args, { cwd: dir, env })).stdout.trim();
  await git("init", "-q", "-b", "main");
  await git("remote", "add", "origin", cloneUrl(github, token));
  const commit = async (path: string, content: string) => {
    await writeFile(join(dir, path), content);
    await git("add", "--all");
    await git("commit", "-q", "-m", `write ${path}`);
    return git("rev-parse", "HEAD");
  };
  return { dir, git, commit };
}

/** A repository with one commit on `main`, and the maintainer's clone of it. */
export async function openWithMain(): Promise<{ github: Github; clone: Clone; maintainer: Octokit }> {
  const github = await openEmpty();
  const clone = await openClone(github, github.tokens.maintainer);
  await clone.commit("README.md", "# Sample\n");
  await clone.git("push", "-q", "origin", "main");
  return { github, clone, maintainer: client(github, github.tokens.maintainer) };
}

export interface Received {
  readonly event: string;
  readonly guid: string;
  readonly signed: boolean;
  readonly payload: Record<string, unknown>;
}

/** The App's side of the webhooks: a real server that checks each signature and keeps what came. */
export async function receiveWebhooks(github: Github): Promise<Received[]> {
  const received: Received[] = [];
  const webhooks = new Webhooks({ secret: SECRET });
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const header = (name: string) => String(request.headers[name] ?? "");
    const signed = await webhooks.verify(body, header("x-hub-signature-256"));
    received.push({
      event: header("x-github-event"),
      guid: header("x-github-delivery"),
      signed,
      payload: JSON.parse(body),
    });
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  github.setWebhookUrl(`http://127.0.0.1:${address.port}/`);
  return received;
}
