import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sampleScript } from "../../playground/sample-script.ts";
import { exec, gate, hold, say, script, write } from "../../playground/scripted-model.ts";
import { openClone, openOrigin } from "./clone-world.ts";

const onlyId = /\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/;

test("CS5: the first prompt opens a session; its work is on a branch of its own, the checkout as it was", async () => {
  const world = await openClone({ model: sampleScript });
  const head = await world.git("rev-parse", "HEAD");
  const { code, out, err } = await world.offshoot("run", "make the failing test pass");
  expect(code).toBe(0);
  expect(out).toContain("Read `ms` as milliseconds");
  expect(err).toContain("  $ npm test  (exit code 1, ");
  expect(err).toContain("  edited src/parse.js");
  expect(await world.git("status", "--porcelain")).toBe("");
  expect(await world.git("rev-parse", "HEAD")).toBe(head);
  const session = await world.only();
  expect(await world.git("show", `${session.branch}:src/parse.js`)).toContain("(d|h|ms|m|s)");
  expect(session).toMatchObject({
    description: "make the failing test pass",
    phase: "idle",
    base: head,
    touched: ["src/parse.js"],
    created_by: { kind: "user", login: "ada", id: 7 },
  });
  expect(session).not.toHaveProperty("lease");
});

test("CS5, CS6: a description; then going on by id, by prefix, and with the last one", async () => {
  const say3 = script(say("One."), say("Two."), say("Three."), say("Four."));
  const world = await openClone({ model: say3 });
  const first = await world.offshoot("run", "--description", "Parser work", "begin");
  const [id = ""] = onlyId.exec(first.err) ?? [];
  expect((await world.offshoot("run", "--session", id, "by id")).out).toContain("Two.");
  expect((await world.offshoot("run", "--session", id.slice(0, 12).toLowerCase(), "by prefix")).out).toContain(
    "Three.",
  );
  expect((await world.offshoot("run", "--last", "the last")).out).toContain("Four.");
  const session = await world.only();
  expect(session).toMatchObject({ description: "Parser work", usage: { turns: 4 } });
});

test("the prompt comes from standard input where it is -, and the answer is JSON with --json", async () => {
  const world = await openClone({ model: script(write("a.txt", "a"), say("Wrote a.")) });
  const { code, out } = await world.start({ args: ["run", "--json", "-"], input: "write a\nplease\n" }).ended;
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ turn: 1, outcome: "done", files: ["a.txt"], problem: null });
  const { session } = await world.only();
  const [queued] = (await world.store.journal(session)).flatMap(({ events }) =>
    events.filter(({ type }) => type === "prompt.queued"),
  );
  expect(queued).toMatchObject({ text: "write a\nplease", source: { kind: "terminal" } });
});

test("CS26: an ephemeral question sees nothing of the project and leaves nothing", async () => {
  const asked = script(exec("ls -A; echo x > left.txt"), say("Nothing is here."));
  const world = await openClone({ model: asked });
  const refs = await world.git("for-each-ref");
  const { code, out } = await world.offshoot("run", "--ephemeral", "--json", "what is here?");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ branch: "", commit: null });
  expect(await world.git("for-each-ref")).toBe(refs);
  expect((await world.offshoot("session", "list")).err).toContain("No sessions found");
});

test("CS28: a busy session says who holds it, since when, and what to do; nothing is queued", async () => {
  const thinking = gate();
  const world = await openClone({ model: script(hold(thinking, exec("true")), say("Done.")) });
  const running = world.start({ args: ["run", "think"] });
  await thinking.reached;
  const { session: id } = await world.only();
  const { code, err } = await world.offshoot("run", "--session", id, "me too");
  expect(code).toBe(6);
  expect(err).toMatch(new RegExp(`Session ${id} is held by \\S+:${running.pid} since \\d{4}-`));
  expect(err).toContain(`offshoot session stop -s ${id}`);
  thinking.release();
  expect((await running.ended).code).toBe(0);
  expect((await world.only()).queue).toHaveLength(1);
});

test("a stop from another terminal ends the turn; what was done until then is kept", async () => {
  const thinking = gate();
  const world = await openClone({ model: script(write("a.txt", "a"), hold(thinking, exec("true")), say("Never.")) });
  const running = world.start({ args: ["run", "write"] });
  await thinking.reached;
  const { session: id } = await world.only();
  expect((await world.offshoot("session", "stop", "-s", id)).code).toBe(0);
  const { code, err } = await running.ended;
  thinking.release();
  expect(code).toBe(1);
  expect(err).toContain("The turn was asked to stop.");
  const session = await world.only();
  expect(session).toMatchObject({ phase: "idle", queue: [{ status: "stopped" }] });
  expect(await world.git("show", `${session.branch}:a.txt`)).toBe("a");
  const again = await world.offshoot("session", "stop", "-s", id);
  expect(again.code).toBe(3);
});

test("AC6: Ctrl-C ends the turn in order: journal, work and lease", async () => {
  const thinking = gate();
  const world = await openClone({ model: script(write("a.txt", "a"), hold(thinking, exec("true")), say("Never.")) });
  const running = world.start({ args: ["run", "write"] });
  await thinking.reached;
  running.kill("SIGINT");
  expect((await running.ended).code).toBe(1);
  thinking.release();
  const session = await world.only();
  expect(session).toMatchObject({ phase: "idle", queue: [{ status: "stopped" }] });
  expect(session).not.toHaveProperty("lease");
});

test("killed in mid-turn: the next run here takes the turn up at once, and no process is left", async () => {
  const thinking = gate();
  const model = script(exec("sleep 300 & echo $! > pid"), hold(thinking, exec("cat pid")), say("Both."), say("Third."));
  const world = await openClone({ model });
  const running = world.start({ args: ["run", "two steps"] });
  await thinking.reached;
  running.kill("SIGKILL");
  await running.ended;
  thinking.release();
  const { code, out } = await world.offshoot("run", "--last", "and now?");
  expect(code).toBe(0);
  expect(out).toContain("Third.");
  const session = await world.only();
  expect(session.queue.map(({ status }) => status)).toEqual(["done", "done"]);
  const sleeper = Number(await world.git("show", `${session.branch}:pid`));
  expect(await isRunning(sleeper)).toBe(false);
});

/** One that nobody has waited for yet is no process any more, though its number is still taken. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}

test("WS3: a branch that a session works on is not taken by a second one", async () => {
  const world = await openClone({ model: script(write("a.txt", "a"), say("Wrote.")) });
  await world.git("branch", "feature");
  expect((await world.offshoot("run", "--branch", "feature", "write")).code).toBe(0);
  const { session: id } = await world.only();
  const { code, err } = await world.offshoot("run", "--branch", "feature", "me too");
  expect(code).toBe(3);
  expect(err).toContain(`Session ${id} works on the branch feature.`);
  expect(await world.store.find("")).toHaveLength(1);
  expect(await world.git("show", "feature:a.txt")).toBe("a");
});

test("WS4: a session branches from the current default branch, and its base is recorded", async () => {
  const origin = await openOrigin();
  const world = await openClone({ model: script(write("a.txt", "a"), say("Wrote.")), origin });
  await world.git("checkout", "--quiet", "-b", "elsewhere");
  await world.git("commit", "--quiet", "--allow-empty", "-m", "not on main");
  await world.offshoot("run", "write");
  const session = await world.only();
  const main = await world.git("rev-parse", "origin/main");
  expect(session).toMatchObject({ base: main, base_branch: "main" });
  expect(await world.git("rev-parse", `${session.branch}^`)).toBe(main);
});

test("CS19: a session may open a session, but not deeper than three", async () => {
  const world = await openClone({ model: script(say("Child.")) });
  const parent = "01JH4QTM5N8V2KX9C3PD7WBYRA";
  const child = world.start({
    args: ["run", "--json", "help me"],
    env: { OFFSHOOT_SESSION_ID: parent, OFFSHOOT_DEPTH: "2" },
  });
  const { session: id } = JSON.parse((await child.ended).out);
  expect((await world.store.tip(id))?.session.genealogy).toEqual({ depth: 3, parent_session_id: parent });
  const tooDeep = world.start({ args: ["run", "help"], env: { OFFSHOOT_SESSION_ID: id, OFFSHOOT_DEPTH: "3" } });
  const { code, err } = await tooDeep.ended;
  expect(code).toBe(3);
  expect(err).toContain("depth 4");
  expect(await world.store.find("")).toEqual([id]);
});

test.each([
  [["run", "--last", "--new", "x"], "--last and --new exclude each other."],
  [["run", "--model", "gpt", "x"], "gpt does not name a model."],
  [["run", "  "], "The prompt is empty."],
  [["run", "--last", "--branch", "b", "x"], "A session keeps its branch."],
  [
    ["session", "list", "--status", "idle,done"],
    "done is none of active, available, retired, idle, queued, held, working.",
  ],
])("%j is a mistake that is explained", async (args, reason) => {
  const world = await openClone();
  const { code, err } = await world.offshoot(...args);
  expect(code).toBe(2);
  expect(err).toContain(reason);
  expect(await world.git("for-each-ref", "refs/offshoot")).toBe("");
});

test("CS28: without a session, and outside of a clone, there is a remedy", async () => {
  const world = await openClone({ model: script(say("x")) });
  const none = await world.offshoot("run", "--last", "x");
  expect(none).toMatchObject({ code: 4, err: expect.stringMatching(/^No sessions found\.\nBegin one with/) });
  await mkdir(join(world.home, "empty"), { recursive: true });
  const outside = await world.start({ args: ["session", "list"], cwd: join(world.home, "empty") }).ended;
  expect(outside).toMatchObject({ code: 4, err: expect.stringContaining("is not in a git clone") });
});
