import { expect, onTestFinished, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import { openWorld, settle } from "./world.ts";

test("a repository that forbids the dispatch: the prompt is kept, the person is told what to do, and it runs once that is done", async () => {
  const world = await openWorld({ model: script(say("Here is the first."), say("Here is the second.")) });
  onTestFinished(world.close);
  world.playground.github.faults.failNext("POST", /\/dispatches$/, 403);
  await world.comment("/agent look around");
  await world.runsDone();
  expect(world.world.runs.size).toBe(0);
  const [told] = [...world.world.comments.values()].slice(-1);
  expect(settle(told?.body ?? "", world.world)).toMatchInlineSnapshot(`
    "Your prompt is queued, but no run could be started. GitHub does not let Offshoot start workflows here.

    What to do: Give the App the permission “Actions: write” at <url>/playground/durations/settings/installations (without an app: the job \`recover\` needs \`actions: write\`), and look for a policy of the organization that blocks workflow dispatches; \`offshoot doctor\` does. Then comment \`/agent go on\`: what is queued runs first, in order."
  `);

  await world.comment("/agent go on");
  await world.runsDone();
  expect(world.thread()).toMatch(/Here is the first\.[\s\S]*Here is the second\./);
});
