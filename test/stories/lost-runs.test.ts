import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import { openWorld, settle } from "./world.ts";

test("runs that die before they take the session: it gives up and says what to do, and the next comment goes on", async () => {
  const world = await openWorld({ model: script(say("Here is the first."), say("Here is the second.")) });
  onTestFinished(world.close);
  const { git, dir } = await world.clone();
  const workflow = join(dir, ".github/workflows/offshoot.yml");
  const steps = (await readFile(workflow, "utf8")).replaceAll("steps:\n", "steps:\n      - run: exit 1\n");
  await writeFile(workflow, steps);
  await git("commit", "--quiet", "--all", "--message=A first step that fails");
  await git("push", "--quiet", "origin", "main");

  await world.comment("/agent look around");
  await world.runsDone();
  expect([...world.world.runs.values()].every(({ conclusion }) => conclusion === "failure")).toBe(true);
  const [told] = [...world.world.comments.values()].slice(-1);
  expect(settle(told?.body ?? "", world.world)).toMatchInlineSnapshot(`
    "4 runs of session \`<ULID>\` ended one after another without getting anywhere, so Offshoot does not try again by itself. Nothing is lost: what was done is saved, and what is queued stays queued.

    What to do: look at the log of the last run (out of memory, a time limit, a step before Offshoot's that fails?). Then comment \`/agent go on\`: what is queued runs first, in order."
  `);

  await git("revert", "--no-edit", "HEAD");
  await git("push", "--quiet", "origin", "main");
  await world.comment("/agent go on");
  await world.runsDone();
  expect(world.thread()).toContain("Here is the first.");
  expect(world.thread()).toContain("Here is the second.");
});
