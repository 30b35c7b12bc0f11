import { type KeyObject, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Token, World } from "../world.ts";
import { authenticate } from "./access.ts";
import { type Backstage, type Caller, type Download, Refusal } from "./call.ts";
import type { Faults } from "./faults.ts";
import { serveGit } from "./git-http.ts";
import { openRateLimits } from "./rate-limit.ts";
import { answerRest, readBody, refusalAnswer, send } from "./rest.ts";

const DOWNLOADS = "/_downloads/";
const API = "/api/v3";

/** Answers requests whose path starts with the prefix that it was mounted under. */
export type PageHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface LoggedRequest {
  readonly method: string;
  /** REST: below `/api/v3`, percent-encoding taken off; git: the whole path. */
  readonly path: string;
  readonly status: number;
  readonly caller: "anonymous" | "app" | Token["kind"];
}

/** Address of a download, without credentials. */
export const downloadUrl = (world: World, id: string): string => `${world.url}${DOWNLOADS}${id}`;

export interface Desk {
  readonly backstage: Backstage;
  readonly publicKey: KeyObject;
  readonly faults: Faults;
  readonly requests: LoggedRequest[];
  readonly pages: ReadonlyMap<string, PageHandler>;
  /** By id, as in `downloadUrl`. */
  readonly downloads: ReadonlyMap<string, Download>;
}

/** Sends each request to the API, to git, to a download or to a mounted page; never rejects. */
export function createListener(desk: Desk): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { world } = desk.backstage;
  const rateLimit = openRateLimits(world);
  const git = `/${world.owner}/${world.repo}.git`;
  const route = (exchange: Exchange): void | Promise<void> => {
    const { pathname } = exchange.url;
    if (pathname.startsWith(`${API}/`)) return serveApi(desk, exchange, rateLimit);
    if (pathname.toLowerCase().startsWith(`${git}/`.toLowerCase())) return serveRepository(desk, exchange, git.length);
    if (pathname.startsWith(DOWNLOADS)) return serveDownload(desk, exchange);
    return servePage(desk.pages, exchange);
  };
  return async (request, response) => {
    const url = new URL(request.url ?? "/", world.url);
    try {
      await route({ request, response, url });
    } catch (error) {
      if (!request.complete) return; // the client has gone away in the middle of its request
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
  const { method = "GET", headers } = request;
  const rest = { method, path: url.pathname.slice(API.length), url, headers, body: await readBody(request) };
  const { caller, refusal } = await identify(desk, request);
  const path = readable(rest.path);
  const fault = desk.faults.failure(method, path);
  const answer = fault
    ? refusalAnswer(new Refusal(fault, "A failure that a test asked for."))
    : refusal
      ? refusalAnswer(refusal)
      : await answerRest(rest, caller, desk.backstage);
  desk.requests.push({ method, path, status: answer.status, caller: callerKind(caller) });
  send(response, answer, { ...rateLimit(caller), "x-github-request-id": randomUUID() });
}

/** Percent-encoding taken off, where it is well-formed. */
function readable(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
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
  const { method = "GET" } = request;
  const fault = desk.faults.failure(method, url.pathname);
  if (fault) {
    request.resume();
    response.writeHead(fault).end();
  } else {
    const at = { path: url.pathname.slice(prefix), query: url.searchParams.toString() };
    await serveGit(request, response, { world: desk.backstage.world, caller, ...at });
  }
  desk.requests.push({ method, path: url.pathname, status: response.statusCode, caller: callerKind(caller) });
}

function serveDownload({ downloads }: Desk, { response, url }: Exchange): void {
  const download = downloads.get(url.pathname.slice(DOWNLOADS.length));
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
