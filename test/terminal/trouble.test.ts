import { expect, test } from "vitest";
import { exec, gate, hold, say, script, write } from "../../playground/scripted-model.ts";
import { queue } from "../../src/sessions/decide.ts";
import { compose } from "../../src/sessions/store.ts";
import { given, hand, tipOf } from "../sessions/events.ts";
import { openClone, openOrigin } from "./clone-world.ts";

test.each(["feature x", "a:b", "-x", "@{-1}"])("a branch cannot be called %s: nothing is begun", async (name) => {
  const world = await openClone({ model: script(say("Never.")) });
  const { code, err } = await world.offshoot("run", `--branch=${name}`, "x");
  expect(code).toBe(2);
  expect(err).toContain(`${name} is no name for a branch.`);
  expect(await world.git("for-each-ref", "refs/offshoot")).toBe("");
});

test("WS3: a branch that only the origin has is gone on with, not begun anew", async () => {
  const origin = await openOrigin();
  const there = await openClone({ origin });
  await there.git("switch", "--quiet", "-c", "theirs");
  await there.git("commit", "--quiet", "--allow-empty", "-m", "Theirs");
  await there.git("push", "--quiet", "origin", "theirs");
  const world = await openClone({ origin, model: script(write("a.txt", "a"), say("Done.")) });
  expect(await world.offshoot("run", "--branch", "theirs", "write a")).toMatchObject({ code: 0 });
  expect(await world.only()).toMatchObject({ branch: "theirs", own_branch: false });
  expect(await world.git("rev-parse", "theirs~1")).toBe(await world.git("rev-parse", "origin/theirs"));
});

test("Ctrl-C in the turn of a prompt that waited: the own one waits on, which is said", async () => {
  const thinking = gate();
  const world = await openClone({ model: script(say("Zero."), hold(thinking, say("Never.")), say("Two.")) });
  await world.offshoot("run", "zero");
  const { session } = await world.only();
  const tip = given(await world.store.tip(session));
  const source = { kind: "terminal", id: "before", host: "elsewhere" } as const;
  const queued = queue(hand(), tip.session, { source, text: "before" });
  if (queued.kind !== "queued") throw new Error(`The prompt is ${queued.kind}.`);
  tipOf(await world.store.append(compose(session, tip, queued.change)));
  const running = world.start({ args: ["run", "--last", "mine"] });
  await thinking.reached;
  running.kill("SIGINT");
  const { code, err } = await running.ended;
  thinking.release();
  expect(code).toBe(1);
  expect(err).toContain(`The prompt waits: an earlier one of session ${session} came first, and was stopped.\n`);
  expect(err).toContain(`offshoot run --session ${session}`);
  expect(err).not.toContain("    at ");
});

test("what the model says and runs moves no reader's cursor and leaves their clipboard alone; JSON has it as it is", async () => {
  const clipboard = "\u001b]52;c;ZXZpbA==\u0007";
  const answer = `\u001b[2Jhello ${clipboard}`;
  const world = await openClone({ model: script(exec(`true # ${clipboard}`), say(answer), say(answer)) });
  const { out, err } = await world.offshoot("run", "--new", "hello");
  expect(out).toContain("hello");
  expect(err).toContain("$ true #");
  expect([...out, ...err].filter((character) => "\u001b\u0007".includes(character))).toEqual([]);
  const { out: json } = await world.offshoot("session", "result", "--json");
  expect(JSON.parse(json).answer).toContain(answer);
});

test("what git refuses is told in git's words, without a stack", async () => {
  const origin = await openOrigin();
  const world = await openClone({ origin, model: script(say("Done.")) });
  await world.git("branch", "feature");
  await world.git("update-ref", "refs/remotes/origin/feature/two", "HEAD");
  const { code, err } = await world.offshoot("run", "--branch", "feature/two", "x");
  expect(code).toBe(1);
  expect(err).toContain("Git could not do it: fatal: ");
  expect(err).not.toContain("    at ");
});

test("a session that is not on the origin any more: what to do is said", async () => {
  const origin = await openOrigin();
  const model = script(say("One."), say("Two."));
  const [here, there] = [await openClone({ origin, model }), await openClone({ origin })];
  await here.offshoot("run", "one");
  const { session } = await here.only();
  await here.offshoot("session", "push", "-s", session);
  await there.offshoot("session", "fetch");
  await there.offshoot("session", "delete", "-s", session);
  for (const args of [
    ["run", "--last", "two"],
    ["session", "stop", "-s", session],
    ["session", "revert", "-s", session],
  ]) {
    const { code, err } = await here.offshoot(...args);
    expect(code).toBe(4);
    expect(err).toContain("offshoot session fetch");
    expect(err).not.toContain("    at ");
  }
});

test("a session whose branch is checked out here is refused before any work is done", async () => {
  const world = await openClone({ model: script(write("a.txt", "a"), say("Wrote.")) });
  await world.git("checkout", "--quiet", "-b", "work");
  const { code, err } = await world.offshoot("run", "--branch", "work", "write");
  expect(code).toBe(3);
  expect(err).toContain(`branch work is checked out in ${world.dir}`);
  expect(await world.store.find("")).toEqual([]);
});

test("without a key nothing is opened, and the variable is named", async () => {
  const world = await openClone({ model: script(say("Fine.")) });
  const { code, err } = await world.start({ args: ["run", "hello"], env: { OPENAI_API_KEY: "" } }).ended;
  expect(code).toBe(1);
  expect(err).toContain("export OPENAI_API_KEY=");
  expect(await world.store.find("")).toEqual([]);
});

test("two terminals at once: one works, the other is told who does, and neither harms the other", async () => {
  const thinking = gate();
  const world = await openClone({ model: script(say("One."), hold(thinking, exec("true")), say("Two.")) });
  await world.offshoot("run", "one");
  const first = world.start({ args: ["run", "--last", "two"] });
  const second = world.start({ args: ["run", "--last", "three"] });
  const loser = await Promise.race([first, second].map(async (started) => ({ started, said: await started.ended })));
  expect(loser.said).toMatchObject({ code: 6, err: expect.stringContaining("is held by") });
  thinking.release();
  const winner = loser.started === first ? second : first;
  expect((await winner.ended).code).toBe(0);
});

test("what is asked after a stop is worked on, though the turn that was stopped had been lost", async () => {
  const thinking = gate();
  const world = await openClone({ model: script(hold(thinking, exec("true")), say("Back.")) });
  const running = world.start({ args: ["run", "one"] });
  await thinking.reached;
  running.kill("SIGKILL");
  await running.ended;
  thinking.release();
  const { session } = await world.only();
  expect((await world.offshoot("session", "stop", "-s", session)).out).toContain("Nobody works on session");
  const { code, err } = await world.offshoot("run", "--last", "two");
  expect({ code, err }).toMatchObject({ code: 0 });
  expect((await world.only()).queue.map(({ status }) => status)).toEqual(["stopped", "done"]);
});
