import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import * as v from "valibot";
import type { World } from "../world.ts";

/** Below these paths, GitHub takes the manifest of a new App from a form. */
export const appCreationPaths = ["/settings/apps/new", "/organizations/"];

const manifestSchema = v.object({
  url: v.pipe(v.string(), v.url()),
  hook_attributes: v.object({ url: v.pipe(v.string(), v.url()) }),
  redirect_url: v.pipe(v.string(), v.url()),
});

/** Makes the App that a manifest describes, without asking, and sends the browser back with a code. */
export function appCreation(world: World) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", world.url);
    const form = new URLSearchParams(await text(request));
    const given = v.safeParse(v.pipe(v.string(), v.parseJson(), manifestSchema), form.get("manifest"));
    if (request.method !== "POST" || !given.success) {
      response.writeHead(422).end("This is not a manifest of a GitHub App.\n");
      return;
    }
    const code = randomBytes(20).toString("hex");
    world.app.manifests.set(code, JSON.parse(form.get("manifest") ?? ""));
    world.app.webhookUrl = given.output.hook_attributes.url;
    const back = new URL(given.output.redirect_url);
    back.searchParams.set("code", code);
    back.searchParams.set("state", url.searchParams.get("state") ?? "");
    response.writeHead(302, { location: back.href }).end();
  };
}
