import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { World } from "../world.ts";
import { authenticate, authorize } from "./access.ts";
import { Refusal, type Reply } from "./call.ts";
import { checkRequest, checkResponse, findRoute } from "./description.ts";
import { handlers, type OperationId } from "./handlers.ts";

interface Answer {
  readonly status: number;
  readonly json?: unknown;
  /** Address of a list's next page. */
  readonly next?: string | undefined;
}

/** One REST request; `path` is below `/api/v3`, still percent-encoded. */
interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly url: URL;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** The place of a request, as the log and the faults know it. */
export type RestPlace = Pick<RestRequest, "method" | "path" | "url">;

/** Answers a REST request. With `fault` nothing is done, and that is the answer's status. */
export async function serveRest(
  world: World,
  { place, fault }: { place: RestPlace; fault: number | null },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const rest = { ...place, authorization: request.headers.authorization, body: await text(request) };
  const asked =
    fault === null ? answer(world, rest) : Promise.reject(new Refusal(fault, "A failure that a test asked for."));
  const { status, json, next } = await asked.catch(refused);
  response.writeHead(status, {
    ...(json === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
    ...(next === undefined ? {} : { link: `<${next}>; rel="next"` }),
  });
  response.end(json === undefined ? undefined : JSON.stringify(json));
}

function refused(error: unknown): Answer {
  if (error instanceof URIError) return refused(new Refusal(400, "The path has malformed percent-encoding."));
  if (!(error instanceof Refusal)) throw error;
  const { status, message, errors } = error;
  const documentation_url = "https://docs.github.com/rest";
  return {
    status,
    json: { message, ...(errors.length > 0 ? { errors } : {}), documentation_url, status: `${status}` },
  };
}

async function answer(world: World, { method, path, url, authorization, body }: RestRequest): Promise<Answer> {
  const caller = await authenticate(world, authorization);
  const route = findRoute(method, path);
  if (!route) throw new Refusal(501, `${method} ${path} is not part of this double of GitHub.`);
  const { id } = route;
  const { owner = world.owner, repo = world.repo } = route.params;
  const ours = `${world.owner}/${world.repo}`;
  if (`${owner}/${repo}`.toLowerCase() !== ours.toLowerCase()) throw new Refusal(404, "Not Found");
  authorize(caller, id, method);
  const params = { ...Object.fromEntries(url.searchParams), ...route.params };
  const sent = parseBody(body);
  const errors = checkRequest(id, params, sent);
  if (errors.length > 0) throw new Refusal(422, `Invalid request.\n\n${errors.join("\n")}`, errors);
  // The checks above are what makes parameters and body fit the handler of this very operation.
  const handler = handlers[id] as (call: unknown) => Reply | Promise<Reply>;
  const reply = await handler({ world, caller, params, body: sent });
  return checked(world, id, "page" in reply ? pageOf(reply, url) : reply);
}

/** No body is an empty one: GitHub's description says what it lacks, if anything. */
function parseBody(text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    throw new Refusal(400, "Problems parsing JSON");
  }
}

function pageOf({ page: all, wrap = (items) => items }: Extract<Reply, { page: unknown }>, url: URL): Answer {
  const size = Math.min(Math.max(Number(url.searchParams.get("per_page") ?? 30), 1), 100);
  const page = Math.max(Number(url.searchParams.get("page") ?? 1), 1);
  const next = new URL(url);
  next.searchParams.set("page", String(page + 1));
  const json = wrap(all.slice((page - 1) * size, page * size));
  return { status: 200, json, next: page * size < all.length ? next.href : undefined };
}

/** An answer of ours that GitHub's description refuses is a bug of the double: say so, and keep it. */
function checked(world: World, id: OperationId, answer: Answer): Answer {
  const plain = answer.json === undefined ? undefined : JSON.parse(JSON.stringify(answer.json));
  const errors = checkResponse(id, answer.status, plain);
  if (errors.length === 0) return answer;
  const violation = `${id} ${answer.status}: ${errors.slice(0, 5).join("; ")}`;
  world.violations.push(violation);
  return { status: 500, json: { message: `The double's own answer breaks GitHub's description: ${violation}` } };
}
