import { expect, onTestFinished, test } from "vitest";
import { installationLimits } from "../../playground/github/limits.ts";
import { client } from "../playground/github-fixture.ts";
import { openWorld } from "./world.ts";

const threads = 20;
const comments = 200;

test("200 commands over 20 threads at once, under GitHub's limits: each is taken or asked for again, none lost, none doubled", async () => {
  const world = await openWorld();
  onTestFinished(world.close);
  const { github, app } = world.playground;
  const { owner, repo, deliveries } = world.world;
  const maintainer = client(github, github.tokens.maintainer);
  const issues: number[] = [];
  for (let number = 0; number < threads; number += 1) {
    issues.push((await maintainer.rest.issues.create({ owner, repo, title: `Thread ${number}` })).data.number);
  }
  await world.playground.settled();
  github.gate.limits.set("offshoot[bot]", installationLimits);
  github.faults.deliverAtOnce();
  const asked = Array.from({ length: comments }, (_, index) => {
    const thread = { owner, repo, issue_number: issues[index % threads] ?? 0 };
    return maintainer.rest.issues.createComment({ ...thread, body: `/agent task ${index}` });
  });
  await Promise.all(asked);
  await github.webhooksSettled();
  const heard = () =>
    [...deliveries.values()].filter(({ event, action }) => event === "issue_comment" && action === "created");
  const commands = () => heard().filter(({ payload }) => JSON.stringify(payload).includes("/agent task "));
  const arrived = () => new Set(commands().flatMap(({ guid, status }) => (status === 200 ? [guid] : [])));
  expect(commands()).toHaveLength(comments);
  expect(commands().filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
  expect(github.gate.refused).toBeGreaterThan(0);

  // GitHub repeats nothing by itself: the app does, whenever it looks. It dies in the middle of its work, too.
  github.gate.limits.clear();
  while (arrived().size < comments) {
    const before = commands().length;
    await app?.kill();
    await app?.start();
    await world.waitFor("events to be delivered again", () => commands().length > before);
    await github.webhooksSettled();
  }
  await app?.kill();

  const { git } = await world.clone();
  await git("fetch", "--quiet", "origin", "refs/offshoot/*:refs/offshoot/*");
  const sessions = (await git("for-each-ref", "--format=%(refname)", "refs/offshoot/sessions")).split("\n");
  expect(sessions).toHaveLength(threads);
  const prompts: (string | undefined)[] = [];
  for (const session of sessions) {
    const log = await git("log", "--format=%H", session);
    for (const commit of log.split("\n")) {
      const events = await git("show", `${commit}:events.jsonl`);
      prompts.push(...[...events.matchAll(/"type":"prompt.queued".*?"text":"(task \d+)"/g)].map(([, text]) => text));
    }
  }
  const all = Array.from({ length: comments }, (_, index) => `task ${index}`);
  expect(prompts.toSorted()).toEqual(all.toSorted());
}, 600_000);
