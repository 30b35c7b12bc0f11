import { createPublicKey, type KeyObject, randomBytes, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { exportJWK, SignJWT } from "jose";
import type { Run, World } from "../world.ts";

const ISSUER = "/_services/token";
const REQUESTS = "/_services/pipelines/idtoken";
const KEY_ID = "playground";
const LIFE_S = 300;
/** GitHub's tokens are valid from before they are made. */
const NOT_BEFORE_S = -600;

type Claims = Readonly<Record<string, unknown>>;

/** Claims that are in the `github` context of the job under the same name. */
const FROM_CONTEXT = [
  ...["actor", "actor_id", "base_ref", "event_name", "head_ref", "ref", "ref_protected", "ref_type", "repository"],
  ...["repository_id", "repository_owner", "repository_owner_id", "run_attempt", "run_id", "run_number", "sha"],
  ...["workflow", "workflow_ref", "workflow_sha"],
];

export interface Admission {
  /** What its steps find in their environment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly secret: string;
  end(): void;
}

/** Lets a job ask for OIDC tokens until its end. */
export function admitJob(world: World, run: Run, github: Claims): Admission {
  const secret = randomBytes(24).toString("hex");
  const own = Object.fromEntries(FROM_CONTEXT.map((name) => [name, github[name]]));
  world.idTokenRequests.set(secret, {
    ...own,
    sub: `repo:${world.owner}/${world.repo}:ref:${github.ref}`,
    job_workflow_ref: github.workflow_ref,
    job_workflow_sha: github.workflow_sha,
    repository_visibility: "public",
    runner_environment: "self-hosted",
  });
  return {
    variables: {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${world.url}${REQUESTS}/${run.id}?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: secret,
    },
    secret,
    end: () => void world.idTokenRequests.delete(secret),
  };
}

/** The OIDC issuer of the double: its keys, and tokens for the jobs that may ask for them. */
export interface Issuer {
  /** What `iss` says. */
  readonly url: string;
  /** Signs any claims, over the usual ones. */
  sign(claims: Claims): Promise<string>;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Prefix of all its paths. */
export const oidcPrefix = "/_services/";

export function openIssuer(world: World, key: KeyObject): Issuer {
  const url = `${world.url}${ISSUER}`;
  const sign = (claims: Claims): Promise<string> => {
    const iat = Math.floor(world.now().getTime() / 1000);
    const usual = { jti: randomUUID(), iss: url, iat, nbf: iat + NOT_BEFORE_S, exp: iat + LIFE_S };
    const header = { alg: "RS256", kid: KEY_ID, typ: "JWT" };
    return new SignJWT({ ...usual, ...claims }).setProtectedHeader(header).sign(key);
  };
  const answer = async (request: IncomingMessage): Promise<{ status: number; json: unknown }> => {
    const { pathname, searchParams } = new URL(request.url ?? "/", world.url);
    if (pathname === `${ISSUER}/.well-known/jwks`) {
      const jwk = { ...(await exportJWK(createPublicKey(key))), kid: KEY_ID, use: "sig", alg: "RS256" };
      return { status: 200, json: { keys: [jwk] } };
    }
    if (!pathname.startsWith(`${REQUESTS}/`)) return { status: 404, json: { message: "Not Found" } };
    const claims = world.idTokenRequests.get(request.headers.authorization?.replace(/^bearer /i, "") ?? "");
    if (!claims) return { status: 401, json: { message: "Unauthorized" } };
    const aud = searchParams.get("audience") ?? `${world.url}/${world.owner}`;
    return { status: 200, json: { count: 1, value: await sign({ ...claims, aud }) } };
  };
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const { status, json } = await answer(request);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
  };
  return { url, sign, handle };
}
