import { expect, onTestFinished, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import { openWorld } from "./world.ts";

test("a repository that forbids the dispatch: the prompt is kept, the person is told what to do, and it runs once that is done", async () => {
  const world = await openWorld({ model: script(say("Here is the first."), say("Here is the second.")) });
  onTestFinished(world.close);
  world.playground.github.faults.failNext("POST", /\/dispatches$/, 403);
  await world.comment("/agent look around");
  await world.runsDone();
  expect(world.world.runs.size).toBe(0);
  const [told] = [...world.world.comments.values()].slice(-1);
  expect(told?.body).toMatchInlineSnapshot(`
    "Your prompt is queued, but no run could be started. GitHub does not let the App start workflows here.

    What to do: Give the App the permission “Actions: write” at http://127.0.0.1:35913/playground/durations/settings/installations, and look for policies that block workflow dispatches. Then comment \`/agent go on\`: what is queued runs first, in order."
  `);

  await world.comment("/agent go on");
  await world.runsDone();
  expect(world.thread()).toMatch(/Here is the first\.[\s\S]*Here is the second\./);
});
