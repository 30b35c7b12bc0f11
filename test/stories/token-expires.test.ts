import { expect, onTestFinished, test } from "vitest";
import { exec, gate, hold, say, script } from "../../playground/scripted-model.ts";
import { openWorld } from "./world.ts";

test("a token that expires while the model thinks: the run gets another, finishes the turn, and every one is revoked", async () => {
  const thinking = gate();
  const model = script(exec("echo one > one.txt"), hold(thinking, exec("cat one.txt")), say("Both steps are done."));
  const world = await openWorld({ model });
  onTestFinished(world.close);
  const { tokens } = world.world;
  // The app's own may start workflows; what a run gets may only look at them.
  const ofRuns = () => [...tokens].filter(([, { permissions }]) => permissions?.actions === "read");
  // Less is left than a run likes to have: it asks for the next one whenever it needs one.
  world.world.tokenLifeMs = 540_000;
  await world.comment("/agent do two steps");
  await thinking.reached;
  const before = ofRuns();
  expect(before.length).toBeGreaterThan(0);
  for (const [secret] of before) tokens.delete(secret);
  thinking.release();
  await world.runsDone();

  expect(world.thread()).toContain("Both steps are done.");
  const [turn, ci] = [...world.world.runs.values()];
  expect(turn?.conclusion).toBe("success");
  expect(ci).toMatchObject({ name: "CI", event: "pull_request", status: "completed" });
  expect(ofRuns()).toEqual([]);
});
