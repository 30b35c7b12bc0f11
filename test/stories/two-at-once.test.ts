import { expect, onTestFinished, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import { openWorld } from "./world.ts";

test("two comments at once on a fresh thread: one session, both answered, one after the other", async () => {
  const world = await openWorld({ model: script(say("That was the first."), say("That was the second.")) });
  onTestFinished(world.close);
  await Promise.all([world.comment("/agent look around"), world.comment("/agent look again")]);
  await world.runsDone();

  const sessions = [...(await world.refs()).keys()].filter((ref) => ref.startsWith("refs/offshoot/sessions/"));
  expect(sessions).toHaveLength(1);
  const answers = [...world.world.comments.values()].filter(({ body }) => body.startsWith("<!-- offshoot:answer"));
  expect(answers.map(({ body }) => /That was the \w+/.exec(body)?.[0])).toEqual([
    "That was the first",
    "That was the second",
  ]);
  const asked = answers.map(({ body }) => /> `([^`]*)`/.exec(body)?.[1]);
  expect(asked.toSorted()).toEqual(["look again", "look around"]);

  const { git } = await world.clone();
  await git("fetch", "--quiet", "origin", `${sessions[0]}:refs/session`);
  const log = await git("log", "--reverse", "--format=%s", "refs/session");
  const turns = log.split("\n").flatMap((line) => /\bturn \d+ (?:started|done).*/.exec(line) ?? []);
  expect(turns).toMatchInlineSnapshot(`
    [
      "turn 1 started with openai:scripted",
      "turn 1 done: (scripted model, not an AI) That was the first.",
      "turn 2 started with openai:scripted",
      "turn 2 done: (scripted model, not an AI) That was the second.",
    ]
  `);
});
