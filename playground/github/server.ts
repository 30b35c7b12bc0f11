import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { World } from "../world.ts";
import { mintToken } from "./access.ts";
import type { AppIdentity, Backstage, Download } from "./call.ts";
import { createWorld, type GithubOptions, person } from "./create-world.ts";
import { type Faults, openFaults } from "./faults.ts";
import { createListener, downloadUrl, type LoggedRequest, type PageHandler } from "./listener.ts";
import { type Issuer, oidcPrefix, openIssuer } from "./oidc.ts";
import { openWebhooks, type Webhooks } from "./webhooks.ts";

/** A GitHub on loopback: one repository, REST under `/api/v3`, git at `/OWNER/REPO.git`, webhooks to one App. */
export interface Github {
  readonly world: World;
  /** The App's private key, PEM, made at start. */
  readonly appPrivateKey: string;
  readonly tokens: { readonly maintainer: string; readonly outsider: string };
  /** Who signs the OIDC tokens of runs. */
  readonly issuer: Issuer;
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

/** Listens on loopback; `options.dir` and what is in it stay when the double closes. */
export async function openGithub(options: GithubOptions): Promise<Github> {
  const server = createServer();
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  const world = await createWorld(options, `http://127.0.0.1:${portOf(server)}`);
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const webhooks = openWebhooks(world, options.webhook);
  const desk = furnish(world, options, webhooks);
  const issuer = openIssuer(world, generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
  desk.pages.set(oidcPrefix, issuer.handle);
  const stop = serve(server, createListener({ ...desk, publicKey: keys.publicKey }));
  return {
    world,
    appPrivateKey: keys.privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
    tokens: {
      maintainer: mintToken(world, person(world, "maintainer")),
      outsider: mintToken(world, person(world, "outsider")),
    },
    issuer,
    faults: desk.faults,
    requests: desk.requests,
    handle: (prefix, handler) => void desk.pages.set(prefix, handler),
    setWebhookUrl: webhooks.setUrl,
    webhooksSettled: webhooks.settled,
    close: async () => {
      await Promise.all([stop(), webhooks.close()]);
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server is not listening on a port.");
  return address.port;
}

function furnish(world: World, { app }: GithubOptions, webhooks: Webhooks) {
  const downloads = new Map<string, Download>();
  const offer = (content: Download): string => {
    const id = randomUUID();
    downloads.set(id, content);
    return downloadUrl(world, id);
  };
  const identity: AppIdentity = { ...app, permissions: APP_PERMISSIONS, createdAt: world.now() };
  const backstage: Backstage = { world, app: identity, offer, redeliver: webhooks.redeliver };
  const requests: LoggedRequest[] = [];
  return { backstage, downloads, requests, pages: new Map<string, PageHandler>(), faults: openFaults(webhooks) };
}

/** Answers requests until the returned function is called; that one waits for what is being answered. */
function serve(server: Server, listener: ReturnType<typeof createListener>): () => Promise<void> {
  const answering = new Set<Promise<void>>();
  server.on("request", (request, response) => {
    const answer = listener(request, response).finally(() => answering.delete(answer));
    answering.add(answer);
  });
  return async () => {
    const closed = server.listening ? once(server, "close") : null;
    server.close();
    server.closeAllConnections();
    await closed;
    await Promise.all(answering);
  };
}
