import { createHash } from "node:crypto";
import type { Octokit } from "@octokit/rest";
import type { Proof } from "../sessions/decide.ts";
import type { SessionId } from "../sessions/ids.ts";
import { type Claims, checkClaims, type Expected, type Refusal, type Repository, type Run } from "./claims.ts";
import { orNull } from "./octokit-calls.ts";
import { verifier } from "./oidc.ts";
import { type Grant, publicUrl } from "./run-token.ts";

type Client = Pick<Octokit, "request">;

/** A run that has shown who it is and asks to work on a session. */
export interface Asking {
  readonly session: SessionId;
  /** The wake-up that it says it answers; empty for none. */
  readonly nonce: string;
  /** What it showed, which is good once. */
  readonly proof: Proof;
  readonly run: Run;
  readonly repository: Repository;
  readonly installation: number;
}

export interface BrokerOptions {
  /** The app's public URL: runs have their tokens made for it. */
  readonly url: string;
  /** Where GitHub is for people, `https://github.com`. */
  readonly server: string;
  /** The App's own client, or an installation's: Probot's `auth`. */
  readonly auth: (installation?: number) => Promise<Client>;
  /** Null where the run is wanted for the session, and shows its proof for the first time. */
  readonly admit: (asking: Asking) => Promise<Refusal | null>;
  readonly now: () => Date;
}

export type Exchanged =
  | { readonly ok: true; readonly grant: Grant }
  | { readonly ok: false; readonly refusal: Refusal };

/** Gives an installation token for a run's OIDC token. Rejects when GitHub gives no usable answer. */
export type Exchange = (asked: Pick<Asking, "session" | "nonce"> & { readonly jwt: string }) => Promise<Exchanged>;

/** What the runner needs, and no more. */
const permissions = {
  contents: "write",
  issues: "write",
  pull_requests: "write",
  actions: "read",
  metadata: "read",
} as const;

/** The token broker of one app: a run's identity in, a token for its one repository out. */
export function broker({ url, server, auth, admit, now }: BrokerOptions): Exchange {
  const verify = verifier({ server, audience: publicUrl(url), now });
  let actor: Grant["actor"] | null = null;
  return async ({ jwt, session, nonce }) => {
    const verified = await verify(jwt);
    if (!verified.ok) return verified;
    const { claims } = verified;
    const app = await auth();
    const installation = await installationOf(app, claims);
    if (installation === null) return { ok: false, refusal: "not-installed" };
    const client = await auth(installation);
    const expected = { session, ...(await askGithub(client, claims)) };
    const checked = checkClaims(claims, expected);
    if (!checked.ok) return checked;
    const { repository } = expected;
    const run = { id: claims.run_id, attempt: claims.run_attempt };
    const refusal = await admit({ session, nonce, run, repository, installation, proof: proofOf(claims) });
    if (refusal) return { ok: false, refusal };
    actor ??= await botOf(app, client);
    return { ok: true, grant: { ...(await mint(app, installation, repository)), actor } };
  };
}

/** A journal is for many to read, so it has a digest of the id. */
function proofOf({ jti, exp }: Claims): Proof {
  const id = createHash("sha256").update(jti).digest("base64url");
  return { id, until: new Date(exp * 1000).toISOString() };
}

async function installationOf(app: Client, claims: Claims): Promise<number | null> {
  const found = await orNull(() => app.request("GET /repos/{owner}/{repo}/installation", placeOf(claims)));
  return found && Number(found.data.id);
}

async function askGithub(client: Client, claims: Claims): Promise<Omit<Expected, "session">> {
  const at = placeOf(claims);
  const [{ data }, run] = await Promise.all([
    client.request("GET /repos/{owner}/{repo}", at),
    orNull(() => client.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", { ...at, run_id: claims.run_id })),
  ]);
  const { name, owner, default_branch: defaultBranch } = data;
  return {
    repository: { id: Number(data.id), ownerId: Number(owner.id), owner: owner.login, name, defaultBranch },
    run: run && {
      id: Number(run.data.id),
      attempt: run.data.run_attempt ?? 1,
      title: run.data.display_title,
      over: run.data.status === "completed",
    },
  };
}

/** The account that the App's commits and comments are from; a bot's number is not the App's. */
async function botOf(app: Client, client: Client): Promise<Grant["actor"]> {
  const { data } = await app.request("GET /app");
  if (!data) throw new Error("GitHub does not know the App that asks.");
  const { data: bot } = await client.request("GET /users/{username}", { username: `${data.slug}[bot]` });
  return { login: bot.login, id: Number(bot.id) };
}

async function mint(app: Client, installation: number, { id }: Repository): Promise<Omit<Grant, "actor">> {
  const { data } = await app.request("POST /app/installations/{installation_id}/access_tokens", {
    installation_id: installation,
    repository_ids: [id],
    permissions,
  });
  return { token: data.token, expiresAt: data.expires_at };
}

function placeOf({ repository }: Claims): { owner: string; repo: string } {
  const [owner = "", repo = ""] = repository.split("/");
  return { owner, repo };
}
