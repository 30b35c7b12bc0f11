import type { Delivery, World } from "../world.ts";
import { type Call, found, type Handlers, ok } from "./call.ts";
import { iso } from "./render.ts";

/** A delivery as lists show it. */
const deliveryJson = (world: World, { id, guid, at, redelivery, status, event, action }: Delivery) => ({
  ...{ id, guid, delivered_at: iso(at), redelivery, duration: 0.1, event, action },
  ...{ status: status === 0 ? "failed to connect to host" : status < 300 ? "OK" : "Invalid HTTP Response" },
  ...{ status_code: status, installation_id: world.ids.installation, repository_id: world.ids.repo },
});

function listDeliveries({ world, params }: Call<"apps/list-webhook-deliveries">) {
  const { per_page = 30, cursor } = params;
  const all = [...world.deliveries.values()].sort((a, b) => b.id - a.id);
  const from = cursor ? all.findIndex(({ id }) => String(id) === cursor) : 0;
  const page = all.slice(from, from + per_page);
  return { cursorPage: page.map((delivery) => deliveryJson(world, delivery)), next: all[from + per_page]?.id };
}

export const hooks = {
  "apps/list-webhook-deliveries": listDeliveries,
  "apps/get-webhook-config-for-app": ({ world }) =>
    ok({ url: world.app.webhookUrl ?? "", content_type: "json", insecure_ssl: "0", secret: "********" }),
  "apps/redeliver-webhook-delivery": ({ world, params }) => {
    world.bus.emit("redelivery", found(world.deliveries.get(String(params.delivery_id))));
    return { status: 202, json: {} };
  },
} satisfies Handlers;
