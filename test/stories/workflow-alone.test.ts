import { afterAll, expect, test } from "vitest";
import { post } from "./api.ts";
import { openWorld, settle } from "./world.ts";

const world = await openWorld({ way: "workflow" });
afterAll(world.close);
const { github, issue } = world.playground;
const maintainer = github.tokens.maintainer;

const runs = (name: string) => [...world.world.runs.values()].filter((run) => run.name === name);
const jobs = () =>
  runs("Offshoot").map(({ jobs }) => Object.fromEntries(jobs.map(({ key, conclusion }) => [key, conclusion])));
const summaries = () =>
  runs("Offshoot")
    .at(-1)
    ?.jobs.map(({ summary }) => settle(summary.trim(), world.world));

test("without an app, a comment becomes a session, a turn, and a draft pull request", async () => {
  const comment = await world.comment("/agent make the failing test pass");
  await world.runsDone();
  expect(jobs()).toEqual([{ route: "success", turn: "success", recover: "skipped" }]);
  expect(world.world.comments.get(comment)?.reactions.map(({ content }) => content)).toEqual(["eyes"]);
  expect(world.thread()).toMatch(/^github-actions\[bot\]: <!-- offshoot:answer <ULID> 1 -->$/m);
  expect(world.thread()).toContain("`npm test` passes.");
  expect(world.world.issues.get(2)?.pull).toMatchObject({ base: "main", draft: true });
});

test("its CI waits for a person, as for everything that GITHUB_TOKEN pushes; approved, it is green", async () => {
  const [ci] = runs("CI");
  expect(ci).toMatchObject({ event: "pull_request", conclusion: "action_required" });
  await post(github, `/actions/runs/${ci?.id}/approve`, { token: maintainer, body: {} });
  await world.waitFor("CI to be green", () => ci?.conclusion === "success");
});

test("a comment on its pull request goes on with the session", async () => {
  await world.comment("/agent anything else?", { thread: 2 });
  await world.runsDone();
  expect(world.thread(2)).toContain("offshoot:answer <ULID> 2");
});

test("the label starts a session on the issue's text", async () => {
  await post(github, `/issues/${issue}/labels`, { token: maintainer, body: { labels: ["agent"] } });
  await world.runsDone();
  expect(world.thread()).toContain("offshoot:answer <ULID> 3");
});

test("a run that has nothing to do says why, in its log and in its summary", async () => {
  await world.comment("How do I use `/agent`?");
  await world.runsDone();
  expect(summaries()).toMatchInlineSnapshot(`
    [
      "Nothing was asked: no line outside of code and quotes begins with \`/agent\`, or the comment is a bot's, is gone, or the label is another one.",
      "",
      "",
    ]
  `);
  await world.comment("/agent do as I say", { as: "outsider" });
  await world.runsDone();
  expect(summaries()).toMatchInlineSnapshot(`
    [
      "Whoever asked may not write to this repository, or GitHub did not say; nothing was started.",
      "",
      "",
    ]
  `);
  expect(jobs().at(-1)).toEqual({ route: "success", turn: "skipped", recover: "skipped" });
  expect(runs("Offshoot").at(-1)?.jobs[0]?.log.join("\n")).toContain("##[notice]Whoever asked may not write");
});
