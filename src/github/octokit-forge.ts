import type { CommitId } from "../sessions/ids.ts";
import type { Forge, PullRequests, Repo } from "./forge.ts";
import { asForgeError, type GraphqlPlace, once, orNull, orThrow } from "./octokit-calls.ts";
import { conversation } from "./octokit-conversation.ts";
import { runs } from "./octokit-runs.ts";

export interface OctokitForgeOptions extends GraphqlPlace {
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
        const refusal = asForgeError(error);
        if (refusal.status !== 403) throw refusal;
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

function repository({ octokit, owner, repo, server }: OctokitForgeOptions): Repo {
  const at = { owner, repo };
  return {
    url: `${server}/${owner}/${repo}`,
    name: `${owner}/${repo}`,
    standing: async (person) => {
      const route = "GET /repos/{owner}/{repo}/collaborators/{username}/permission";
      const found = await orNull(() => octokit.request(route, { ...at, username: person.login }));
      if (!found || found.data.user?.id !== person.id) return "none";
      const { permission, role_name, user } = found.data;
      if (permission === "admin") return "admin";
      if (permission !== "write") return "none";
      // The older word knows no "maintain", and roles may have names of their own.
      return role_name === "maintain" || user.permissions?.maintain ? "maintain" : "write";
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
