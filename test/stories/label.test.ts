import { expect, onTestFinished, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import { appJwt, client } from "../playground/github-fixture.ts";
import { post } from "./api.ts";
import { openWorld } from "./world.ts";

test("the label opens a session on the issue's text, once, though its webhook comes three times", async () => {
  const world = await openWorld({ model: script(say("I read it."), say("I read it again.")) });
  onTestFinished(world.close);
  const { github, issue, model } = world.playground;
  github.faults.duplicateNextWebhook("issues");
  await post(github, `/issues/${issue}/labels`, { token: github.tokens.maintainer, body: { labels: ["agent"] } });
  await world.runsDone();
  const labeled = () => [...world.world.deliveries.values()].filter(({ action }) => action === "labeled");
  const app = client(github, await appJwt(github, { issuer: String(world.world.ids.app) }));
  await app.rest.apps.redeliverWebhookDelivery({ delivery_id: labeled()[0]?.id ?? 0 });
  await world.runsDone();

  expect(labeled().map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(world.thread()).toContain("I read it.");
  expect(world.thread()).not.toContain("I read it again.");
  expect(JSON.stringify(model?.requests())).toContain("We read our retry delay from a config file");
});
