import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { authorize } from "./access.ts";
import { type Backstage, type Caller, notFound, Refusal, type Reply } from "./call.ts";
import { handlers } from "./handlers.ts";
import type { OperationId } from "./operations.ts";
import { findRoute } from "./route.ts";
import { checkBody, checkParameters, checkResponse } from "./validate.ts";

/** What is sent back: headers and the bytes. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

export interface RestRequest {
  readonly method: string;
  /** Path below `/api/v3`, still percent-encoded. */
  readonly path: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export const readBody = (request: IncomingMessage): Promise<string> => text(request);

/** Answers one REST request; refusals come back as GitHub's error bodies. */
export async function answerRest(request: RestRequest, caller: Caller, backstage: Backstage): Promise<Answer> {
  try {
    const route = findRoute(request.method, request.path);
    if (!route) throw new Refusal(501, `${request.method} ${request.path} is not part of this double of GitHub.`);
    const reply = await handle(route, request, { caller, backstage });
    return conditional(request, render(reply, request, { id: route.id, backstage }));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return refusalAnswer(error);
  }
}

export function refusalAnswer({ status, message, errors }: Refusal): Answer {
  const body = {
    message,
    ...(errors.length > 0 ? { errors } : {}),
    documentation_url: "https://docs.github.com/rest",
    status: String(status),
  };
  return json(status, body);
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body: Buffer.from(JSON.stringify(body)),
});

type Found = NonNullable<ReturnType<typeof findRoute>>;

async function handle(
  route: Found,
  request: RestRequest,
  by: { caller: Caller; backstage: Backstage },
): Promise<Reply> {
  const { world } = by.backstage;
  const { owner = world.owner, repo = world.repo } = route.path;
  const same = (a: unknown, b: string) => String(a).toLowerCase() === b.toLowerCase();
  if (!same(owner, world.owner) || !same(repo, world.repo)) throw notFound();
  authorize(world, by.caller, route.id, request.method);
  const params = { ...Object.fromEntries(request.url.searchParams), ...route.path };
  refuse(checkParameters(route.id, params));
  const body = parseBody(request.body);
  refuse(checkBody(route.id, body));
  const accept = String(request.headers.accept ?? "");
  // The checks above are what makes parameters and body fit the handler of this very operation.
  const handler = handlers[route.id] as (call: unknown) => Reply | Promise<Reply>;
  return handler({ world, ...by, params, body: body ?? {}, accept });
}

function refuse(errors: readonly string[]): void {
  if (errors.length > 0) throw new Refusal(422, `Invalid request.\n\n${errors.join("\n")}`, errors);
}

function parseBody(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "Problems parsing JSON");
  }
}

function render(reply: Reply, request: RestRequest, at: { id: OperationId; backstage: Backstage }): Answer {
  if ("raw" in reply)
    return { status: reply.status, headers: { "content-type": reply.raw.type }, body: reply.raw.content };
  if ("location" in reply)
    return checked(at, { status: reply.status, headers: { location: reply.location }, body: null });
  if ("page" in reply) return paged(reply, request, at);
  if ("json" in reply) return checked(at, json(reply.status, reply.json), reply.json);
  return checked(at, { status: reply.status, headers: {}, body: null });
}

/** An answer of ours that GitHub's description refuses is a bug of the double: say so, and keep it. */
function checked({ id, backstage }: { id: OperationId; backstage: Backstage }, answer: Answer, body?: unknown): Answer {
  const plain = body === undefined ? undefined : JSON.parse(JSON.stringify(body));
  const errors = checkResponse(id, answer.status, plain);
  if (errors.length === 0) return answer;
  const violation = `${id} ${answer.status}: ${errors.slice(0, 5).join("; ")}`;
  backstage.world.violations.push(violation);
  return json(500, { message: `The double's own answer breaks GitHub's description: ${violation}` });
}

function paged(
  reply: Extract<Reply, { page: unknown }>,
  request: RestRequest,
  at: { id: OperationId; backstage: Backstage },
): Answer {
  const { searchParams } = request.url;
  const size = Math.min(Math.max(Number(searchParams.get("per_page") ?? 30), 1), 100);
  const page = Math.max(Number(searchParams.get("page") ?? 1), 1);
  const last = Math.max(Math.ceil(reply.page.length / size), 1);
  const items = reply.page.slice((page - 1) * size, page * size);
  const body = reply.wrap ? reply.wrap(items) : items;
  return checked(at, json(reply.status, body, linkHeader(request.url, page, last)), body);
}

function linkHeader(url: URL, page: number, last: number): Record<string, string> {
  const to = (target: number, rel: string): string => {
    const link = new URL(url);
    link.searchParams.set("page", String(target));
    return `<${link.href}>; rel="${rel}"`;
  };
  const links = [
    ...(page > 1 ? [to(page - 1, "prev"), to(1, "first")] : []),
    ...(page < last ? [to(page + 1, "next"), to(last, "last")] : []),
  ];
  return links.length > 0 ? { link: links.join(", ") } : {};
}

function conditional(request: RestRequest, answer: Answer): Answer {
  if (request.method !== "GET" || answer.status !== 200 || !answer.body) return answer;
  const who = request.headers.authorization ?? "";
  const etag = `W/"${createHash("sha256").update(who).update(answer.body).digest("hex")}"`;
  const headers = { ...answer.headers, etag };
  return request.headers["if-none-match"] === etag
    ? { status: 304, headers: { etag }, body: null }
    : { ...answer, headers };
}

export function send(
  response: ServerResponse,
  { status, headers, body }: Answer,
  extra: Record<string, string> = {},
): void {
  response.writeHead(status, { ...headers, ...extra });
  response.end(body ?? undefined);
}
