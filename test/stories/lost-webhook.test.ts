import { expect, onTestFinished, test } from "vitest";
import { exec, gate, hold, say, script } from "../../playground/scripted-model.ts";
import { openWorld } from "./world.ts";

test("a lost runner whose end nobody heard of holds nobody up", async () => {
  const thinking = gate();
  const model = script(hold(thinking, exec("ls")), say("That was the first."), say("That was the second."));
  const world = await openWorld({ model });
  onTestFinished(world.close);
  await world.comment("/agent look around");
  await thinking.reached;
  world.playground.github.faults.dropNextWebhook("workflow_run");
  await world.killRunner();
  thinking.release();
  await world.runsDone();
  expect(world.thread()).not.toContain("That was the first.");

  await world.comment("/agent look again");
  await world.runsDone();
  expect(world.thread()).toContain("That was the first.");
  expect(world.thread()).toContain("That was the second.");
});
