import { execFile } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { exec, gate, hold, say, script } from "../../playground/scripted-model.ts";
import { runsPerTurn } from "../../src/sessions/decide.ts";
import { refOf } from "../../src/sessions/store.ts";
import { openRunWorld, scripted } from "./run-world.ts";

test("a run that has to end in mid-turn saves and gives back; the next goes on from there, as often as it takes", async () => {
  const gates = [gate(), gate(), gate(), gate()];
  const steps = gates.flatMap((at, index) => [exec(`echo ${index} >> steps.txt`), hold(at, exec(`echo ${index}`))]);
  const { model } = await scripted(script(...steps, say("Four steps.")));
  const world = await openRunWorld({ model });

  // More often than runs may die in one turn.
  for (const at of gates) {
    const limit = new AbortController();
    const run = world.run({ leave: limit.signal });
    await at.reached;
    limit.abort("job-limit");
    expect(await run).toMatchObject({ kind: "drained", turns: 0, left: "job-limit" });
    at.release();
    const { lease, phase, wip } = await world.state();
    expect({ lease, phase }).toEqual({ lease: undefined, phase: "working" });
    expect(await world.read(wip ?? "", "steps.txt")).toContain("0\n");
  }
  expect(world.statuses(world.thread)).toEqual([
    expect.stringMatching(/interrupted in turn 1, saved after step \d+; a new run will go on with it/),
  ]);
  expect(world.answers()).toEqual([]);

  expect(await world.run()).toMatchObject({ turns: 1, left: null });
  expect(await world.read(refOf.branch(world.branch), "steps.txt")).toBe("0\n1\n2\n3\n");
  expect(world.answers()).toEqual([expect.stringContaining("Four steps.")]);
});

test("a run that is cancelled while a command runs kills it and gives the session back", async () => {
  const begun = join(await mkdtemp(join(tmpdir(), "offshoot-leave-")), "begun");
  await promisify(execFile)("mkfifo", [begun]);
  const cancel = new AbortController();
  const { model } = await scripted(script(exec(`echo > ${begun}; sleep 600`), say("Went on.")));
  const world = await openRunWorld({ model });
  const run = world.run({ leave: cancel.signal });
  await readFile(begun);
  cancel.abort("cancelled");
  expect(await run).toMatchObject({ turns: 0, left: "cancelled" });
  const [ran] = await world.events("command.ran");
  expect(ran?.exit_code).not.toBe(0);
  expect((await world.events("lease.released")).map(({ why }) => why)).toEqual(["cancelled"]);

  expect(await world.run()).toMatchObject({ turns: 1, left: null });
  expect(world.answers()).toEqual([expect.stringContaining("Went on.")]);
});

test("a turn whose runs are cancelled one after another is given up, and what waits goes on", async () => {
  const thinking = Array.from({ length: runsPerTurn }, gate);
  let asked = 0;
  const { model } = await scripted(async () => {
    const now = thinking[asked++];
    now?.arrive();
    await now?.released;
    return say("Here is the second.").move;
  });
  const world = await openRunWorld({ model });
  for (const now of thinking) {
    const cancel = new AbortController();
    const run = world.run({ leave: cancel.signal });
    await now.reached;
    cancel.abort("cancelled");
    expect(await run).toMatchObject({ left: "cancelled" });
    now.release();
  }
  await world.ask("the second");
  expect(await world.run()).toMatchObject({ turns: 2, left: null });
  expect(world.answers()).toEqual([
    expect.stringContaining("3 runs ended in the middle of this turn, so it was given up."),
    expect.stringContaining("Here is the second."),
  ]);
});
