import type { Delivery, World } from "../world.ts";
import { mintToken, revoke } from "./access.ts";
import { type AppIdentity, type Call, created, type Handlers, list, noContent, notFound, ok, Refusal } from "./call.ts";
import type { OperationId } from "./operations.ts";
import { apiUrl, iso, nodeId, ownerOf, repoJson, userJson } from "./render.ts";

const TOKEN_LIFE_MS = 60 * 60 * 1000;

function appJson(world: World, app: AppIdentity) {
  return {
    id: app.id,
    slug: app.slug,
    node_id: nodeId("App", app.id),
    client_id: `Iv1.${app.id}`,
    owner: userJson(world, ownerOf(world)),
    name: app.slug,
    description: "",
    external_url: world.url,
    html_url: `${world.url}/apps/${app.slug}`,
    created_at: iso(app.createdAt),
    updated_at: iso(app.createdAt),
    permissions: app.permissions,
    events: APP_EVENTS,
  };
}

const APP_EVENTS = ["issues", "issue_comment", "pull_request", "push", "workflow_run"];

function installationJson(world: World, app: AppIdentity) {
  const { installation } = world.ids;
  const owner = ownerOf(world);
  return {
    id: installation,
    account: userJson(world, owner),
    repository_selection: "all",
    access_tokens_url: `${apiUrl(world)}/app/installations/${installation}/access_tokens`,
    repositories_url: `${apiUrl(world)}/installation/repositories`,
    html_url: `${world.url}/settings/installations/${installation}`,
    app_id: app.id,
    app_slug: app.slug,
    target_id: owner.id,
    target_type: owner.type,
    permissions: app.permissions,
    events: APP_EVENTS,
    ...{ single_file_name: null, suspended_by: null, suspended_at: null },
    created_at: iso(app.createdAt),
    updated_at: iso(app.createdAt),
  };
}

function createToken({ world, backstage, params, body }: Call<"apps/create-installation-access-token">) {
  if (params.installation_id !== world.ids.installation) throw notFound();
  const strangers =
    body?.repositories?.some((name) => name !== world.repo) ||
    body?.repository_ids?.some((id) => id !== world.ids.repo);
  if (strangers)
    throw new Refusal(
      422,
      "There is at least one repository that does not exist or is not accessible to the parent installation.",
    );
  const permissions = narrowed(backstage.app.permissions, body?.permissions ?? {});
  const user = world.users.get(`${backstage.app.slug}[bot]`);
  if (!user) throw notFound();
  const expiresAt = new Date(world.now().getTime() + TOKEN_LIFE_MS);
  const token = mintToken(world, { kind: "installation", user, expiresAt, permissions });
  const selected = body?.repositories ?? body?.repository_ids;
  return created({
    ...{ token, expires_at: iso(expiresAt), permissions, repository_selection: selected ? "selected" : "all" },
    ...(selected ? { repositories: [repoJson(world)] } : {}),
  });
}

type Permissions = Readonly<Record<string, "read" | "write">>;

/** What was asked for, which may be less than the App has and never more; nothing asked: everything. */
function narrowed(held: Permissions, asked: Readonly<Record<string, string>>): Permissions {
  const wanted = Object.entries(asked);
  if (wanted.length === 0) return held;
  const refused = wanted.filter(([name, level]) => held[name] !== "write" && held[name] !== level);
  if (refused.length > 0) throw new Refusal(422, "The permissions requested are not granted to this installation.");
  return {
    ...Object.fromEntries(wanted.map(([name, level]) => [name, level === "write" ? "write" : "read"])),
    metadata: "read",
  };
}

function summaryOf(world: World, delivery: Delivery) {
  return {
    ...{ id: delivery.id, guid: delivery.guid, event: delivery.event, action: delivery.action },
    delivered_at: iso(delivery.deliveredAt),
    redelivery: delivery.redelivery,
    duration: 0,
    status:
      delivery.status === 0 ? "failed to connect to host" : delivery.status < 400 ? "OK" : "Invalid HTTP Response",
    status_code: delivery.status,
    installation_id: world.ids.installation,
    repository_id: world.ids.repo,
    throttled_at: null,
  };
}

function findDelivery(world: World, id: number): Delivery {
  const delivery = world.deliveries.get(String(id));
  if (!delivery) throw notFound();
  return delivery;
}

function getDelivery({ world, params }: Call<"apps/get-webhook-delivery">) {
  const delivery = findDelivery(world, params.delivery_id);
  return ok({
    ...summaryOf(world, delivery),
    url: "",
    request: {
      headers: { "X-GitHub-Delivery": delivery.guid, "X-GitHub-Event": delivery.event },
      payload: delivery.payload,
    },
    response: { headers: {}, payload: "" },
  });
}

const installation = ({ world, backstage }: Pick<Call<"apps/list-installations">, "world" | "backstage">) =>
  installationJson(world, backstage.app);

export const apps: Handlers<Extract<OperationId, `apps/${string}`>> = {
  "apps/get-authenticated": ({ world, backstage }) => ok(appJson(world, backstage.app)),
  "apps/list-installations": (call) => list([installation(call)]),
  "apps/get-installation": (call) => {
    if (call.params.installation_id !== call.world.ids.installation) throw notFound();
    return ok(installation(call));
  },
  "apps/get-repo-installation": (call) => ok(installation(call)),
  "apps/create-installation-access-token": createToken,
  "apps/revoke-installation-access-token": ({ world, caller }) => {
    if (caller.kind === "token") revoke(world, caller.secret);
    return noContent;
  },
  "apps/list-webhook-deliveries": ({ world }) =>
    list([...world.deliveries.values()].reverse().map((delivery) => summaryOf(world, delivery))),
  "apps/get-webhook-delivery": getDelivery,
  "apps/redeliver-webhook-delivery": ({ world, backstage, params }) => {
    backstage.redeliver(findDelivery(world, params.delivery_id));
    return { status: 202, json: {} };
  },
};
