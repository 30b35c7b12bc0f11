import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import * as v from "valibot";
import { type Html, html } from "../page/html.ts";
import { appManifest, events, permissions, setupPath } from "../setup/app-manifest.ts";
import type { Credentials } from "./settings.ts";

export interface SetupOptions {
  readonly host: string;
  readonly port: number;
  /** Where GitHub is for people, `https://github.com`, and its API. */
  readonly github: { readonly server: string; readonly api: string };
  /** Where GitHub reaches the app; null: as the browser does. */
  readonly url: string | null;
  readonly signal: AbortSignal;
  /** Told the address to open. */
  readonly onListening: (address: string) => void;
}

/**
 * Serves the page on which somebody makes the App on GitHub with one click. Resolves to its credentials once GitHub has sent the person back with
 * them, to null when `signal` is aborted before.
 */
export async function setUp(options: SetupOptions): Promise<(Credentials & { readonly page: string }) | null> {
  const done = Promise.withResolvers<(Credentials & { readonly page: string }) | null>();
  const state = randomBytes(16).toString("hex");
  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      const said = error instanceof Error ? error.message : String(error);
      write(
        response,
        502,
        page("That did not work", html`<p>${said}</p><p><a href="${setupPath}">Start again</a></p>`),
      );
    });
  });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = new URL(request.url ?? "/", `http://${request.headers.host}`);
    if (asked.pathname === "/") return void response.writeHead(302, { location: setupPath }).end();
    if (asked.pathname === setupPath) {
      const organization = asked.searchParams.get("organization") ?? "";
      return write(response, 200, offer({ ...options, url: options.url ?? asked.origin, state, organization }));
    }
    if (asked.pathname !== `${setupPath}/done`)
      return write(response, 404, page("Nothing is here", html`<p><a href="${setupPath}">Set up the app</a></p>`));
    if (asked.searchParams.get("state") !== state)
      return write(
        response,
        403,
        page("This is not the set-up that was begun here", html`<p><a href="${setupPath}">Start again</a></p>`),
      );
    const made = await convert(options.github.api, asked.searchParams.get("code") ?? "");
    write(response, 200, finished(made));
    response.once("close", () => done.resolve(made));
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port, options.host, resolve);
  });
  const address = server.address();
  options.onListening(
    `http://localhost:${typeof address === "object" && address ? address.port : options.port}${setupPath}`,
  );
  options.signal.addEventListener("abort", () => done.resolve(null), { once: true });
  try {
    return await done.promise;
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const madeSchema = v.object({
  id: v.number(),
  pem: v.string(),
  webhook_secret: v.nullable(v.string()),
  html_url: v.string(),
});

/** GitHub gives an App's credentials once for the code that it sent along. */
async function convert(api: string, code: string): Promise<Credentials & { readonly page: string }> {
  const headers = { accept: "application/vnd.github+json" };
  const answer = await fetch(`${api}/app-manifests/${encodeURIComponent(code)}/conversions`, {
    method: "POST",
    headers,
  });
  const made = v.safeParse(madeSchema, await answer.json().catch(() => null));
  if (!answer.ok || !made.success || !made.output.webhook_secret)
    throw new Error(`GitHub gave no credentials for this code (HTTP ${answer.status}). It is good once, for an hour.`);
  const { id, pem, webhook_secret, html_url } = made.output;
  return { appId: id, privateKey: pem, webhookSecret: webhook_secret, page: html_url };
}

interface Offer extends Pick<SetupOptions, "github"> {
  readonly url: string;
  readonly state: string;
  /** Empty: the App is to be the person's own. */
  readonly organization: string;
}

function offer({ github, url, state, organization }: Offer): Html {
  const owner = /^[A-Za-z0-9-]+$/.test(organization) ? `/organizations/${organization}` : "";
  const manifest = JSON.stringify(appManifest({ url, name: "Offshoot" }));
  const granted = Object.entries(permissions).map(([name, { access, why }]) => {
    return html`<tr><td><code>${name}</code></td><td>${access}</td><td>${why}</td></tr>`;
  });
  const heard = Object.entries(events).map(
    ([name, why]) => html`<tr><td><code>${name}</code></td><td></td><td>${why}</td></tr>`,
  );
  return page(
    "Make the GitHub App",
    html`<p>GitHub makes an App of your own, with these permissions and events, and sends its credentials back here. GitHub will
reach it at <code>${url}</code>; where that is not so, set <code>OFFSHOOT_URL</code> and start again.</p>
<form method="post" action="${github.server}${owner}/settings/apps/new?state=${state}">
<input type="hidden" name="manifest" value="${manifest}">
<button>Make the App ${organization ? `of ${organization}` : ""} on ${new URL(github.server).host}</button>
</form>
<details><summary>For an organization</summary>
<form method="get">
<label>Its name on GitHub <input name="organization" required pattern="[A-Za-z0-9-]+"></label>
<button>Make the App there instead</button>
</form>
</details>
<table><tr><th>Permission</th><th></th><th>What for</th></tr>${granted}<tr><th>Event</th><th></th><th></th></tr>${heard}</table>`,
  );
}

const finished = ({ page: address }: { page: string }): Html =>
  page(
    "The App is made",
    html`<p>The app is at work. Next, <a href="${address}/installations/new">install it</a> on your repositories, and run
<code>offshoot init</code> in a clone of each.</p>`,
  );

function page(title: string, content: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title} · Offshoot</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #1f2328; background: #fff; }
button { font: inherit; padding: .5rem 1rem; border: 0; border-radius: .4rem; background: #1a7f37; color: #fff; cursor: pointer; }
td, th { text-align: left; padding: .25rem 1rem .25rem 0; vertical-align: top; } table { margin-top: 2rem; } details { margin: 1rem 0; }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117; } a { color: #4493f8; } }
</style></head>
<body><h1>${title}</h1>${content}</body></html>`;
}

function write(response: ServerResponse, status: number, content: Html): void {
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    connection: "close",
  });
  response.end(content.html);
}
