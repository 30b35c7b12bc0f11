import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { Issue } from "../world.ts";
import { act } from "./actions.ts";
import { comparePage, pullFilesPage } from "./diff.ts";
import { html } from "./html.ts";
import { layout, repositoryPath, type Site, threadPath } from "./layout.ts";
import { streamChanges } from "./live.ts";
import { runPage } from "./run.ts";
import { threadPage } from "./thread.ts";

type Reply =
  | { readonly kind: "page"; readonly body: string }
  | { readonly kind: "redirect"; readonly to: string }
  | { readonly kind: "problem"; readonly status: number; readonly message: string };

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

const OWN = "/_playground/";

const ASSETS: Record<string, string> = {
  "page.css": "text/css; charset=utf-8",
  "page.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
};

/** Answers what a browser asks for. */
export function pageHandler(site: Site): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", site.world.url);
    const own = pathname.startsWith(OWN);
    if (!isFromHere(request)) {
      send(site, response, { kind: "problem", status: 403, message: "This page takes requests from itself only." });
    } else if (request.method === "POST" && own) {
      send(site, response, await submit(site, pathname, request));
    } else if (request.method !== "GET") {
      send(site, response, notHere);
    } else if (own) {
      await sendOwnFile(site, pathname.slice(OWN.length), response);
    } else {
      send(site, response, await find(site, pathname));
    }
  };
}

/** Other web sites that are open in the same browser can reach loopback too; they may neither read nor post here. */
function isFromHere({ headers, method }: IncomingMessage): boolean {
  const host = headers.host ?? "";
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host)) return false;
  return method === "GET" || headers.origin === `http://${host}`;
}

async function find(site: Site, pathname: string): Promise<Reply> {
  const first = Math.min(...site.world.issues.keys());
  const prefix = `${repositoryPath(site)}/`;
  if (pathname !== "/" && !`${pathname}/`.startsWith(prefix)) return notHere;
  const path = decodeURIComponent(pathname.slice(prefix.length));
  if (path === "" || path === "issues" || path === "pulls") return toThread(site, site.world.issues.get(first));
  const [kind = "", name = "", rest] = path.split("/");
  const issue = site.world.issues.get(Number(name));
  if (kind === "pull" && issue?.pull && rest === "files") return page(await pullFilesPage(site, issue, issue.pull));
  if (kind === "issues" || kind === "pull") {
    const wrongKind = issue && (kind === "pull") !== (issue.pull !== undefined);
    return issue && !wrongKind ? page(threadPage(site, issue)) : toThread(site, issue);
  }
  const run = site.world.runs.get(Number(rest));
  if (kind === "actions" && name === "runs" && run) return page(runPage(site, run));
  const range = path.slice(kind.length + 1);
  if (kind === "commit" || kind === "compare") return page(await comparePage(site, range));
  if (kind === "tree") return page(await comparePage(site, `${site.world.defaultBranch}...${range}`));
  return notHere;
}

const notHere: Reply = { kind: "problem", status: 404, message: "There is no such page in this playground." };

function page(body: string | null): Reply {
  return body === null ? notHere : { kind: "page", body };
}

function toThread(site: Site, issue: Issue | undefined): Reply {
  return issue ? { kind: "redirect", to: threadPath(site, issue) } : notHere;
}

async function submit(site: Site, pathname: string, request: IncomingMessage): Promise<Reply> {
  const form = new URLSearchParams(await text(request));
  const issue = site.world.issues.get(Number(form.get("thread")));
  if (!issue) return notHere;
  const refusal = await act(site, pathname.slice(OWN.length), form);
  return refusal ? { kind: "problem", ...refusal } : toThread(site, issue);
}

async function sendOwnFile(site: Site, name: string, response: ServerResponse): Promise<void> {
  const type = ASSETS[name];
  const artifact = site.world.artifacts.get(Number(/^artifacts\/(\d+)$/.exec(name)?.[1]));
  if (name === "events") return streamChanges(site.world, response);
  if (type) {
    response.writeHead(200, { ...HEADERS, "content-type": type });
    response.end(await readFile(new URL(name, import.meta.url)));
  } else if (artifact) {
    response.writeHead(200, { ...HEADERS, "content-type": "application/zip" });
    createReadStream(artifact.file).pipe(response);
  } else {
    send(site, response, notHere);
  }
}

function send(site: Site, response: ServerResponse, reply: Reply): void {
  const type = { "content-type": "text/html; charset=utf-8" };
  switch (reply.kind) {
    case "page":
      response.writeHead(200, { ...HEADERS, ...type }).end(reply.body);
      return;
    case "redirect":
      response.writeHead(303, { ...HEADERS, location: reply.to }).end();
      return;
    case "problem":
      response.writeHead(reply.status, { ...HEADERS, ...type });
      response.end(layout(site, "Not here", html`<p class="problem" role="alert">${reply.message}</p>`));
  }
}
