import { createHash, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { World } from "../world.ts";
import { mintToken, secretOf } from "./access.ts";
import { type Answer, type ApiPlace, type ApiRequest, refused, send } from "./api.ts";
import { appCreation, appCreationPaths } from "./app-creation.ts";
import { createWorld, type GithubOptions, person } from "./create-world.ts";
import { type Failure, type Faults, faultsInto, take, type Waiting } from "./faults.ts";
import { serveGit } from "./git-http.ts";
import { answerGraphql } from "./graphql.ts";
import { Gate } from "./limits.ts";
import { type Issuer, oidcPrefix, openIssuer } from "./oidc.ts";
import { answerRest } from "./rest.ts";
import { openWebhooks } from "./webhooks.ts";

/** A GitHub on loopback: one repository, REST under `/api/v3`, GraphQL at `/api/graphql`, git at `/OWNER/REPO.git`, webhooks to one App. */
export interface Github {
  readonly world: World;
  /** The App's private key, PEM, made at start. */
  readonly appPrivateKey: string;
  readonly tokens: { readonly maintainer: string; readonly outsider: string };
  /** Who signs the OIDC tokens of runs. */
  readonly issuer: Issuer;
  readonly faults: Faults;
  /** GitHub's limits, which hold once they are set. */
  readonly gate: Gate;
  /** Every request to the API so far, in order of answering. */
  readonly requests: readonly LoggedRequest[];
  /** Mounts a handler for all paths that start with `prefix`; the longest prefix wins, the API and git go first. */
  handle(prefix: string, handler: Handler): void;
  setWebhookUrl(url: string): void;
  /** Resolves once the webhooks of everything that has happened so far are delivered. */
  webhooksSettled(): Promise<void>;
  close(): Promise<void>;
}

interface LoggedRequest {
  readonly method: string;
  /** Below the API's root, percent-encoded as it came; GraphQL's is `/graphql`. */
  readonly path: string;
  readonly status: number;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

const newKeys = () => generateKeyPairSync("rsa", { modulusLength: 2048 });

/** Listens on loopback; `options.dir` and what is in it stay when the double closes. */
export async function openGithub(options: GithubOptions): Promise<Github> {
  const server = createServer();
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server is not listening on a port.");
  const { privateKey, publicKey } = newKeys();
  const world = await createWorld(options, {
    ...{ url: `http://127.0.0.1:${address.port}`, publicKey, privateKey },
  });
  const waiting: Waiting = { dropped: [], duplicated: [], failures: [], forgotten: [], atOnce: false };
  const webhooks = openWebhooks(world, waiting);
  const issuer = openIssuer(world, newKeys().privateKey);
  const requests: LoggedRequest[] = [];
  const creation = appCreationPaths.map((path): [string, Handler] => [path, appCreation(world)]);
  const pages = new Map<string, Handler>([[oidcPrefix, issuer.handle], ...creation]);
  const gate = new Gate(world.now);
  const stop = serve(server, listener({ world, waiting, requests, pages, gate }));
  return {
    ...{ world, issuer, requests, gate, faults: faultsInto(waiting) },
    appPrivateKey: world.app.privateKey,
    tokens: {
      maintainer: mintToken(world, person(world, "maintainer")),
      outsider: mintToken(world, person(world, "outsider")),
    },
    handle: (prefix, handler) => void pages.set(prefix, handler),
    setWebhookUrl: (url) => {
      world.app.webhookUrl = url;
    },
    webhooksSettled: webhooks.settled,
    close: async () => {
      await Promise.all([stop(), webhooks.close()]);
    },
  };
}

interface Desk {
  readonly world: World;
  readonly waiting: Waiting;
  readonly requests: LoggedRequest[];
  readonly gate: Gate;
  readonly pages: ReadonlyMap<string, Handler>;
}

/** Where GitHub Enterprise Server has its APIs. */
const API = { rest: "/api/v3", graphql: "/api" };

/** The place of a request to the API; null where it is none. */
function apiPlace(method: string, url: URL): ApiPlace | null {
  const { pathname } = url;
  const root = pathname === `${API.graphql}/graphql` ? API.graphql : API.rest;
  return pathname.startsWith(`${root}/`) ? { method, path: pathname.slice(root.length), url } : null;
}

/** Answers a request to the API; one that is to fail is done before that, or not at all. */
async function answer({ world, waiting: { forgotten }, gate }: Desk, request: ApiRequest, failure: Failure | null) {
  const perform = async (): Promise<Answer> =>
    request.path === "/graphql" ? answerGraphql(world, request, forgotten) : answerRest(world, request);
  const account = world.tokens.get(secretOf(request.authorization ?? ""))?.user.login ?? "";
  if (!failure) return gate.pass({ ...request, account }, () => perform().catch(refused));
  if (failure.done) await perform();
  const { status, headers } = failure;
  return { status, headers, json: { message: "A failure that a test asked for." } };
}

/** Without its content, where the client has it already. */
function unlessKnown(answer: Answer, known: string | undefined): Answer {
  if (answer.status !== 200 || answer.json === undefined) return answer;
  const { next, json } = answer;
  const etag = `W/"${createHash("sha256")
    .update(JSON.stringify([json, next]))
    .digest("hex")}"`;
  return known === etag ? { status: 304, headers: { etag } } : { ...answer, headers: { ...answer.headers, etag } };
}

/** Sends each request to the API, to git or to a mounted page; never rejects. */
function listener(desk: Desk): (...exchange: Parameters<Handler>) => Promise<void> {
  const { world, waiting, requests, pages } = desk;
  const git = `/${world.owner}/${world.repo}.git/`;
  const api = async (place: ApiPlace, ...[request, response]: Parameters<Handler>) => {
    const { authorization, "if-none-match": known } = request.headers;
    const asked = { ...place, authorization, body: await text(request) };
    const fits = ({ method, path, body }: Failure) =>
      method === asked.method && path.test(asked.path) && asked.body.includes(body);
    const failure = take(waiting.failures, fits);
    send(response, unlessKnown(await answer(desk, asked, failure), known));
    requests.push({ method: place.method, path: place.path, status: response.statusCode });
  };
  const page = (url: URL) => {
    const prefixes = [...pages.keys()].filter((prefix) => url.pathname.startsWith(prefix));
    const [longest = ""] = prefixes.sort((a, b) => b.length - a.length);
    return pages.get(longest) ?? ((_, response) => void response.writeHead(404).end("Not Found\n"));
  };
  return async (request, response) => {
    const url = new URL(request.url ?? "/", world.url);
    try {
      const place = apiPlace(request.method ?? "GET", url);
      if (place) await api(place, request, response);
      else if (url.pathname.startsWith(git)) await serveGit(world, url, request, response);
      else await page(url)(request, response);
    } catch (error) {
      if (!request.complete) return; // the client has gone away in the middle of its request
      const reason = error instanceof Error ? error.message : String(error);
      world.violations.push(`${request.method} ${url.pathname}: ${reason}`);
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { "content-type": "application/json" }).end(JSON.stringify({ message: reason }));
    }
  };
}

/** Answers requests until the returned function is called; that one waits for what is being answered. */
function serve(server: Server, listener: (...exchange: Parameters<Handler>) => Promise<void>): () => Promise<void> {
  const answering = new Set<Promise<void>>();
  server.on("request", (request, response) => {
    const answer = listener(request, response).finally(() => answering.delete(answer));
    answering.add(answer);
  });
  return async () => {
    server.close();
    server.closeAllConnections();
    await Promise.all(answering);
  };
}
