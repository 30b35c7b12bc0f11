import { expect, test } from "vitest";
import { mintToken } from "../../playground/github/access.ts";
import type { WorldEvents } from "../../playground/world.ts";
import { appJwt, at, client, openEmpty, receiveWebhooks } from "./github-fixture.ts";

test("the App hears of everything in order, signed, each under its own GUID", async () => {
  const github = await openEmpty();
  const maintainer = client(github, github.tokens.maintainer);
  const received = await receiveWebhooks(github);
  const issue = {
    ...at,
    issue_number: (await maintainer.rest.issues.create({ ...at, title: "t", labels: ["agent"] })).data.number,
  };
  const { data: comment } = await maintainer.rest.issues.createComment({ ...issue, body: "/agent go" });
  await maintainer.rest.issues.updateComment({ ...at, comment_id: comment.id, body: "/agent stop" });
  await maintainer.rest.issues.removeLabel({ ...issue, name: "agent" });
  await maintainer.rest.issues.update({ ...issue, title: "T", state: "closed" });
  await maintainer.rest.issues.deleteComment({ ...at, comment_id: comment.id });
  await github.webhooksSettled();

  expect(received.map(({ event, payload }) => `${event} ${payload.action}`)).toEqual([
    "issues opened",
    "issues labeled",
    "issue_comment created",
    "issue_comment edited",
    "issues unlabeled",
    "issues edited",
    "issues closed",
    "issue_comment deleted",
  ]);
  expect(received[2]?.payload).toMatchObject({
    comment: { body: "/agent go", user: { login: "maintainer" } },
    issue: { number: issue.issue_number },
    sender: { login: "maintainer" },
    installation: { id: github.world.ids.installation },
    repository: { full_name: "octo/sample" },
  });
  expect(received.every(({ signed }) => signed)).toBe(true);
  expect(new Set(received.map(({ guid }) => guid)).size).toBe(received.length);
  expect(github.world.violations).toEqual([]);
});

test("a delivery is logged and can be sent again under the same GUID", async () => {
  const github = await openEmpty();
  const received = await receiveWebhooks(github);
  await client(github, github.tokens.maintainer).rest.issues.create({ ...at, title: "t" });
  await github.webhooksSettled();
  const [logged] = [...github.world.deliveries.values()];
  expect(logged).toMatchObject({ event: "issues", action: "opened", status: 200, redelivery: false });

  const app = client(github, await appJwt(github));
  await app.rest.apps.redeliverWebhookDelivery({ delivery_id: logged?.id ?? 0 });
  await github.webhooksSettled();
  expect(received.map(({ guid }) => guid)).toEqual([logged?.guid, logged?.guid]);
  expect([...github.world.deliveries.values()].map(({ redelivery, status }) => [redelivery, status])).toEqual([
    [false, 200],
    [true, 200],
  ]);
});

test("webhooks get lost and doubled on demand", async () => {
  const github = await openEmpty();
  const received = await receiveWebhooks(github);
  github.faults.dropNextWebhook("issues");
  github.faults.duplicateNextWebhook("issue_comment");
  const maintainer = client(github, github.tokens.maintainer);
  const { data: issue } = await maintainer.rest.issues.create({ ...at, title: "lost" });
  await maintainer.rest.issues.createComment({ ...at, issue_number: issue.number, body: "twice" });
  await maintainer.rest.issues.update({ ...at, issue_number: issue.number, state: "closed" });
  await github.webhooksSettled();
  expect(received.map(({ event }) => event)).toEqual(["issue_comment", "issue_comment", "issues"]);
  expect(received[0]?.guid).toBe(received[1]?.guid);
});

test("what a run does with its token reaches the App and starts no workflows", async () => {
  const github = await openEmpty();
  const received = await receiveWebhooks(github);
  const events: WorldEvents["comment"][0][] = [];
  github.world.bus.on("comment", (event) => void events.push(event));
  const { data: issue } = await client(github, github.tokens.maintainer).rest.issues.create({ ...at, title: "t" });
  const user = github.world.users.get("github-actions[bot]") ?? expect.fail("no bot");
  const run = client(github, mintToken(github.world, { kind: "run", user }));
  await run.rest.issues.createComment({ ...at, issue_number: issue.number, body: "from a run" });
  await github.webhooksSettled();
  expect(events.map(({ startsWorkflows, sender }) => [startsWorkflows, sender.login])).toEqual([
    [false, "github-actions[bot]"],
  ]);
  expect(received.map(({ event }) => event)).toEqual(["issues", "issue_comment"]);
});

test("a payload shows the moment it tells of, whatever happens before it is sent", async () => {
  const github = await openEmpty();
  const received = await receiveWebhooks(github);
  const maintainer = client(github, github.tokens.maintainer);
  const { data: issue } = await maintainer.rest.issues.create({ ...at, title: "before" });
  await maintainer.rest.issues.update({ ...at, issue_number: issue.number, title: "after" });
  await github.webhooksSettled();
  expect(received.map(({ payload }) => payload.issue)).toMatchObject([{ title: "before" }, { title: "after" }]);
});
