import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Token, User, World, WorldEvents } from "../world.ts";
import { authenticate, mintToken } from "./access.ts";
import type { AppIdentity, Backstage, Caller, Download } from "./call.ts";
import { Refusal } from "./call.ts";
import { type Faults, openFaults } from "./faults.ts";
import { createRepository, serveGit } from "./git-http.ts";
import { openRateLimits } from "./rate-limit.ts";
import { type Answer, answerRest, readBody, refusalAnswer, send } from "./rest.ts";
import { openWebhooks } from "./webhooks.ts";

export interface GithubOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly owner: string;
  readonly repo: string;
  /** An empty scratch folder; the repository is created in it. */
  readonly dir: string;
  readonly webhook: { readonly secret: string };
  readonly app: { readonly id: number; readonly slug: string };
  readonly private?: boolean;
  readonly now?: () => Date;
}

/** Answers requests whose path starts with the prefix that it was mounted under. */
export type PageHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly caller: "anonymous" | "app" | Token["kind"];
}

/** A GitHub on loopback: one repository, REST under `/api/v3`, git at `/OWNER/REPO.git`, webhooks to one App. */
export interface Github {
  readonly world: World;
  /** The App's private key, PEM, made at start. */
  readonly appPrivateKey: string;
  readonly tokens: { readonly maintainer: string; readonly outsider: string };
  readonly faults: Faults;
  /** Every REST and git request so far, in order of answering. */
  readonly requests: readonly LoggedRequest[];
  /** Mounts a handler for all paths that start with `prefix`; the longest prefix wins, the API and git go first. */
  handle(prefix: string, handler: PageHandler): void;
  setWebhookUrl(url: string): void;
  /** Resolves once the webhooks of everything that has happened so far are delivered. */
  webhooksSettled(): Promise<void>;
  close(): Promise<void>;
}

const APP_PERMISSIONS = {
  actions: "write",
  checks: "write",
  contents: "write",
  issues: "write",
  metadata: "read",
  pull_requests: "write",
  workflows: "write",
} as const;

const IDS = { repo: 700_001, owner: 600_001, installation: 500_001 };
const FIRST_ID = 1_000_001;
const DOWNLOADS = "/_downloads/";
const API = "/api/v3";

export async function openGithub(options: GithubOptions): Promise<Github> {
  const server = createServer();
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  const world = await createWorld(options, `http://127.0.0.1:${portOf(server)}`);
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const tokens = {
    maintainer: mintToken(world, person(world, "maintainer")),
    outsider: mintToken(world, person(world, "outsider")),
  };
  const webhooks = openWebhooks(world, options.webhook);
  const faults = openFaults(webhooks);
  const requests: LoggedRequest[] = [];
  const pages = new Map<string, PageHandler>();
  const downloads = new Map<string, Download>();
  const app: AppIdentity = { ...options.app, permissions: APP_PERMISSIONS, createdAt: world.now() };
  const backstage: Backstage = {
    world,
    app,
    offer: (content) => offer(world, downloads, content),
    redeliver: webhooks.redeliver,
  };
  const serve = createListener({ backstage, publicKey: keys.publicKey, faults, requests, pages, downloads });
  server.on("request", (request, response) => void serve(request, response));
  return {
    ...{ world, tokens, faults, requests },
    appPrivateKey: keys.privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
    handle: (prefix, handler) => void pages.set(prefix, handler),
    setWebhookUrl: webhooks.setUrl,
    webhooksSettled: webhooks.settled,
    close: () => close(server),
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server is not listening on a port.");
  return address.port;
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  if (server.listening) await once(server, "close");
}

async function createWorld({ owner, repo, dir, app, ...options }: GithubOptions, url: string): Promise<World> {
  const gitDir = join(dir, `${repo}.git`);
  const defaultBranch = "main";
  await mkdir(dir, { recursive: true });
  await createRepository(gitDir, defaultBranch);
  let last = FIRST_ID;
  return {
    ...{ owner, repo, url, gitDir, dir, defaultBranch, private: options.private ?? false },
    ids: { ...IDS, app: app.id },
    bus: new EventEmitter<WorldEvents>(),
    users: new Map(population(owner, app.slug).map((user) => [user.login, user])),
    ...{ issues: new Map(), comments: new Map(), labels: new Map(), tokens: new Map(), runs: new Map() },
    ...{ artifacts: new Map(), deliveries: new Map(), secrets: new Map(), variables: new Map(), violations: [] },
    nextId: () => last++,
    now: options.now ?? (() => new Date()),
  };
}

const population = (owner: string, slug: string): User[] => [
  { login: owner, id: IDS.owner, type: "Organization", permission: "none" },
  { login: "maintainer", id: 600_002, type: "User", permission: "admin" },
  { login: "outsider", id: 600_003, type: "User", permission: "read" },
  { login: `${slug}[bot]`, id: 600_004, type: "Bot", permission: "write" },
  { login: "github-actions[bot]", id: 41_898_282, type: "Bot", permission: "write" },
];

function person(world: World, login: string): Token {
  const user = world.users.get(login);
  if (!user) throw new Error(`There is no user ${login}.`);
  return { kind: "person", user };
}

function offer(world: World, downloads: Map<string, Download>, content: Download): string {
  const id = randomUUID();
  downloads.set(id, content);
  return `${world.url}${DOWNLOADS}${id}`;
}

interface Desk {
  readonly backstage: Backstage;
  readonly publicKey: KeyObject;
  readonly faults: Faults;
  readonly requests: LoggedRequest[];
  readonly pages: ReadonlyMap<string, PageHandler>;
  readonly downloads: ReadonlyMap<string, Download>;
}

function createListener(desk: Desk): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { world } = desk.backstage;
  const rateLimit = openRateLimits(world);
  const git = `/${world.owner}/${world.repo}.git/`.toLowerCase();
  return async (request, response) => {
    const url = new URL(request.url ?? "/", world.url);
    try {
      if (url.pathname.startsWith(`${API}/`)) await serveApi(desk, { request, response, url }, rateLimit);
      else if (url.pathname.toLowerCase().startsWith(git))
        await serveRepository(desk, { request, response, url }, git.length - 1);
      else if (url.pathname.startsWith(DOWNLOADS)) serveDownload(desk, response, url.pathname.slice(DOWNLOADS.length));
      else await servePage(desk.pages, { request, response, url });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      world.violations.push(`${request.method} ${url.pathname}: ${reason}`);
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { "content-type": "application/json" }).end(JSON.stringify({ message: reason }));
    }
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
}

const callerKind = (caller: Caller): LoggedRequest["caller"] =>
  caller.kind === "token" ? caller.token.kind : caller.kind;

async function serveApi(
  desk: Desk,
  { request, response, url }: Exchange,
  rateLimit: (caller: Caller) => Record<string, string>,
): Promise<void> {
  const method = request.method ?? "GET";
  const path = url.pathname.slice(API.length);
  const rest = { method, path, url, headers: request.headers, body: await readBody(request) };
  const { caller, refusal } = await identify(desk, request);
  const fault = desk.faults.failure(method, path);
  const answer: Answer = fault
    ? refusalAnswer(new Refusal(fault, "A failure that a test asked for."))
    : refusal
      ? refusalAnswer(refusal)
      : await answerRest(rest, caller, desk.backstage);
  desk.requests.push({ method, path, status: answer.status, caller: callerKind(caller) });
  send(response, answer, { ...rateLimit(caller), "x-github-request-id": randomUUID() });
}

async function identify(desk: Desk, request: IncomingMessage): Promise<{ caller: Caller; refusal: Refusal | null }> {
  const { world, app } = desk.backstage;
  try {
    const key = { appId: app.id, publicKey: desk.publicKey };
    return { caller: await authenticate(world, request.headers.authorization, key), refusal: null };
  } catch (error) {
    if (error instanceof Refusal) return { caller: { kind: "anonymous" }, refusal: error };
    throw error;
  }
}

async function serveRepository(desk: Desk, { request, response, url }: Exchange, prefix: number): Promise<void> {
  const { caller } = await identify(desk, request);
  const path = url.pathname.slice(prefix);
  const method = request.method ?? "GET";
  const fault = desk.faults.failure(method, url.pathname);
  if (fault) {
    request.resume();
    response.writeHead(fault).end();
  } else {
    await serveGit(request, response, {
      world: desk.backstage.world,
      caller,
      path,
      query: url.searchParams.toString(),
    });
  }
  desk.requests.push({ method, path: url.pathname, status: response.statusCode, caller: callerKind(caller) });
}

function serveDownload({ downloads }: Desk, response: ServerResponse, id: string): void {
  const download = downloads.get(id);
  if (download) response.writeHead(200, { "content-type": download.type }).end(download.content);
  else response.writeHead(404).end();
}

async function servePage(pages: ReadonlyMap<string, PageHandler>, { request, response, url }: Exchange): Promise<void> {
  const prefixes = [...pages.keys()].filter((prefix) => url.pathname.startsWith(prefix));
  const [longest] = prefixes.toSorted((a, b) => b.length - a.length);
  const handler = longest === undefined ? undefined : pages.get(longest);
  if (handler) await handler(request, response);
  else response.writeHead(404, { "content-type": "text/plain" }).end("Not Found\n");
}
