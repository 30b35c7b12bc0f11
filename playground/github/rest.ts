import type { World } from "../world.ts";
import { authenticate, authorize } from "./access.ts";
import { type Answer, type ApiRequest, parseBody } from "./api.ts";
import { Refusal, type Reply } from "./call.ts";
import { checkRequest, checkResponse, findRoute } from "./description.ts";
import { handlers, type OperationId } from "./handlers.ts";

/** Answers a REST request; whatever goes in or out is held to GitHub's description. */
export async function answerRest(world: World, request: ApiRequest): Promise<Answer> {
  const { method, path, url, authorization, body } = request;
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
  return checked(world, id, answerOf(reply, url));
}

function answerOf(reply: Reply, url: URL): Answer {
  if ("page" in reply) return pageOf(reply, url);
  if (!("cursorPage" in reply)) return reply;
  const next = new URL(url);
  next.searchParams.set("cursor", String(reply.next));
  return { status: 200, json: reply.cursorPage, next: reply.next === undefined ? undefined : next.href };
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
