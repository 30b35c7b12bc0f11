import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Html, html } from "../../src/page/html.ts";
import { changesPage } from "./changes.ts";
import { layout, repositoryPath, type Site } from "./layout.ts";
import { runPage } from "./run.ts";
import { threadPage } from "./thread.ts";

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

const FILES: Readonly<Record<string, { readonly type: string; readonly file: string | URL }>> = {
  "page.css": { type: "text/css", file: new URL("page.css", import.meta.url) },
  "page.js": { type: "text/javascript", file: new URL("page.js", import.meta.url) },
  "idiomorph.js": { type: "text/javascript", file: new URL(import.meta.resolve("idiomorph/dist/idiomorph.js")) },
  "icon.svg": { type: "image/svg+xml", file: new URL("icon.svg", import.meta.url) },
};

/** Answers what a browser asks for. Nothing is changed here: the page's forms go to the API. */
export function pageHandler(site: Site): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async ({ headers, url = "/" }, response) => {
    const path = url.replace(/\?.*/, "");
    const own = /^\/_playground\/(.+)/.exec(path)?.[1];
    const send = (status: number, type: string, body: string | Buffer) =>
      response.writeHead(status, { ...HEADERS, "content-type": type }).end(body);
    // Another web site could give its own name to this machine, and read the tokens in the page.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(headers.host ?? "")) {
      send(403, "text/plain", "This page answers to the names 127.0.0.1 and localhost only.");
      return;
    }
    const file = own === undefined ? undefined : findFile(site, own);
    if (file) {
      send(200, file.type, await readFile(file.file));
      return;
    }
    const page = await findPage(site, path);
    const missing = html`<h1>Not here</h1><p>There is no such page in this playground.</p>`;
    send(page ? 200 : 404, "text/html; charset=utf-8", (page ?? layout(site, "Not here", missing)).html);
  };
}

function findFile({ world }: Site, name: string) {
  const artifact = world.artifacts.get(Number(name.replace("artifacts/", "")));
  return artifact ? { type: "application/octet-stream", file: artifact.file } : FILES[name];
}

/** The front door, and where the links in the bot's comments lead to. */
async function findPage(site: Site, path: string): Promise<Html | null> {
  const { issues, runs, defaultBranch } = site.world;
  const inside = path === "/" ? "/issues/1" : path.slice(repositoryPath(site).length);
  const [, kind = "", name = ""] = /^\/(issues|pull|actions\/runs|commit|tree)\/(.+)$/.exec(inside) ?? [];
  const number = Number.parseInt(name, 10);
  const [issue, run] = [issues.get(number), runs.get(number)];
  switch (kind) {
    case "issues":
    case "pull":
      return issue ? threadPage(site, issue) : null;
    case "actions/runs":
      return run ? runPage(site, run) : null;
    case "commit":
      return changesPage(site, name, `${name}^!`);
    case "tree":
      return changesPage(site, name, `${defaultBranch}..${name}`);
    default:
      return null;
  }
}
