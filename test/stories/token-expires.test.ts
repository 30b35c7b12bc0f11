import { setTimeout as delay } from "node:timers/promises";
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
  // A run asks for the next one when less than ten minutes are left: here, soon.
  world.world.tokenLifeMs = 600_000 + 4_000;
  await world.comment("/agent do two steps");
  await thinking.reached;
  const before = ofRuns();
  expect(before.length).toBeGreaterThan(0);
  const due = Math.max(...before.map(([, { expiresAt }]) => (expiresAt?.getTime() ?? 0) - 600_000));
  await delay(Math.max(0, due - Date.now()));
  for (const [secret] of before) tokens.delete(secret);
  thinking.release();
  await world.runsDone();

  expect(world.thread()).toContain("Both steps are done.");
  const [turn, ci] = [...world.world.runs.values()];
  expect(turn?.conclusion).toBe("success");
  expect(ci).toMatchObject({ name: "CI", event: "pull_request", status: "completed" });
  expect(ofRuns()).toEqual([]);
});
