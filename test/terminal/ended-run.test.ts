import { expect, test } from "vitest";
import { say, script, write } from "../../playground/scripted-model.ts";
import { seizeLease } from "../../src/sessions/decide.ts";
import { compose } from "../../src/sessions/store.ts";
import { openRunWorld } from "../runner/run-world.ts";
import { given, hand, tipOf } from "../sessions/events.ts";
import { type CloneWorld, openClone } from "./clone-world.ts";
import { runAt } from "./platform-run.ts";

/** A session with one turn, which a run on GitHub holds; `asking` is what lets GitHub be asked about it. */
async function openHeld() {
  const { github } = await openRunWorld();
  const world = await openClone({ model: script(write("a.txt", "a"), say("One."), say("Two.")) });
  await world.offshoot("run", "one");
  await world.git("config", "remote.origin.url", "git@github.com:octo/sample.git");
  const run = runAt(github.world.users.get("maintainer"), await world.git("rev-parse", "main"));
  github.world.runs.set(run.id, run);
  const { session } = await world.only();
  await hold(world, run.id);
  const asking = { GH_TOKEN: given(github.tokens.maintainer), GITHUB_API_URL: `${github.world.url}/api/v3` };
  return { world, session, run, asking };
}

async function hold({ store, only }: CloneWorld, id: number): Promise<void> {
  const { session } = await only();
  const tip = given(await store.tip(session));
  const run = { id, attempt: 1, url: `https://github.com/octo/sample/actions/runs/${id}` };
  const taken = seizeLease(hand(), tip.session, { holder: "runner", run, isVoid: () => false });
  if (taken.kind !== "taken") throw new Error(`The session is ${taken.kind}.`);
  tipOf(await store.append(compose(session, tip, taken.change)));
}

test("a run on GitHub that holds a session is in the way; without a token, what would help is said", async () => {
  const { world, session, run, asking } = await openHeld();
  const commands = [
    ["run", "--last", "two"],
    ["session", "revert", "-s", session],
    ["session", "delete", "-s", session],
  ];
  for (const args of commands) {
    expect(await world.start({ args, env: asking }).ended).toMatchObject({ code: 6 });
  }
  run.status = "completed";
  for (const args of commands) {
    const { code, err } = await world.start({ args }).ended;
    expect(code).toBe(6);
    expect(err).toContain("set GH_TOKEN so that GitHub can be asked whether it is still there.");
  }
  const stop = await world.offshoot("session", "stop", "-s", session);
  expect(stop).toMatchObject({ code: 3, err: expect.stringContaining("set GH_TOKEN") });
  expect((await world.only()).queue).toHaveLength(1);
});

test("a run on GitHub that has ended is in nobody's way: its session is gone on with, reverted and deleted", async () => {
  const { world, session, run, asking } = await openHeld();
  run.status = "completed";
  const went = await world.start({ args: ["run", "--last", "two"], env: asking }).ended;
  expect(went).toMatchObject({ code: 0, out: expect.stringMatching(/Two\.\n$/) });
  await hold(world, run.id);
  const reverted = await world.start({ args: ["session", "revert", "-s", session, "--turn", "1"], env: asking }).ended;
  expect(reverted).toMatchObject({ code: 0, out: expect.stringContaining("Turn 1 is taken back") });
  expect(await world.start({ args: ["session", "delete", "-s", session], env: asking }).ended).toMatchObject({
    code: 0,
  });
});
