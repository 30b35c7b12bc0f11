import { createHmac } from "node:crypto";
import type { Delivery, World } from "../world.ts";
import { take, type Waiting } from "./faults.ts";
import { type Attempt, commentWebhook, issueWebhook, runWebhook } from "./payloads.ts";

const TIME_LIMIT_MS = 10_000;

interface Webhooks {
  /** Resolves once everything that has happened so far was delivered, or failed to be. */
  settled(): Promise<void>;
  /** Gives up what is not delivered yet. */
  close(): Promise<void>;
}

/** Sends the App's webhooks for what happens on the bus, in that order, one after another. */
export function openWebhooks(world: World, waiting: Waiting): Webhooks {
  const { dropped, duplicated } = waiting;
  let queue: Promise<unknown> = Promise.resolve();
  const closing = new AbortController();

  // A payload is rendered from the moment of its event on: later changes belong to later events.
  const enqueue = (rendering: Promise<Attempt | null>) => {
    const before = waiting.atOnce ? null : queue;
    const sending = Promise.all([rendering, before]).then(async ([attempt]) => {
      const same = (event: string) => event === attempt?.event;
      const { webhookUrl: url, webhookSecret: secret } = world.app;
      if (!attempt || url === null || closing.signal.aborted) return;
      if (take(dropped, same)) return log(world, attempt, 0);
      const to = { url, secret, closing: closing.signal };
      await deliver(world, attempt, to);
      if (take(duplicated, same)) await deliver(world, attempt, to);
    });
    const sent = sending.catch((error: unknown) => void world.violations.push(`webhook: ${String(error)}`));
    queue = Promise.all([queue, sent]);
  };
  world.bus.on("issue", (event) => enqueue(issueWebhook(world, event)));
  world.bus.on("comment", (event) => enqueue(commentWebhook(world, event)));
  world.bus.on("run", (event) => enqueue(runWebhook(world, event)));
  world.bus.on("redelivery", (delivery) => enqueue(Promise.resolve({ ...delivery, redelivery: true })));
  return {
    settled: async () => void (await queue),
    close: async () => {
      closing.abort();
      await queue;
    },
  };
}

interface Receiver {
  readonly url: string;
  readonly secret: string;
  readonly closing: AbortSignal;
}

async function deliver(world: World, attempt: Attempt, { url, secret, closing }: Receiver): Promise<void> {
  const body = JSON.stringify(attempt.payload);
  const headers = {
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/playground",
    "x-github-event": attempt.event,
    "x-github-delivery": attempt.guid,
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  };
  const signal = AbortSignal.any([AbortSignal.timeout(TIME_LIMIT_MS), closing]);
  const response = await fetch(url, { method: "POST", headers, body, signal }).catch(() => null);
  await response?.body?.cancel();
  log(world, attempt, response?.status ?? 0);
}

function log(world: World, attempt: Attempt, status: number): void {
  const delivery: Delivery = { ...attempt, id: world.nextId(), at: world.now(), status };
  world.deliveries.set(String(delivery.id), delivery);
  world.bus.emit("delivery", delivery);
}
