import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Octokit } from "@octokit/rest";
import { onTestFinished } from "vitest";
import { mintToken } from "../../../playground/github/access.ts";
import { person } from "../../../playground/github/create-world.ts";
import type { Github } from "../../../playground/github/server.ts";
import { Repository } from "../../../src/sessions/git/repository.ts";
import { githubStore } from "../../../src/sessions/github/github-store.ts";
import type { CommitId, SessionId } from "../../../src/sessions/ids.ts";
import { refOf, type SessionStore } from "../../../src/sessions/store.ts";
import { at, type Clone, client, cloneUrl, openWithMain } from "../../playground/github-fixture.ts";

/** Sessions on a GitHub, through an App's token that may write contents. */
export interface GithubWorld {
  readonly github: Github;
  readonly clone: Clone;
  readonly maintainer: Octokit;
  readonly token: string;
  readonly store: SessionStore;
  /** The requests to the API that happen meanwhile, `POST /git/trees` each. */
  requestsOf(doing: () => Promise<unknown>): Promise<readonly string[]>;
  /** Puts a commit with these files on top of a session, as anyone may who can write. */
  putOnTop(session: SessionId, files: Readonly<Record<string, string>>): Promise<CommitId>;
  /** The same repository through git, as the runner has it. */
  repository(): Promise<Repository>;
}

export async function githubWorld(): Promise<GithubWorld> {
  const { github, clone, maintainer } = await openWithMain();
  const bot = person(github.world, "offshoot[bot]");
  const token = mintToken(github.world, { ...bot, kind: "installation", permissions: { contents: "write" } });
  return {
    ...{ github, clone, maintainer, token },
    store: githubStore({ octokit: client(github, token), ...at }),
    async requestsOf(doing) {
      const before = github.requests.length;
      await doing();
      const made = github.requests.slice(before);
      return made.map(({ method, path }) =>
        `${method} ${path.replace("/repos/octo/sample", "")}`.replace(/%2F.*/, "…"),
      );
    },
    async putOnTop(session, files) {
      const { git } = maintainer.rest;
      const ref = refOf.session(session).slice("refs/".length);
      const parents = [(await git.getRef({ ...at, ref })).data.object.sha];
      const entry = { mode: "100644", type: "blob" } as const;
      const entries = Object.entries(files).map(([path, content]) => ({ ...entry, path, content }));
      const tree = (await git.createTree({ ...at, tree: entries })).data.sha;
      const { data } = await git.createCommit({ ...at, message: "by hand", tree, parents });
      await git.updateRef({ ...at, ref, sha: data.sha });
      return data.sha as CommitId;
    },
    async repository() {
      const dir = await mkdtemp(join(tmpdir(), "offshoot-repository-"));
      onTestFinished(() => rm(dir, { recursive: true, force: true }));
      const remote = { url: cloneUrl(github, token), authorization: async () => undefined };
      return Repository.open({ dir, remote, path: process.env.PATH ?? "" });
    },
  };
}
