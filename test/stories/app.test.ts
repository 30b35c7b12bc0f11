import { createHmac } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import type { Delivery } from "../../playground/world.ts";
import { openWorld, type StoryWorld } from "./world.ts";

let world: StoryWorld;
afterEach(() => world.close());

const open = async (...answers: string[]) => {
  world = await openWorld({ model: script(...answers.map(say)) });
  const { app } = world.playground;
  if (!app) throw new Error("This world has no app.");
  return app;
};

const answers = () => world.thread().match(/offshoot:answer/g)?.length ?? 0;
const deliveries = (event: string, action: string) =>
  [...world.world.deliveries.values()].filter((one) => one.event === event && one.action === action);

/** Sends a webhook as GitHub does. */
async function deliver(to: string, { guid, event, payload }: Delivery): Promise<number> {
  const body = JSON.stringify(payload);
  const signature = createHmac("sha256", world.world.app.webhookSecret).update(body).digest("hex");
  const headers = {
    ...{ "content-type": "application/json", "x-github-event": event, "x-github-delivery": guid },
    "x-hub-signature-256": `sha256=${signature}`,
  };
  return (await fetch(to, { method: "POST", headers, body })).status;
}

test("a comment that nobody was there to hear is heard when the app is back, once", async () => {
  const app = await open("I heard you.");
  await app.kill();
  await world.comment("/agent say something");
  await world.playground.github.webhooksSettled();
  expect(deliveries("issue_comment", "created").map(({ status }) => status)).toEqual([0]);

  await app.start();
  await world.waitFor("the comment to be delivered again", () => deliveries("issue_comment", "created").length > 1);
  await world.runsDone();
  const heard = deliveries("issue_comment", "created").filter(({ redelivery }) => redelivery);
  expect(heard.map(({ status }) => status)).toEqual([200]);
  expect(answers()).toBe(1);
});

test("two instances that hear the same at once open one session, with one answer and one receipt", async () => {
  const app = await open("Once.", "Twice.");
  const other = await app.another();
  try {
    world.playground.github.faults.dropNextWebhook("issue_comment");
    const comment = await world.comment("/agent say something");
    await world.playground.github.webhooksSettled();
    const [lost] = deliveries("issue_comment", "created");
    if (!lost) throw new Error("There was no webhook.");
    const heard = await Promise.all([deliver(app.webhookUrl, lost), deliver(other.webhookUrl, lost)]);
    expect(heard).toEqual([200, 200]);
    await Promise.all([app.idle(), other.idle()]);
    await world.runsDone();

    expect(answers()).toBe(1);
    expect([...(await world.refs()).keys()].filter((ref) => ref.startsWith("refs/offshoot/sessions/"))).toHaveLength(1);
    expect(world.thread().match(/offshoot:status/g)).toHaveLength(1);
    expect(world.world.comments.get(comment)?.reactions).toHaveLength(1);

    // The next comment of the thread may reach the other one.
    world.world.app.webhookUrl = other.webhookUrl;
    await world.comment("/agent and again");
    await world.playground.github.webhooksSettled();
    await other.idle();
    await world.runsDone();
    expect(answers()).toBe(2);
  } finally {
    await other.kill();
  }
});

test("an app that is stopped finishes what it has taken on", async () => {
  const app = await open("I was asked before it ended.");
  const comment = await world.comment("/agent say something");
  await world.playground.github.webhooksSettled();
  expect(await app.stop()).toBe(0);
  await world.playground.settled();
  expect(world.world.comments.get(comment)?.reactions.map(({ content }) => content)).toEqual(["eyes"]);
  expect(world.world.runs.size).toBe(1);
  await app.start();
  await world.runsDone();
  expect(answers()).toBe(1);
});

test("whether it can work is there to be asked", async () => {
  const app = await open();
  const base = app.webhookUrl.replace("/api/github/webhooks", "");
  const ask = async (path: string) => {
    const answer = await fetch(`${base}${path}`);
    return { status: answer.status, body: await answer.json() };
  };
  await app.idle();
  expect(await ask("/offshoot/health")).toEqual({ status: 200, body: { status: "ok", busy: 0 } });
  world.world.app.webhookUrl = "https://elsewhere.example/";
  expect(await ask("/offshoot/ready")).toEqual({
    status: 503,
    body: {
      status: "unready",
      busy: 0,
      reason: `GitHub sends this App's webhooks to https://elsewhere.example/, not to ${app.webhookUrl}. Correct the webhook URL in the App's settings, or OFFSHOOT_URL.`,
    },
  });
});
