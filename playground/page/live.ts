import type { ServerResponse } from "node:http";
import type { World } from "../world.ts";

const EVENTS = ["issue", "comment", "pull", "ref", "run", "delivery"] as const;

/** Logs and steps of a run grow without an event. */
const WATCH_RUNS_MS = 1000;

/** Tells a browser, as server-sent events, that something changed and its page is worth fetching again. */
export function streamChanges({ bus, runs }: World, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const tell = () => response.write("event: changed\ndata:\n\n");
  for (const event of EVENTS) bus.on(event, tell);
  const ticking = setInterval(() => {
    if ([...runs.values()].some((run) => run.status !== "completed")) tell();
  }, WATCH_RUNS_MS);
  response.on("close", () => {
    clearInterval(ticking);
    for (const event of EVENTS) bus.off(event, tell);
  });
  tell();
}
