import { statusOf } from "../sessions/github/answers.ts";
import { environmentOf } from "../setup/check-secrets.ts";
import type { Asked } from "../setup/finding.ts";
import { filesBy } from "../setup/plan.ts";
import type { Facts, Files, Installation, LastRun, Repository } from "../setup/repository.ts";
import type { GithubAccess } from "./github-access.ts";

/** What GitHub tells of the repository, and of what the token may do. Throws what the request throws. */
export async function askForRepository({ octokit, at }: GithubAccess) {
  const { data, headers } = await octokit.request("GET /repos/{owner}/{repo}", at);
  const repository: Repository = {
    ...{ name: data.full_name, web: data.html_url, defaultBranch: data.default_branch },
    ...{ isPrivate: data.private, isOrganization: data.owner.type === "Organization" },
    may: { admin: data.permissions?.admin ?? false, push: data.permissions?.push ?? false },
  };
  const scopes = headers["x-oauth-scopes"];
  return { repository, scopes: scopes === undefined ? null : scopes.split(",").map((scope) => scope.trim()) };
}

/** The files of the set-up on a branch. */
export function askForFiles(access: GithubAccess, branch: string): Promise<Files> {
  return filesBy((path) => readFile(access, path, branch));
}

async function readFile({ octokit, at }: GithubAccess, path: string, ref: string): Promise<string | null> {
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/contents/{path}", { ...at, path, ref });
    return "content" in data ? Buffer.from(data.content, "base64").toString() : null;
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
}

/** Everything that `doctor` wants to know from GitHub; what it does not tell is not known, and the reason is kept. */
export async function askForFacts(access: GithubAccess): Promise<Facts> {
  const { repository, scopes } = await askForRepository(access);
  const files = await askForFiles(access, repository.defaultBranch);
  const [about, secrets, rest] = await Promise.all([
    askForActions(access),
    askForSecrets(access, repository, environmentOf(files.workflow)),
    askForRest(access, repository),
  ]);
  return { repository, scopes, files, ...about, ...secrets, ...rest };
}

async function askForActions({ octokit, at }: GithubAccess) {
  const [actions, selected, mayOpenPullRequests, workflowState] = await Promise.all([
    asked(async () => {
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/permissions", at);
      const { enabled, allowed_actions: allowed = "all", sha_pinning_required: pinned = false } = data;
      return { enabled, allowed, pinned };
    }),
    asked(async () => {
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/permissions/selected-actions", at);
      return { githubOwned: data.github_owned_allowed ?? false, patterns: data.patterns_allowed ?? [] };
    }),
    asked(async () => {
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/permissions/workflow", at);
      return data.can_approve_pull_request_reviews;
    }),
    asked(async () => {
      const file = { ...at, workflow_id: "offshoot.yml" };
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}", file);
      return data.state as string;
    }),
  ]);
  return { actions, selected, mayOpenPullRequests, workflowState };
}

type Named = { readonly name: string };
const namesOf = (all: readonly Named[]) => all.map(({ name }) => name);

async function askForSecrets(
  { octokit, at }: GithubAccess,
  { isOrganization }: Repository,
  environment: string | null,
) {
  const [secrets, organizationSecrets, environmentSecrets, variables] = await Promise.all([
    askForSecretNames({ octokit, at }),
    asked(async () =>
      isOrganization
        ? namesOf(await octokit.paginate("GET /repos/{owner}/{repo}/actions/organization-secrets", at))
        : [],
    ),
    asked(async () => {
      if (environment === null) return [];
      const place = { ...at, environment_name: environment };
      return namesOf(
        await octokit.paginate("GET /repos/{owner}/{repo}/environments/{environment_name}/secrets", place),
      );
    }),
    asked(async () => {
      const all = await Promise.all([
        isOrganization ? octokit.paginate("GET /repos/{owner}/{repo}/actions/organization-variables", at) : [],
        octokit.paginate("GET /repos/{owner}/{repo}/actions/variables", at),
      ]);
      return new Map(all.flat().map(({ name, value }) => [name, value]));
    }),
  ]);
  return { secrets, organizationSecrets, environmentSecrets, variables };
}

export function askForSecretNames({ octokit, at }: Pick<GithubAccess, "octokit" | "at">) {
  return asked(async () => namesOf(await octokit.paginate("GET /repos/{owner}/{repo}/actions/secrets", at)));
}

async function askForRest({ octokit, at }: GithubAccess, { isOrganization }: Repository) {
  const [lastRun, branchRules, installations] = await Promise.all([
    asked(async (): Promise<LastRun | null> => {
      const file = { ...at, workflow_id: "offshoot.yml", per_page: 1 };
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", file);
      const [run] = data.workflow_runs;
      return run ? { url: run.html_url, event: run.event, conclusion: run.conclusion } : null;
    }),
    asked(async () => {
      const branch = { ...at, branch: "offshoot/1-doctor-0000" };
      const rules = await octokit.paginate("GET /repos/{owner}/{repo}/rules/branches/{branch}", branch);
      return rules.map(({ type, ruleset_source: source = "a ruleset" }) => ({ type, source }));
    }),
    isOrganization ? asked(() => installationsOf({ octokit, at })) : notForPersons,
  ]);
  return { lastRun, branchRules, installations };
}

const notForPersons: Asked<never> = {
  ...{ known: false, status: null },
  why: "GitHub lists installations to a person's token for organizations alone",
};

async function installationsOf({ octokit, at }: Pick<GithubAccess, "octokit" | "at">): Promise<Installation[]> {
  const all = await octokit.paginate("GET /orgs/{org}/installations", { org: at.owner });
  return all.map(({ app_slug: slug, suspended_at, permissions }) => {
    return { slug, suspended: Boolean(suspended_at), permissions: permissions as Record<string, string> };
  });
}

async function asked<T>(ask: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { known: true, value: await ask() };
  } catch (error) {
    const status = statusOf(error) ?? null;
    if (status === 401 || status === 403 || status === 404) {
      return { known: false, status, why: `the token is not shown that (${status})` };
    }
    return { known: false, status, why: `GitHub did not tell (${error instanceof Error ? error.message : error})` };
  }
}
