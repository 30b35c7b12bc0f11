import { expect, onTestFinished, test } from "vitest";
import { say, script, write } from "../../playground/scripted-model.ts";
import { openWorld } from "./world.ts";

test("a branch that is deleted or force-pushed between turns: it is said, and the session goes on from what is there", async () => {
  const model = script(
    ...[write("a.txt", "a"), say("Wrote a.")],
    ...[write("b.txt", "b"), say("Wrote b.")],
    ...[write("c.txt", "c"), say("Wrote c.")],
  );
  const world = await openWorld({ model });
  onTestFinished(world.close);
  const { git } = await world.clone();
  const notices = () => world.thread().match(/(?<=> \[!NOTE\]\n> ).*/g);

  await world.comment("/agent write a");
  await world.runsDone();
  const branch = world.world.issues.get(2)?.pull?.head ?? "";
  await git("push", "--quiet", "origin", "--delete", branch);
  await world.comment("/agent write b");
  await world.runsDone();
  expect(notices()).toMatchInlineSnapshot(`
    [
      "\`offshoot/1-parse-250ms-is-more-than-four-hours-<end>\` was deleted by someone. This turn started again from \`main\`.",
    ]
  `);

  await git("fetch", "--quiet", "origin", branch);
  const tree = await git("rev-parse", "FETCH_HEAD^{tree}");
  const theirs = await git("commit-tree", tree, "-p", "main", "-m", "Rewritten by a person");
  await git("push", "--quiet", "--force", "origin", `${theirs}:refs/heads/${branch}`);
  await world.comment("/agent write c");
  await world.runsDone();
  expect(notices()?.slice(-1)).toMatchInlineSnapshot(`
    [
      "\`offshoot/1-parse-250ms-is-more-than-four-hours-<end>\` was force-pushed by someone: \`<sha>\` is no longer in it. This turn went on from what is there, \`<sha>\`.",
    ]
  `);
  await git("fetch", "--quiet", "origin", branch);
  expect(await git("log", "--reverse", "--format=%s", "main..FETCH_HEAD")).toMatchInlineSnapshot(`
    "Rewritten by a person
    (scripted model, not an AI) Wrote c"
  `);
});
