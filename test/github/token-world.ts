import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { Probot, ProbotOctokit } from "probot";
import { onTestFinished } from "vitest";
import { resolveRevision } from "../../playground/github/git.ts";
import type { Github } from "../../playground/github/server.ts";
import type { Run, World } from "../../playground/world.ts";
import { admit } from "../../src/github/admit.ts";
import { octokitForge } from "../../src/github/octokit-forge.ts";
import { tokenPath } from "../../src/github/run-token.ts";
import { tokenRoute } from "../../src/github/token-route.ts";
import { type Asking, broker } from "../../src/github/tokens.ts";
import type { SessionId } from "../../src/sessions/ids.ts";
import { memoryStore } from "../../src/sessions/memory-store.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { at, client, openWithMain } from "../playground/github-fixture.ts";
import { hand, offshoot, openIn } from "../sessions/events.ts";

export const session = "01JH4QTM5N8V2KX9C3PD7WBYRA" as SessionId;
export const otherSession = "01JH4QTM5N8V2KX9C3PD7WBYRB" as SessionId;

/** A GitHub with the app's token broker in front of it, served over HTTP as the app serves it. */
export interface TokenWorld {
  readonly github: Github;
  readonly world: World;
  /** The app's public URL. */
  readonly url: string;
  /** The wake-up of the session. */
  readonly nonce: string;
  readonly store: SessionStore;
  /** Who was found to be a good run and was looked at last. */
  readonly asked: Asking[];
  /** What the app logged, as JSON. */
  readonly logged: string[];
  /** Posts to the broker as a run does. */
  post(jwt: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }>;
}

export async function openTokenWorld({ isWanted = true } = {}): Promise<TokenWorld> {
  const { github } = await openWithMain();
  const { world } = github;
  const asked: Asking[] = [];
  const logged: string[] = [];
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The broker is not listening on a port.");
  const url = `http://127.0.0.1:${address.port}`;
  const app = probot(github);
  const forge = octokitForge({ ...at, octokit: client(github, github.tokens.maintainer), server: world.url });
  const clock = hand(offshoot);
  const store = memoryStore();
  const nonce = (isWanted ? (await openIn(store, session)).session.wake : null) ?? "";
  const exchange = broker({
    ...{ url, server: world.url, now: world.now },
    auth: (installation) => app.auth(installation),
    admit: async (asking) => {
      asked.push(asking);
      return admit({ store, clock, app: offshoot, forge }, asking);
    },
  });
  const route = tokenRoute({ exchange, log: (fields, message) => logged.push(JSON.stringify({ ...fields, message })) });
  server.on("request", async (request, response) => {
    if (!(await route(request, response))) response.writeHead(404).end("Not Found");
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const post = async (identity: string, body: unknown = { session, nonce, identity }) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}${tokenPath}`, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { github, world, url, nonce, store, asked, logged, post };
}

/** A test that makes GitHub fail wants to hear of it at once. */
const Octokit = ProbotOctokit.defaults({ retry: { enabled: false }, throttle: { enabled: false } });

function probot(github: Github): Probot {
  const { appPrivateKey: privateKey, world } = github;
  const secret = randomBytes(8).toString("hex");
  return new Probot({ appId: 1234, privateKey, secret, baseUrl: `${world.url}/api/v3`, logLevel: "fatal", Octokit });
}

/** A run of the sessions' workflow, as it is while its job asks for a token. */
export async function addRun(world: World, about: Partial<Run> = {}): Promise<Run> {
  const run: Run = {
    ...{ id: world.nextId(), number: 1, workflowPath: ".github/workflows/offshoot.yml", workflowId: 1 },
    ...{ name: "Offshoot", title: `Offshoot ${session}`, event: "workflow_dispatch" },
    ...{
      headSha: (await resolveRevision(world.gitDir, "refs/heads/main")) ?? "",
      headBranch: "main",
      pulls: [],
      attempt: 1,
      status: "in_progress",
      conclusion: null,
    },
    actor: { login: "offshoot[bot]", id: 600_004, type: "Bot", permission: "write" },
    ...{ createdAt: world.now(), startedAt: world.now(), updatedAt: world.now(), jobs: [] },
    ...about,
  };
  world.runs.set(run.id, run);
  return run;
}

/** The claims that GitHub puts into the token of such a run. */
export function claimsOf(world: World, run: Run, url: string) {
  return {
    aud: url,
    sub: "repo:whatever the owner likes",
    repository: `${world.owner}/${world.repo}`,
    repository_id: String(world.ids.repo),
    repository_owner_id: String(world.ids.owner),
    workflow_ref: `${world.owner}/${world.repo}/.github/workflows/offshoot.yml@refs/heads/main`,
    event_name: "workflow_dispatch",
    run_id: String(run.id),
    run_attempt: String(run.attempt),
  };
}
