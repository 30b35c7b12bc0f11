import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { say, script, write } from "../../playground/scripted-model.ts";
import { post } from "./api.ts";
import { openWorld } from "./world.ts";

test("on somebody's pull request the work goes on its branch", async () => {
  const world = await openWorld({ model: script(write("notes.md", "And ours.\n"), say("Added ours.")) });
  onTestFinished(world.close);
  const { github } = world.playground;
  const { git, dir } = await world.clone();
  await git("switch", "--quiet", "--create", "docs");
  await writeFile(join(dir, "theirs.md"), "Theirs.\n");
  await git("add", "--all");
  await git("commit", "--quiet", "--message=Start of the docs");
  await git("push", "--quiet", "origin", "docs");
  const pull = { title: "Docs", head: "docs", base: "main" };
  const { json } = await post(github, "/pulls", { token: github.tokens.maintainer, body: pull });
  await world.comment("/agent add your notes", { thread: Number(json.number) });
  await world.runsDone();

  await git("fetch", "--quiet");
  expect(await git("log", "--reverse", "--format=%an: %s", "main..origin/docs")).toMatchInlineSnapshot(`
    "Maintainer: Start of the docs
    offshoot[bot]: (scripted model, not an AI) Added ours"
  `);
  expect([...(await world.refs()).keys()].filter((ref) => ref.startsWith("refs/heads/"))).toEqual([
    "refs/heads/docs",
    "refs/heads/main",
  ]);
  expect([...world.world.issues.values()].filter((issue) => issue.pull)).toHaveLength(1);
  expect(world.thread(Number(json.number))).toContain("Added ours.");
});
