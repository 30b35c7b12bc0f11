import type { IncomingMessage, ServerResponse } from "node:http";
import type { Background } from "./background.ts";

/** Whether the app can do its work: null, or what is wrong and what to do. */
export type Readiness = () => Promise<string | null>;

export const healthPath = "/offshoot/health";
const readyPath = "/offshoot/ready";

/** For Probot's `addHandler`: whether the process is there, how much it has under way, and whether it can work. */
export function healthRoutes(readiness: Readiness, background: Pick<Background, "busy">) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const path = request.url?.split("?")[0];
    if (path !== healthPath && path !== readyPath) return false;
    const reason = path === readyPath ? await readiness() : null;
    const headers = { "content-type": "application/json", "cache-control": "no-store" };
    response.writeHead(reason === null ? 200 : 503, headers);
    const { busy } = background;
    response.end(JSON.stringify(reason === null ? { status: "ok", busy } : { status: "unready", reason, busy }));
    return true;
  };
}

/** How long an answer of GitHub's is taken for what is still so. */
const freshMs = 30_000;

export interface ReadinessOptions {
  /** Whether GitHub knows the App by its credentials: throws what GitHub says. */
  readonly identify: () => Promise<unknown>;
  /** Where GitHub sends the App's webhooks; null where it sends none. */
  readonly webhookUrl: () => Promise<string | null>;
  /** Where they should go; null where that is not known. */
  readonly expectedUrl: string | null;
  readonly now: () => Date;
}

/** Asks GitHub at most twice a minute, however often it is asked. */
export function readinessOf({ identify, webhookUrl, expectedUrl, now }: ReadinessOptions): Readiness {
  let last: { readonly at: number; readonly reason: string | null } | null = null;
  const look = async (): Promise<string | null> => {
    try {
      await identify();
      const url = await webhookUrl();
      if (expectedUrl === null || url === expectedUrl) return null;
      const where = url ? `to ${url}` : "nowhere";
      return `GitHub sends this App's webhooks ${where}, not to ${expectedUrl}. Correct the webhook URL in the App's settings, or OFFSHOOT_URL.`;
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      return `GitHub does not know this App by its credentials, or cannot be reached: ${said}. Check APP_ID and PRIVATE_KEY.`;
    }
  };
  return async () => {
    if (!last || now().getTime() - last.at > freshMs) last = { at: now().getTime(), reason: await look() };
    return last.reason;
  };
}
