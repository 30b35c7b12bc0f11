import * as v from "valibot";
import type { SessionId } from "../sessions/ids.ts";

/** Where the app exchanges tokens, below its public URL. */
export const tokenPath = "/offshoot/token";

/** The app's URL as runs and the app write it into tokens, however it was typed. */
export const publicUrl = (url: string): string => url.replace(/\/+$/, "");

const grantSchema = v.object({
  token: v.pipe(v.string(), v.nonEmpty()),
  /** RFC 3339; an hour from the exchange. */
  expiresAt: v.pipe(v.string(), v.isoTimestamp()),
  actor: v.object({ login: v.string(), id: v.number() }),
});

/** What a run works with: a token for its one repository, and the App's account, in whose name it commits. */
export type Grant = Readonly<v.InferOutput<typeof grantSchema>>;

/** Why a run has no token; the message tells what to do. */
export class RunTokenError extends Error {
  readonly kind: "no-identity" | "unreachable" | "refused" | "unwanted" | "not-revoked";

  constructor(kind: RunTokenError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RunTokenError";
    this.kind = kind;
  }
}

export interface RunTokenOptions {
  /** The app's public URL. */
  readonly broker: string;
  readonly session: SessionId;
  /** The wake-up that the run answers. */
  readonly nonce: string;
  /** `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN`; empty without `id-token: write`. */
  readonly requestUrl: string;
  readonly requestToken: string;
  readonly fetch?: typeof fetch;
}

/** Exchanges this run's identity for an installation token of its repository. Throws {@link RunTokenError}. */
export async function runToken({ fetch: send = fetch, ...options }: RunTokenOptions): Promise<Grant> {
  const url = publicUrl(options.broker);
  const jwt = await identityToken(options, url, send);
  // In the body, because servers log the headers of a request.
  const { session, nonce } = options;
  const body = JSON.stringify({ session, nonce, identity: jwt });
  const request = { method: "POST", headers: { "content-type": "application/json" } };
  const answer = await ask(send, `${url}${tokenPath}`, { ...request, body }).catch((error: unknown) => {
    const message = `The Offshoot app at ${url} cannot be reached. Check the input \`broker\` and that the app is up.`;
    throw new RunTokenError("unreachable", message, { cause: error });
  });
  const grant = v.safeParse(grantSchema, answer.json);
  if (answer.ok && grant.success) return grant.output;
  const { message, refusal } = v.parse(v.fallback(refusedSchema, noReason), answer.json);
  const kind = refusal === "unwanted" || refusal === "superseded" ? "unwanted" : "refused";
  throw new RunTokenError(kind, `The Offshoot app at ${url} gave no token (HTTP ${answer.status}): ${message}`);
}

const refusedSchema = v.object({ message: v.string(), refusal: v.optional(v.string()) });

const noReason = { message: "It did not say why. Check that `broker` is the app's public URL." };

async function identityToken(
  { requestUrl, requestToken }: RunTokenOptions,
  audience: string,
  send: typeof fetch,
): Promise<string> {
  const needed = "Give the job the permission `id-token: write`; runs of forks never have it.";
  if (!requestUrl || !requestToken)
    throw new RunTokenError("no-identity", `This job may not ask GitHub for an OIDC token. ${needed}`);
  const url = new URL(requestUrl);
  url.searchParams.set("audience", audience);
  const headers = { authorization: `Bearer ${requestToken}` };
  const answer = await ask(send, url.href, { headers }).catch((error: unknown) => {
    const message = "GitHub's OIDC endpoint cannot be reached. Start the run again; githubstatus.com tells of trouble.";
    throw new RunTokenError("no-identity", message, { cause: error });
  });
  const issued = v.safeParse(v.object({ value: v.string() }), answer.json);
  if (answer.ok && issued.success) return issued.output.value;
  throw new RunTokenError("no-identity", `GitHub gave this job no OIDC token (HTTP ${answer.status}). ${needed}`);
}

/** How long an endpoint may take to answer. */
const patienceMs = 30_000;

async function ask(send: typeof fetch, url: string, init: RequestInit) {
  const response = await send(url, { ...init, redirect: "error", signal: AbortSignal.timeout(patienceMs) });
  const json: unknown = await response.json().catch(() => null);
  return { ok: response.ok, status: response.status, json };
}

const refreshBelowMs = 10 * 60_000;
const retryAfterMs = 60_000;

/** Gives the grant to work with now. */
export type TokenSource = () => Promise<Grant>;

/**
 * Asks for a grant when one is needed, and for the next when the last has less than 10 minutes left, once for all who
 * wait. While a token is still good, failing to get the next one is no error: that is tried again a minute later.
 */
export function tokenSource({ obtain, now }: { obtain: () => Promise<Grant>; now: () => Date }): TokenSource {
  let held: Grant | null = null;
  let asking: Promise<Grant> | null = null;
  let retryAt = 0;
  const time = () => now().getTime();
  const left = (grant: Grant) => Date.parse(grant.expiresAt) - time();
  return async () => {
    if (held && (left(held) >= refreshBelowMs || (left(held) > 0 && time() < retryAt))) return held;
    asking ??= obtain().finally(() => {
      asking = null;
    });
    try {
      held = await asking;
    } catch (error) {
      if (held === null || left(held) <= 0) throw error;
      retryAt = time() + retryAfterMs;
    }
    return held;
  };
}

/** Ends a token before its hour; one that has ended already is fine. `api` is GITHUB_API_URL. */
export async function revokeToken(options: {
  readonly api: string;
  readonly token: string;
  readonly fetch?: typeof fetch;
}): Promise<void> {
  const { api, token, fetch: send = fetch } = options;
  const headers = { authorization: `token ${token}`, accept: "application/vnd.github+json" };
  const signal = AbortSignal.timeout(patienceMs);
  const { status } = await send(`${api}/installation/token`, { method: "DELETE", headers, signal });
  if (status === 204 || status === 401) return;
  const message = `GitHub did not revoke this run's token (HTTP ${status}). It ends by itself within the hour.`;
  throw new RunTokenError("not-revoked", message);
}
