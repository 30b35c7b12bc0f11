import type { ServerResponse } from "node:http";
import type { World } from "../world.ts";

const EVENTS = ["issue", "comment", "pull", "ref", "run"] as const;

/** Tells a browser, as server-sent events, that something changed and its page is worth fetching again. */
export function streamChanges(bus: World["bus"], response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const tell = () => response.write("event: changed\ndata:\n\n");
  for (const event of EVENTS) bus.on(event, tell);
  response.on("close", () => {
    for (const event of EVENTS) bus.off(event, tell);
  });
  tell();
}
