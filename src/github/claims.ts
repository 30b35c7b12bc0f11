import * as v from "valibot";
import type { SessionId } from "../sessions/ids.ts";
import { sessionOfRun, workflowFile } from "./workflow.ts";

const workflow = `.github/workflows/${workflowFile}`;

/** GitHub writes numbers in claims as text. */
const number = v.pipe(v.string(), v.digits(), v.transform(Number), v.safeInteger());

/** What the broker reads of a run's OIDC token. Not `sub`: owners customise it, and its format has changed. */
export const claimsSchema = v.object({
  jti: v.pipe(v.string(), v.nonEmpty()),
  exp: v.number(),
  /** `owner/name`, good for finding the repository; its numbers tell whether it is the same one. */
  repository: v.pipe(v.string(), v.regex(/^[\w.-]+\/[\w.-]+$/)),
  repository_id: number,
  repository_owner_id: number,
  workflow_ref: v.string(),
  event_name: v.string(),
  run_id: number,
  run_attempt: number,
});

export type Claims = v.InferOutput<typeof claimsSchema>;

export interface Repository {
  readonly id: number;
  readonly ownerId: number;
  readonly owner: string;
  readonly name: string;
  readonly defaultBranch: string;
}

export interface Run {
  readonly id: number;
  readonly attempt: number;
}

/** What is so on GitHub now, which the claims are held against. */
export interface Expected {
  readonly session: SessionId;
  readonly repository: Repository;
  /** The run that the claims name; null when the repository has no such run. */
  readonly run: (Run & { readonly title: string; readonly over: boolean }) | null;
}

/** Why a run gets no token, in words for the person who reads its log. They tell nothing but what the run knows. */
export const refusals = {
  malformed:
    "The request carries no OIDC token of a GitHub Actions run. Give the job the permission `id-token: write`.",
  signature: "The OIDC token is not signed by this GitHub. Check that `broker` is the app of this GitHub server.",
  issuer: "The OIDC token comes from another issuer. Check that `broker` is the app of this GitHub server.",
  audience: "The OIDC token is for another audience. Set `broker` to the app's public URL exactly as the app has it.",
  time: "The OIDC token is expired or not valid yet. Ask for a new one; if it happens again, check the app's clock.",
  replayed: "The OIDC token has been used before. Ask for a new one for each exchange.",
  "not-installed": "The App is not installed on this repository. Install it, or give it access to this repository.",
  repository: "The OIDC token is for a repository that had this name before. Start the run again.",
  owner: "The OIDC token is for the repository's former owner. Start the run again.",
  workflow: `Only ${workflow} on the default branch gets tokens. Dispatch it there.`,
  event: "Only runs that were started by `workflow_dispatch` get tokens. Let the app start the run.",
  run: "The repository has no such run. Let the app start a new one by a comment.",
  attempt: "This attempt of the run is not the latest one; only that one gets tokens.",
  over: "The run has ended. Let the app start a new one by a comment.",
  session: "The run was started for another session. Keep the workflow's `run-name` as `Offshoot <session>`.",
  superseded:
    "Another run has answered for this session already, or this one was not asked for. There is nothing to repair.",
  unwanted: "The session does not exist or has nothing to do for this run. There is nothing to repair.",
} as const;

export type Refusal = keyof typeof refusals;

export type Checked = { readonly ok: true } | { readonly ok: false; readonly refusal: Refusal };

/** Whether a run with these claims may have a token for the session; signature, `iss`, `aud`, `exp`, `nbf` are checked before. */
export function checkClaims(claims: Claims, { repository, run, session }: Expected): Checked {
  const refuse = (refusal: Refusal): Checked => ({ ok: false, refusal });
  const { owner, name, defaultBranch } = repository;
  if (claims.repository_id !== repository.id) return refuse("repository");
  if (claims.repository_owner_id !== repository.ownerId) return refuse("owner");
  if (claims.workflow_ref !== `${owner}/${name}/${workflow}@refs/heads/${defaultBranch}`) return refuse("workflow");
  if (claims.event_name !== "workflow_dispatch") return refuse("event");
  if (run === null || claims.run_id !== run.id) return refuse("run");
  if (claims.run_attempt !== run.attempt) return refuse("attempt");
  if (run.over) return refuse("over");
  if (sessionOfRun(run.title) !== session) return refuse("session");
  return { ok: true };
}
