import { expect, onTestFinished, test } from "vitest";
import { git } from "../../playground/github/git.ts";
import { say, script } from "../../playground/scripted-model.ts";
import { post } from "./api.ts";
import { openWorld } from "./world.ts";

test.each(["app", "workflow"] as const)(
  "with the %s, a comment on a fork's pull request is told what to do instead; nothing runs, and no secret is near it",
  async (way) => {
    const world = await openWorld({ way, model: script(say("I should not have been asked.")) });
    onTestFinished(world.close);
    const { github, model } = world.playground;
    const { gitDir } = world.world;
    const identity = ["-c", "user.name=outsider", "-c", "user.email=outsider@example.com"];
    const tree = (await git(gitDir, ["rev-parse", "main^{tree}"])).trim();
    const theirs = await git(gitDir, [...identity, "commit-tree", tree, "-p", "main", "-m", "Mine"]);
    await git(gitDir, ["update-ref", "refs/forks/outsider/fix", theirs.trim()]);
    const pull = { head: "outsider:fix", base: "main", title: "Mine" };
    const opened = await post(github, "/pulls", { token: github.tokens.outsider, body: pull });
    expect(opened.status).toBe(201);

    await world.comment("/agent finish this", { thread: Number(opened.json.number) });
    await world.runsDone();
    const [, ...told] = world.thread(Number(opened.json.number)).split("\n\n");
    expect(told.join("\n\n").replace(/^[\w-]+\[bot\]: /, "")).toMatchInlineSnapshot(`
      "This pull request comes from a fork, and Offshoot does not push into other repositories: nothing was started.

      What to do: push its branch to this repository (\`gh pr checkout\` and \`git push\`), open a pull request from there, and comment on that one."
    `);
    expect([...(await world.refs()).keys()].filter((ref) => ref.startsWith("refs/offshoot/"))).toEqual([]);
    const turns = [...world.world.runs.values()].flatMap(({ jobs }) => jobs.filter(({ key }) => key === "turn"));
    expect(turns.filter(({ conclusion }) => conclusion !== "skipped")).toEqual([]);
    expect(model?.requests()).toEqual([]);
  },
);
