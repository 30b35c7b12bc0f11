import type { Settings, World } from "../world.ts";
import { canWrite } from "./access.ts";
import { workflowIdOf } from "./actions.ts";
import { installationJson } from "./apps.ts";
import { actor, type Call, type Handlers, ok, Refusal } from "./call.ts";
import { repoApi, repoWeb } from "./render.ts";

const AT = "2026-01-01T00:00:00Z";

/** As in a new repository, but that its workflows may open pull requests, and that everything is allowed. */
export const usualSettings = (): Settings => ({
  actions: { enabled: true, allowed: "all", githubOwned: true, patterns: [], pinned: false },
  pullRequestsByActions: true,
  workflowState: "active",
  organizationSecrets: [],
  branchRules: [],
  installation: { suspendedAt: null },
});

const named = (names: Iterable<string>) => Array.from(names, (name) => ({ name, created_at: AT, updated_at: AT }));
const valued = (values: ReadonlyMap<string, string>) =>
  Array.from(values, ([name, value]) => ({ name, value, created_at: AT, updated_at: AT }));

/** Settings are shown to administrators alone; names of secrets and variables to everyone who may write. */
function mustBe(level: "admin" | "write", { caller }: Pick<Call<"repos/get">, "caller">): void {
  const user = actor(caller);
  if (level === "admin" ? user.permission !== "admin" : !canWrite(user))
    throw new Refusal(403, "Resource not accessible by personal access token");
}

const secretsOf = (names: Iterable<string>) => {
  const all = named(names);
  return { page: all, wrap: (secrets: unknown[]) => ({ total_count: all.length, secrets }) };
};

const variablesOf = (values: ReadonlyMap<string, string>) => {
  const all = valued(values);
  return { page: all, wrap: (variables: unknown[]) => ({ total_count: all.length, variables }) };
};

function workflowJson(world: World, file: string) {
  const path = `.github/workflows/${file}`;
  const id = workflowIdOf(path);
  return {
    ...{
      id,
      node_id: `W_${id}`,
      name: file,
      path,
      state: world.settings.workflowState,
      created_at: AT,
      updated_at: AT,
    },
    url: `${repoApi(world)}/actions/workflows/${id}`,
    html_url: `${repoWeb(world)}/blob/${world.defaultBranch}/${path}`,
    badge_url: `${repoWeb(world)}/workflows/${file}/badge.svg`,
  };
}

export const settings = {
  "actions/get-github-actions-permissions-repository": (call) => {
    mustBe("admin", call);
    const { enabled, allowed, pinned } = call.world.settings.actions;
    return ok({ enabled, allowed_actions: allowed, sha_pinning_required: pinned });
  },
  "actions/get-allowed-actions-repository": (call) => {
    mustBe("admin", call);
    const { githubOwned, patterns } = call.world.settings.actions;
    return ok({ github_owned_allowed: githubOwned, verified_allowed: false, patterns_allowed: patterns });
  },
  "actions/get-github-actions-default-workflow-permissions-repository": (call) => {
    mustBe("admin", call);
    const { pullRequestsByActions } = call.world.settings;
    return ok({ default_workflow_permissions: "read", can_approve_pull_request_reviews: pullRequestsByActions });
  },
  "actions/get-workflow": ({ world, params }) => ok(workflowJson(world, String(params.workflow_id))),
  "actions/list-repo-secrets": (call) => {
    mustBe("write", call);
    return secretsOf(call.world.secrets.keys());
  },
  "actions/list-repo-organization-secrets": (call) => {
    mustBe("write", call);
    return secretsOf(call.world.settings.organizationSecrets);
  },
  "actions/list-repo-variables": (call) => {
    mustBe("write", call);
    return variablesOf(call.world.variables);
  },
  "actions/list-repo-organization-variables": (call) => {
    mustBe("write", call);
    return variablesOf(new Map());
  },
  "repos/get-branch-rules": ({ world }) => ({ page: world.settings.branchRules }),
  "orgs/list-app-installations": (call) => {
    mustBe("admin", call);
    const { world } = call;
    const { installation } = world.settings;
    const page = installation ? [{ ...installationJson(world), suspended_at: installation.suspendedAt }] : [];
    return { page, wrap: (installations) => ({ total_count: page.length, installations }) };
  },
} satisfies Handlers;
