import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { exec, gate, hold, say, script } from "../../playground/scripted-model.ts";
import { post } from "./api.ts";
import { openWorld, type StoryWorld } from "./world.ts";

const turns = ({ world }: StoryWorld) =>
  [...world.runs.values()].filter(({ name, jobs }) => name === "Offshoot" && jobs.some(({ key }) => key === "turn"));

const logOf = (world: StoryWorld, index: number) =>
  turns(world)
    [index]?.jobs.find(({ key }) => key === "turn")
    ?.log.join("\n");

/** The events of the one session, oldest first. */
async function journal(world: StoryWorld): Promise<{ type: string; at: string; why?: string }[]> {
  const { git } = await world.clone();
  const ref = [...(await world.refs()).keys()].find((name) => name.startsWith("refs/offshoot/sessions/"));
  await git("fetch", "--quiet", "origin", `${ref}:refs/session`);
  const commits = (await git("rev-list", "--reverse", "refs/session")).split("\n");
  const texts = await Promise.all(commits.map((commit) => git("show", `${commit}:events.jsonl`)));
  return texts.flatMap((text) => text.split("\n").map((line) => JSON.parse(line)));
}

describe.each(["app", "workflow"] as const)("with the %s", (way) => {
  test("a run that is cancelled in mid-turn saves, gives the session back and says so, in five seconds; another goes on", async () => {
    const thinking = gate();
    const model = script(exec("echo one > one.txt"), hold(thinking, exec("cat one.txt")), say("Both steps are done."));
    const world = await openWorld({ way, model });
    onTestFinished(world.close);
    await world.comment("/agent do two steps");
    await thinking.reached;
    const { github } = world.playground;
    const run = turns(world)[0]?.id;
    const asked = Date.now();
    await post(github, `/actions/runs/${run}/cancel`, { token: github.tokens.maintainer, body: {} });
    await world.waitFor("the run to be over", () => turns(world)[0]?.conclusion === "cancelled");
    thinking.release();
    await world.runsDone();

    const released = (await journal(world)).find(({ type }) => type === "lease.released");
    expect(released?.why).toBe("cancelled");
    expect(Date.parse(released?.at ?? "") - asked).toBeLessThan(5000);
    expect(logOf(world, 0)).toContain("the run was cancelled, so the open work is saved and given back.");
    expect(turns(world).map(({ conclusion }) => conclusion)).toEqual(["cancelled", "success"]);
    expect(world.thread().match(/offshoot:answer/g)).toHaveLength(1);
    expect(world.thread()).toContain("Both steps are done.");
  });

  test("a job whose time is nearly over gives the session back; the next run goes on, and no step is lost", async () => {
    const thinking = gate();
    const model = script(exec("echo one > one.txt"), hold(thinking, exec("cat one.txt")), say("Both steps are done."));
    const world = await openWorld({ way, model });
    onTestFinished(world.close);
    const { git, dir } = await world.clone();
    const workflow = join(dir, ".github/workflows/offshoot.yml");
    await writeFile(workflow, (await readFile(workflow, "utf8")).replace('minutes: "330"', 'minutes: "0.05"'));
    await git("commit", "--quiet", "--all", "--message=Jobs of three seconds");
    await git("push", "--quiet", "origin", "main");

    await world.comment("/agent do two steps");
    await world.waitFor("the first run to be over", () => turns(world)[0]?.status === "completed");
    thinking.release();
    await world.runsDone();
    expect(turns(world).every(({ conclusion }) => conclusion === "success")).toBe(true);
    expect(logOf(world, 0)).toContain("this job's time is nearly over, so the open work is saved and given back.");
    const events = await journal(world);
    expect(events.find(({ type }) => type === "lease.released")?.why).toBe("job-limit");
    expect(events.filter(({ type }) => type === "turn.started")).toHaveLength(1);
    expect(world.thread()).toContain("Both steps are done.");
  });
});
