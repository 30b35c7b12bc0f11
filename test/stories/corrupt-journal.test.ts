import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { say, script } from "../../playground/scripted-model.ts";
import { openWorld } from "./world.ts";

test("a corrupt journal: the thread is told which commit and line, and nothing is written on top", async () => {
  const world = await openWorld({ model: script(say("All is well."), say("Still well.")) });
  onTestFinished(world.close);
  await world.comment("/agent look around");
  await world.runsDone();

  const { git, dir } = await world.clone();
  const [ref = ""] = [...(await world.refs()).keys()].filter((name) => name.startsWith("refs/offshoot/sessions/"));
  await git("fetch", "--quiet", "origin", ref);
  await git("switch", "--quiet", "--detach", "FETCH_HEAD");
  await writeFile(join(dir, "events.jsonl"), '{"v":1,"seq":\n');
  await git("commit", "--quiet", "--all", "--message=Not by Offshoot");
  await git("push", "--quiet", "origin", `HEAD:${ref}`);
  const corrupt = await git("rev-parse", "HEAD");

  const before = world.world.runs.size;
  await world.comment("/agent look again");
  await world.runsDone();
  const told = [...world.world.comments.values()].at(-1)?.body.replaceAll(corrupt, "<the commit>");
  expect(told).toMatchInlineSnapshot(`
    "Offshoot cannot go on with this session.

    The journal is corrupt at commit <the commit>, line 1 of events.jsonl: not JSON. Nothing was changed. Look at it with \`git show <the commit>:events.jsonl\`, and move the session's ref back to the last good commit to continue from there.

    Once that is solved, comment \`/agent\` with what to do."
  `);
  expect(world.world.runs.size).toBe(before);
  expect((await world.refs()).get(ref)).toBe(corrupt);
});
