import { expect, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import { openPen } from "../../src/runner/claim.ts";
import { askedIn, statusUpdates } from "../../src/runner/effects.ts";
import { openRunWorld, scripted } from "./run-world.ts";

test("the status comment follows a turn, as often as allowed; a failure is logged, and a later state is never overtaken", async () => {
  const { model } = await scripted(script(say("Done.")));
  const world = await openRunWorld({ model });
  await world.run();
  const { store, ...machine } = await world.machine();
  const tip = await store.tip(world.session);
  if (!tip) throw new Error("The session is gone.");
  const logged: string[] = [];
  const acting = {
    ...machine,
    store,
    recorder: openPen({ ...machine, store }, { epoch: 1, tip }).recorder,
    log: (message: string) => logged.push(message),
  };
  const status = () =>
    [...world.github.world.comments.values()].find(
      ({ issue, body }) => issue === world.thread && body.startsWith("<!-- offshoot:status "),
    )?.body;
  const working = { ...tip, session: { ...tip.session, model: "openai:gpt-other" } };

  const seldom = statusUpdates(acting, world.thread, 60_000);
  seldom.show(working);
  await seldom.settled();
  expect(status()).toContain("openai:gpt-test");

  const often = statusUpdates(acting, world.thread, 0);
  often.show(working);
  await often.settled();
  expect(status()).toContain("openai:gpt-other");

  world.github.faults.failNext("PATCH", /\/issues\/comments\/\d+$/, 500);
  often.show(tip);
  await often.settled();
  expect(status()).toContain("openai:gpt-other");
  expect(logged).toEqual([expect.stringMatching(/^The status comment could not be refreshed: /)]);

  const elsewhere = statusUpdates(acting, 999, 0);
  elsewhere.show(working);
  await elsewhere.settled();
  expect(logged).toHaveLength(1);
});

test("a turn whose prompt the journal does not have is a broken journal", () => {
  expect(() => askedIn([], { turn: 2, prompt: "01X" })).toThrow("Turn 2 names prompt 01X, which was never queued.");
});
