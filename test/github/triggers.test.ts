import { expect, test } from "vitest";
import { mintToken } from "../../playground/github/access.ts";
import { person } from "../../playground/github/create-world.ts";
import type { Run } from "../../playground/world.ts";
import { type TriggeringEvent, triggerOf } from "../../src/github/triggers.ts";
import { at, client, openWithMain, receiveWebhooks } from "../playground/github-fixture.ts";

const session = "01JH4QTM5N8V2KX9C3PD7WBYRA";

/** The payloads of what happens on a GitHub, as triggers. */
async function openHook() {
  const { github, maintainer } = await openWithMain();
  const received = await receiveWebhooks(github);
  const issue = (await maintainer.rest.issues.create({ ...at, title: "It fails" })).data.number;
  const last = async () => {
    await github.webhooksSettled();
    const hook = received.at(-1);
    return triggerOf({ id: hook?.guid, name: hook?.event, payload: hook?.payload } as unknown as TriggeringEvent);
  };
  return { github, world: github.world, maintainer, issue, received, last };
}

test("a comment that may hold a command is looked at, others cost nothing", async () => {
  const { maintainer, issue, last } = await openHook();
  const say = (body: string) => maintainer.rest.issues.createComment({ ...at, issue_number: issue, body });
  const { data } = await say("/agent fix it");
  expect(await last()).toEqual({ kind: "comment", comment: data.id, node: data.node_id, thread: issue });
  await say("Thank you!");
  expect(await last()).toBeNull();
});

test("a bot's comment is no trigger, whatever it says", async () => {
  const { github, world, issue, last } = await openHook();
  const bot = client(github, mintToken(world, { ...person(world, "offshoot[bot]"), kind: "installation" }));
  await bot.rest.issues.createComment({ ...at, issue_number: issue, body: "/agent fix it" });
  expect(await last()).toBeNull();
});

test("a label tells who put it where, and its delivery", async () => {
  const { maintainer, issue, received, last } = await openHook();
  await maintainer.rest.issues.addLabels({ ...at, issue_number: issue, labels: ["agent"] });
  expect(await last()).toEqual({
    kind: "label",
    thread: issue,
    label: "agent",
    by: { login: "maintainer", id: 600_002, bot: false },
    url: expect.stringMatching(/\/issues\/1$/),
    delivery: received.at(-1)?.guid,
  });
});

test.each([
  ["workflow_dispatch", `Offshoot ${session}`, true],
  ["workflow_dispatch", "Nightly", false],
  ["workflow_dispatch", `Not Offshoot ${session}`, false],
  ["pull_request", `Offshoot ${session}`, false],
] as const)("the end of a run by %s with the title “%s”: ours is %s", async (event, title, ours) => {
  const { world, last } = await openHook();
  const run: Run = {
    ...{ id: 7, number: 1, workflowPath: ".github/workflows/offshoot.yml", workflowId: 1, name: "Offshoot" },
    ...{ title, event, pulls: [], attempt: 2, jobs: [], headSha: "a".repeat(40), headBranch: "main" },
    ...{ actor: person(world, "maintainer").user, status: "completed", conclusion: "failure" },
    ...{ createdAt: world.now(), startedAt: world.now(), updatedAt: world.now() },
  };
  world.bus.emit("run", { action: "completed", run });
  const url = `${world.url}/octo/sample/actions/runs/7`;
  expect(await last()).toEqual(ours ? { kind: "run-ended", session, run: { id: 7, attempt: 2, url } } : null);
});
