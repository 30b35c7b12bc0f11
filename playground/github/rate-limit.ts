import type { World } from "../world.ts";
import type { Caller } from "./call.ts";

const HOUR_MS = 60 * 60 * 1000;

/** Counts requests by caller and hour and answers the headers that GitHub sends; nothing is ever refused. */
export function openRateLimits(world: World): (caller: Caller) => Record<string, string> {
  const windows = new Map<string, { used: number; resetMs: number }>();
  return (caller) => {
    const key = caller.kind === "token" ? caller.secret : caller.kind;
    const limit =
      caller.kind === "anonymous" ? 60 : caller.kind === "token" && caller.token.kind === "run" ? 1000 : 5000;
    const now = world.now().getTime();
    const known = windows.get(key);
    const window = known && known.resetMs > now ? known : { used: 0, resetMs: now + HOUR_MS };
    window.used += 1;
    windows.set(key, window);
    return {
      "x-ratelimit-limit": String(limit),
      "x-ratelimit-remaining": String(Math.max(limit - window.used, 1)),
      "x-ratelimit-used": String(window.used),
      "x-ratelimit-reset": String(Math.ceil(window.resetMs / 1000)),
      "x-ratelimit-resource": "core",
    };
  };
}
