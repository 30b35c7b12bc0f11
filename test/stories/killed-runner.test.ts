import { expect, onTestFinished, test } from "vitest";
import { exec, gate, hold, say, script } from "../../playground/scripted-model.ts";
import { openWorld } from "./world.ts";

test("a runner killed in mid-turn: the turn is taken up and finished, no comment doubled, no prompt lost", async () => {
  const thinking = gate();
  const model = script(exec("echo one > one.txt"), hold(thinking, exec("cat one.txt")), say("Both steps are done."));
  const world = await openWorld({ model });
  onTestFinished(world.close);
  await world.comment("/agent do two steps");
  await thinking.reached;
  await world.killRunner();
  thinking.release();
  await world.runsDone();

  const turns = [...world.world.runs.values()].filter(({ event }) => event === "workflow_dispatch");
  expect(turns.map(({ conclusion }) => conclusion)).toEqual(["failure", "success"]);
  const bodies = [...world.world.comments.values()].map(({ body }) =>
    body.split("\n", 1)[0]?.replace(/[0-9A-Z]{26}/, "<ULID>"),
  );
  expect(bodies).toEqual([
    "/agent do two steps",
    "<!-- offshoot:status <ULID> -->",
    "<!-- offshoot:answer <ULID> 1 -->",
  ]);
  expect(world.thread()).toContain("Both steps are done.");
  const { git } = await world.clone();
  expect(await git("show", `origin/${world.world.issues.get(2)?.pull?.head}:one.txt`)).toBe("one");
  expect([...(await world.refs()).keys()].filter((ref) => ref.startsWith("refs/offshoot/wip/"))).toEqual([]);
});
