import type { Octokit } from "@octokit/rest";
import * as v from "valibot";
import { statusOf } from "../sessions/github/answers.ts";
import { parseSessionId, type SessionId } from "../sessions/ids.ts";

type Client = Pick<Octokit, "request">;

/** A repository in which the App is installed. */
export interface Installed {
  readonly installation: number;
  readonly owner: string;
  readonly repo: string;
  readonly defaultBranch: string;
}

/** Reads lists again without being charged for those that have not changed. */
export interface Lists {
  installations(app: Client): Promise<readonly number[]>;
  repositories(client: Client, installation: number): Promise<readonly Installed[]>;
  /** Where each session's ref is. */
  sessions(client: Client, at: { owner: string; repo: string }): Promise<ReadonlyMap<SessionId, string>>;
}

const installationsSchema = v.array(v.object({ id: v.number(), suspended_at: v.nullish(v.string()) }));
const repositoriesSchema = v.object({
  repositories: v.array(
    v.object({ name: v.string(), owner: v.object({ login: v.string() }), default_branch: v.string() }),
  ),
});
const refsSchema = v.array(v.object({ ref: v.string(), object: v.object({ sha: v.string() }) }));

const sessionsPrefix = "offshoot/sessions/";

export function openLists(): Lists {
  const known = new Map<string, { readonly etag: string; readonly page: Page }>();

  /** A page as it was last time, where GitHub says that it still is. */
  async function read(client: Client, route: string, asked: Record<string, unknown>): Promise<Page> {
    const key = JSON.stringify([route, asked]);
    const before = known.get(key);
    try {
      const headers = before ? { "if-none-match": before.etag } : {};
      const answer = v.parse(answerSchema, await client.request(route, { ...asked, headers }));
      const page = { data: answer.data, isLast: !answer.headers.link?.includes('rel="next"') };
      if (answer.headers.etag) known.set(key, { etag: answer.headers.etag, page });
      return page;
    } catch (error) {
      if (before && statusOf(error) === 304) return before.page;
      throw error;
    }
  }

  async function all<S extends v.GenericSchema>(
    schema: S,
    client: Client,
    route: string,
    asked: Record<string, unknown> = {},
  ): Promise<v.InferOutput<S>[]> {
    const pages: v.InferOutput<S>[] = [];
    for (let page = 1; ; page += 1) {
      const { data, isLast } = await read(client, route, { ...asked, per_page: 100, page });
      pages.push(v.parse(schema, data));
      if (isLast) return pages;
    }
  }

  return {
    installations: async (app) =>
      (await all(installationsSchema, app, "GET /app/installations"))
        .flat()
        .flatMap(({ id, suspended_at }) => (suspended_at ? [] : [id])),
    repositories: async (client, installation) =>
      (await all(repositoriesSchema, client, "GET /installation/repositories"))
        .flatMap(({ repositories }) => repositories)
        .map(({ name, owner, default_branch }) => {
          return { installation, owner: owner.login, repo: name, defaultBranch: default_branch };
        }),
    sessions: async (client, { owner, repo }) => {
      const route = "GET /repos/{owner}/{repo}/git/matching-refs/{ref}";
      const refs = (await all(refsSchema, client, route, { owner, repo, ref: sessionsPrefix })).flat();
      const found = refs.flatMap(({ ref, object }) => {
        const session = parseSessionId(ref.slice(`refs/${sessionsPrefix}`.length));
        return session ? [[session, object.sha] as const] : [];
      });
      return new Map(found);
    },
  };
}

interface Page {
  readonly data: unknown;
  readonly isLast: boolean;
}

const answerSchema = v.object({
  data: v.unknown(),
  headers: v.object({ link: v.optional(v.string()), etag: v.optional(v.string()) }),
});
