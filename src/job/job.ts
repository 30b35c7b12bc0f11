import { readFileSync } from "node:fs";
import * as v from "valibot";
import type { Audience } from "../runner/keeping.ts";
import type { CommitId } from "../sessions/ids.ts";

/** What GitHub tells a job about itself. */
export interface Job {
  readonly server: string;
  readonly api: string;
  readonly owner: string;
  readonly repo: string;
  readonly workspace: string;
  readonly temp: string;
  readonly path: string;
  readonly run: { readonly id: number; readonly attempt: number; readonly url: string };
  /** What the job was started for: on the default branch, but for events of pull requests. */
  readonly commit: CommitId;
  readonly ref: string;
  readonly event: JobEvent;
  /** Where the job may ask for proof of who it is; empty without `id-token: write`. */
  readonly identity: { readonly requestUrl: string; readonly requestToken: string };
}

/** The event that started the run, as GitHub wrote it down for the job. */
export interface JobEvent {
  readonly name: string;
  readonly payload: unknown;
  readonly audience: Audience;
  /** Null where the event does not tell. */
  readonly defaultBranch: string | null;
  /** The repository's id in GraphQL; undefined where the event does not tell. */
  readonly node: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws outside of a workflow's job. */
export function readJob(env: Environment): Job {
  const need = (name: string): string => {
    const value = env[name];
    if (!value) throw new Error(`${name} is not set. This program is a GitHub Action: start it from a workflow.`);
    return value;
  };
  const [server, repository, id] = [need("GITHUB_SERVER_URL"), need("GITHUB_REPOSITORY"), need("GITHUB_RUN_ID")];
  const [owner = "", repo = ""] = repository.split("/");
  return {
    ...{ server, owner, repo, api: need("GITHUB_API_URL"), path: env.PATH ?? "" },
    ...{ workspace: need("GITHUB_WORKSPACE"), temp: need("RUNNER_TEMP") },
    ...{ commit: need("GITHUB_SHA") as CommitId, ref: need("GITHUB_REF") },
    event: readEvent(need("GITHUB_EVENT_NAME"), env.GITHUB_EVENT_PATH),
    identity: {
      requestUrl: env.ACTIONS_ID_TOKEN_REQUEST_URL ?? "",
      requestToken: env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? "",
    },
    run: {
      id: Number(id),
      attempt: Number(env.GITHUB_RUN_ATTEMPT ?? 1),
      url: `${server}/${repository}/actions/runs/${id}`,
    },
  };
}

const eventSchema = v.object({
  repository: v.object({
    private: v.optional(v.boolean()),
    default_branch: v.optional(v.string()),
    node_id: v.optional(v.string()),
  }),
});

function readEvent(name: string, file: string | undefined): JobEvent {
  const payload: unknown = file ? JSON.parse(readFileSync(file, "utf8")) : null;
  const { repository } = v.parse(v.fallback(eventSchema, { repository: {} }), payload);
  const audience = repository.private === undefined ? "unknown" : repository.private ? "members" : "everyone";
  const { default_branch, node_id: node } = repository;
  return { name, payload, audience, defaultBranch: default_branch ?? null, node };
}
