import type { World } from "../world.ts";
import { mintToken, revoke } from "./access.ts";
import { type Call, created, found, type Handlers, noContent, ok, Refusal } from "./call.ts";
import { apiUrl, iso, nodeId, ownerJson, repoJson } from "./render.ts";

const BORN = "2026-01-01T00:00:00Z";

type Permissions = Readonly<Record<string, "read" | "write">>;

/** What the App may do, and what it hears of. */
const APP: { readonly permissions: Permissions; readonly events: readonly string[] } = {
  permissions: {
    ...{ actions: "write", contents: "write", issues: "write", pull_requests: "write", workflows: "write" },
    metadata: "read",
  },
  events: ["issues", "issue_comment", "workflow_run"],
};

const appJson = (world: World) => ({
  ...{ id: world.ids.app, node_id: nodeId("App", world.ids.app), slug: world.app.slug, name: world.app.slug },
  ...{ client_id: `Iv1.${world.ids.app}`, owner: ownerJson(world), description: "", external_url: world.url },
  ...{ html_url: `${world.url}/apps/${world.app.slug}`, created_at: BORN, updated_at: BORN, ...APP },
});

export function installationJson(world: World) {
  const { installation: id } = world.ids;
  return {
    ...{ id, account: ownerJson(world), target_id: world.ids.owner, target_type: "Organization" },
    ...{ app_id: world.ids.app, app_slug: world.app.slug, repository_selection: "all", ...APP },
    access_tokens_url: `${apiUrl(world)}/app/installations/${id}/access_tokens`,
    repositories_url: `${apiUrl(world)}/installation/repositories`,
    html_url: `${world.url}/settings/installations/${id}`,
    ...{ single_file_name: null, suspended_by: null, suspended_at: null, created_at: BORN, updated_at: BORN },
  };
}

function createToken({ world, params, body }: Call<"apps/create-installation-access-token">) {
  if (params.installation_id !== world.ids.installation) throw new Refusal(404, "Not Found");
  const { repositories, repository_ids, permissions: asked = {} } = body ?? {};
  if (repositories?.some((name) => name !== world.repo) || repository_ids?.some((id) => id !== world.ids.repo))
    throw new Refusal(422, "There is a repository that does not exist or is not accessible to the installation.");
  const permissions = narrowed(asked);
  const user = found(world.users.get(`${world.app.slug}[bot]`));
  const expiresAt = new Date(world.now().getTime() + world.tokenLifeMs);
  const token = mintToken(world, { kind: "installation", user, expiresAt, permissions });
  const answer = { token, expires_at: iso(expiresAt), permissions };
  if (!repositories && !repository_ids) return created({ ...answer, repository_selection: "all" });
  return created({ ...answer, repository_selection: "selected", repositories: [repoJson(world)] });
}

/** What was asked for, which may be less than the App has and never more; nothing asked: everything. */
function narrowed(asked: Readonly<Record<string, string>>): Permissions {
  const wanted = Object.entries(asked);
  if (wanted.length === 0) return APP.permissions;
  if (wanted.some(([name, level]) => APP.permissions[name] !== "write" && APP.permissions[name] !== level))
    throw new Refusal(422, "The permissions requested are not granted to this installation.");
  const levels = wanted.map(([name, level]) => [name, level === "write" ? "write" : "read"]);
  return { ...Object.fromEntries(levels), metadata: "read" };
}

/** A new App's credentials: those of the world's one App. */
function convertManifest({ world, params }: Call<"apps/create-from-manifest">) {
  if (!world.app.manifests.delete(params.code)) throw new Refusal(404, "Not Found");
  const secrets = {
    client_secret: "a client secret",
    webhook_secret: world.app.webhookSecret,
    pem: world.app.privateKey,
  };
  return created({ ...appJson(world), ...secrets });
}

export const apps = {
  "apps/get-authenticated": ({ world }) => ok(appJson(world)),
  "apps/get-repo-installation": ({ world }) => ok(installationJson(world)),
  "apps/create-installation-access-token": createToken,
  "apps/revoke-installation-access-token": ({ world, caller }) => {
    if (caller.kind === "token") revoke(world, caller.secret);
    return noContent;
  },
  "apps/list-installations": ({ world }) => ({ page: [installationJson(world)] }),
  "apps/list-repos-accessible-to-installation": ({ world }) => ({
    page: [repoJson(world)],
    wrap: (repositories) => ({ total_count: 1, repositories }),
  }),
  "apps/create-from-manifest": convertManifest,
} satisfies Handlers;
