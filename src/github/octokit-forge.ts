import type { Octokit } from "@octokit/rest";
import type { CommitId, SessionId } from "../sessions/ids.ts";
import {
  type Account,
  type Conversation,
  type Dispatch,
  type Forge,
  ForgeError,
  type PullRequests,
  type Repo,
  type Runs,
  type Written,
} from "./forge.ts";

/** The workflow that runs sessions, in the repository's `.github/workflows`. */
const workflow = "offshoot.yml";

export interface OctokitForgeOptions {
  /** Probot's client or @octokit/rest's, authenticated for the repository. */
  readonly octokit: Pick<Octokit, "request">;
  readonly owner: string;
  readonly repo: string;
  /** `https://github.com` */
  readonly server: string;
  /** Where a dispatched run gets its token; without it it works with the job's own. */
  readonly broker?: string | undefined;
}

/** The forge over GitHub's REST API. */
export function octokitForge(options: OctokitForgeOptions): Forge {
  return {
    conversation: conversation(options),
    pulls: pullRequests(options),
    runs: runs(options),
    repo: repository(options),
  };
}

function conversation({ octokit, owner, repo }: OctokitForgeOptions): Conversation {
  const at = { owner, repo };
  return {
    thread: (number) =>
      orNull(async () => {
        const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", {
          ...at,
          issue_number: number,
        });
        const thread = { number, title: data.title, body: data.body ?? "", author: account(data.user) };
        return data.pull_request ? { ...thread, pull: await pullOf(octokit, at, number) } : thread;
      }),
    comment: (id) =>
      orNull(async () => {
        const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues/comments/{comment_id}", {
          ...at,
          comment_id: id,
        });
        const thread = Number(data.issue_url.split("/").at(-1));
        return { id, thread, author: account(data.user), body: data.body ?? "", url: data.html_url };
      }),
    react: (comment, content) =>
      orThrow(async () => {
        const route = "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions";
        await octokit.request(route, { ...at, comment_id: comment, content });
      }),
    post: (thread, body) =>
      orThrow(async () => {
        const { data } = await octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
          ...at,
          ...once,
          issue_number: thread,
          body,
        });
        return { number: Number(data.id), url: data.html_url };
      }),
    edit: async (comment, body) => {
      const edited = await orNull(() =>
        octokit.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
          ...at,
          comment_id: comment,
          body,
        }),
      );
      return edited !== null;
    },
    find: (thread, marker, since) => orThrow(() => findComments(octokit, { ...at, thread, marker, since })),
    remove: async (comment) => {
      await orNull(() =>
        octokit.request("DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", { ...at, comment_id: comment }),
      );
    },
  };
}

/** GitHub may have made the comment although the answer was an error: trying again would double it. */
const once = { request: { retries: 0 } };

interface Place {
  readonly owner: string;
  readonly repo: string;
}

async function pullOf(octokit: OctokitForgeOptions["octokit"], at: Place, number: number) {
  const { data } = await octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
    ...at,
    pull_number: number,
  });
  return {
    head: data.head.ref,
    headCommit: data.head.sha as CommitId,
    base: data.base.ref,
    fork: data.head.repo?.id !== data.base.repo.id,
  };
}

async function findComments(
  octokit: OctokitForgeOptions["octokit"],
  { owner, repo, thread, marker, since }: Place & { thread: number; marker: string; since: string },
): Promise<Written[]> {
  const found: Written[] = [];
  for (let page = 1; ; page += 1) {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...{ owner, repo, issue_number: thread, since, per_page: 100, page },
    });
    const ours = data.filter(({ user, body }) => user?.type === "Bot" && body?.startsWith(marker));
    found.push(...ours.map(({ id, html_url }) => ({ number: Number(id), url: html_url })));
    if (data.length < 100) return found.sort((a, b) => a.number - b.number);
  }
}

function pullRequests({ octokit, owner, repo, server }: OctokitForgeOptions): PullRequests {
  const at = { owner, repo };
  return {
    from: (branch) =>
      orThrow(async () => {
        const { data } = await octokit.request("GET /repos/{owner}/{repo}/pulls", {
          ...at,
          head: `${owner}:${branch}`,
          state: "open",
        });
        const [pull] = data;
        return pull ? { number: pull.number, url: pull.html_url, body: pull.body ?? "" } : null;
      }),
    open: async (pull) => {
      try {
        const route = "POST /repos/{owner}/{repo}/pulls";
        const { data } = await octokit.request(route, { ...at, ...once, ...pull, draft: true });
        return { ok: true, number: data.number, url: data.html_url };
      } catch (error) {
        if (statusOf(error) !== 403) throw asForgeError(error);
        const range = `${encodeURIComponent(pull.base)}...${encodeURIComponent(pull.head)}`;
        return { ok: false, compareUrl: `${server}/${owner}/${repo}/compare/${range}?expand=1` };
      }
    },
    describe: (number, body) =>
      orThrow(async () => {
        await octokit.request("PATCH /repos/{owner}/{repo}/pulls/{pull_number}", { ...at, pull_number: number, body });
      }),
  };
}

function runs({ octokit, owner, repo, server, broker }: OctokitForgeOptions): Runs {
  const at = { owner, repo };
  const dispatch = async ({ session, nonce, branch }: Parameters<Runs["dispatch"]>[0]): Promise<Dispatch> => {
    try {
      await octokit.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
        ...at,
        workflow_id: workflow,
        ref: branch,
        inputs: { session, nonce, ...(broker ? { broker } : {}) },
      });
      return { ok: true };
    } catch (error) {
      return refusedDispatch(asForgeError(error), `${server}/${owner}/${repo}`);
    }
  };
  return {
    dispatch,
    hasEnded: async ({ id, attempt }) => {
      const found = await orNull(() =>
        octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", { ...at, run_id: id }),
      );
      if (!found) return true;
      return found.data.status === "completed" || (found.data.run_attempt ?? 1) > attempt;
    },
    isUnderWay: (session) => orThrow(async () => (await openRuns(octokit, at, session)).length > 0),
  };
}

async function openRuns(octokit: OctokitForgeOptions["octokit"], at: Place, session: SessionId) {
  const route = "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs";
  const { data } = await octokit.request(route, { ...at, workflow_id: workflow, per_page: 100 });
  return data.workflow_runs.filter(
    (run) => run.status !== "completed" && sessionOfRun(run.display_title ?? "") === session,
  );
}

/** The session that a run of our workflow was made for: `run-name` puts it last in the run's title. */
export function sessionOfRun(title: string): string | null {
  return /^Offshoot ([0-7][0-9A-HJKMNP-TV-Z]{25})$/.exec(title)?.[1] ?? null;
}

function refusedDispatch({ status, message }: ForgeError, repo: string): Dispatch {
  const file = `.github/workflows/${workflow}`;
  switch (status) {
    case 404:
      return {
        ok: false,
        problem: `There is no workflow \`${file}\` on the default branch, or the App may not see it.`,
        remedy: `Add the workflow to the default branch and give the App the permission “Actions: write”.`,
      };
    case 403:
      return {
        ok: false,
        problem: "GitHub does not let the App start workflows here.",
        remedy: `Give the App the permission “Actions: write” at ${repo}/settings/installations, and look for policies that block workflow dispatches.`,
      };
    case 422:
      return {
        ok: false,
        problem: `GitHub refused to start \`${file}\`: ${message}`,
        remedy: "Check that the workflow has the trigger `workflow_dispatch` with the inputs `session` and `nonce`.",
      };
    default:
      return {
        ok: false,
        problem: `GitHub did not start the run (${status || "no answer"}: ${message}).`,
        remedy: "Comment again in a few minutes; githubstatus.com tells whether Actions has trouble.",
      };
  }
}

function repository({ octokit, owner, repo, server }: OctokitForgeOptions): Repo {
  const at = { owner, repo };
  return {
    url: `${server}/${owner}/${repo}`,
    name: `${owner}/${repo}`,
    mayWrite: async (person) => {
      const route = "GET /repos/{owner}/{repo}/collaborators/{username}/permission";
      const found = await orNull(() => octokit.request(route, { ...at, username: person.login }));
      if (!found || found.data.user?.id !== person.id) return false;
      return found.data.permission === "admin" || found.data.permission === "write";
    },
    branch: (name) =>
      orNull(async () => {
        const route = "GET /repos/{owner}/{repo}/git/ref/{ref}";
        const { data } = await octokit.request(route, { ...at, ref: `heads/${name}` });
        return data.object.sha as CommitId;
      }),
    file: (path, branch) =>
      orNull(async () => {
        const route = "GET /repos/{owner}/{repo}/contents/{path}";
        const { data } = await octokit.request(route, { ...at, path, ref: branch });
        if (Array.isArray(data) || data.type !== "file") return null;
        return Buffer.from(data.content, "base64").toString();
      }),
  };
}

function account(user: { login: string; id: number | bigint; type?: string } | null): Account {
  if (!user) return { login: "ghost", id: 10137, bot: false };
  return { login: user.login, id: Number(user.id), bot: user.type === "Bot" };
}

async function orThrow<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asForgeError(error);
  }
}

async function orNull<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw asForgeError(error);
  }
}

function statusOf(error: unknown): number {
  const status = error instanceof Error && "status" in error ? error.status : 0;
  return typeof status === "number" ? status : 0;
}

function asForgeError(error: unknown): ForgeError {
  if (error instanceof ForgeError) return error;
  return new ForgeError(statusOf(error), error instanceof Error ? error.message : String(error));
}
