import type { IncomingMessage, ServerResponse } from "node:http";
import * as v from "valibot";
import { sessionIdSchema } from "../sessions/ids.ts";
import { type Refusal, refusals } from "./claims.ts";
import { tokenPath } from "./run-token.ts";
import type { Exchange } from "./tokens.ts";

export interface TokenRouteOptions {
  readonly exchange: Exchange;
  readonly log: (fields: Readonly<Record<string, unknown>>, message: string) => void;
}

type Reply = { readonly status: number; readonly body: unknown };

const bodySchema = v.object({ session: sessionIdSchema, nonce: v.optional(v.string(), ""), identity: v.string() });

const maxBody = 16_384;

/** The broker over HTTP, `POST /offshoot/token`, for Probot's `addHandler`: false for every other path. */
export function tokenRoute(options: TokenRouteOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    if (request.url?.split("?")[0] !== tokenPath) return false;
    const { status, body } = await answer(options, request);
    const headers = { "content-type": "application/json", "cache-control": "no-store" };
    response.writeHead(status, headers).end(JSON.stringify(body));
    return true;
  };
}

async function answer({ exchange, log }: TokenRouteOptions, request: IncomingMessage): Promise<Reply> {
  if (request.method !== "POST") return { status: 405, body: { message: `Use POST ${tokenPath}.` } };
  const asked = await readBody(request);
  if (asked === null)
    return {
      status: 400,
      body: { message: 'The body must be {"session": "<ULID>", "nonce": "<ULID>", "identity": "<JWT>"}.' },
    };
  const { session, nonce, identity } = asked;
  try {
    const exchanged = await exchange({ jwt: identity, session, nonce });
    log({ session, outcome: exchanged.ok ? "granted" : exchanged.refusal }, "a run asked for a token");
    return exchanged.ok ? { status: 200, body: exchanged.grant } : refused(exchanged.refusal);
  } catch (error) {
    log({ session, err: error }, "a run's token could not be exchanged");
    return { status: 503, body: { message: "GitHub gave the app no usable answer. Try again in a minute." } };
  }
}

const unauthenticated: readonly Refusal[] = ["malformed", "signature", "issuer", "audience", "time", "replayed"];

const refused = (refusal: Refusal): Reply => ({
  status: unauthenticated.includes(refusal) ? 401 : 403,
  body: { refusal, message: refusals[refusal] },
});

async function readBody(request: IncomingMessage) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > maxBody) return null;
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), bodySchema), text);
  return parsed.success ? parsed.output : null;
}
