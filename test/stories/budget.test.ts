import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { exec, say, script } from "../../playground/scripted-model.ts";
import { openWorld } from "./world.ts";

test("a budget ends a turn, the answer has the comment that goes on, and that one finishes the work", async () => {
  const model = script(exec("cat ignored.log; echo one >> notes.md"), exec("echo two >> notes.md"), say("Wrote both."));
  const world = await openWorld({ model });
  onTestFinished(world.close);
  const { git, dir } = await world.clone();
  const settings = '\n[budgets.session]\ntokens = 1\n\n[setup]\ncommands = ["echo was set up > ignored.log"]\n';
  await appendFile(join(dir, ".github/offshoot.toml"), settings);
  await appendFile(join(dir, ".gitignore"), "\nignored.log\n");
  await git("add", "--all");
  await git("commit", "--quiet", "--message=A small budget");
  await git("push", "--quiet", "origin", "main");

  await world.comment("/agent write two lines into notes.md");
  await world.runsDone();
  expect(world.thread()).toMatch(/budget of this session is used up: .* of 1 tokens were used/);
  const [, goOn = ""] = /Comment `(\/agent continue --budget )\S+` to go on/.exec(world.thread()) ?? [];
  await world.comment(`${goOn}5M`);
  await world.runsDone();

  expect(world.thread()).toContain("Wrote both.");
  expect(world.thread()).toMatch(/of 5,000,\d+ tokens this session/);
  await git("fetch", "--quiet");
  const [branch = ""] = (await git("branch", "--remotes", "--list", "origin/offshoot/*")).split("\n");
  expect(await git("show", `${branch.trim()}:notes.md`)).toMatch(/one\ntwo$/);
});
