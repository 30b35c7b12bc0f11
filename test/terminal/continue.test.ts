import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  exec,
  gate,
  hold,
  type Script,
  say,
  script,
  startScriptedModel,
  write,
} from "../../playground/scripted-model.ts";
import { type CloneWorld, openClone, openOrigin } from "./clone-world.ts";

const jsonOf = async (said: Promise<{ out: string }>) => JSON.parse((await said).out);

/** A second provider, which speaks another API, configured on the default branch. */
async function addProvider(world: CloneWorld, play: Script): Promise<void> {
  const server = await startScriptedModel({ script: play });
  onTestFinished(() => server.close());
  const config = `[providers.other]\nbase_url = "${server.url}"\nkey = "OTHER_KEY"\napi = "chat"\n`;
  await writeFile(join(world.dir, ".github/offshoot.toml"), config);
  await world.git("commit", "--quiet", "--all", "-m", "Another provider");
}

test("WS6: a session that was pushed goes on in another clone: conversation, work and shell as they were", async () => {
  const origin = await openOrigin();
  const model = script(
    exec("mkdir -p deep && cd deep && export COLOUR=green && echo here > file.txt"),
    say("Left in deep."),
    exec("pwd; echo $COLOUR; cat file.txt"),
    say("All there."),
  );
  const first = await openClone({ model, origin });
  const { session } = await jsonOf(first.offshoot("run", "--json", "go deep"));
  expect(await first.offshoot("session", "push", "-s", session)).toMatchObject({ code: 0 });

  const second = await openClone({ model, origin });
  expect((await second.offshoot("session", "fetch")).out).toBe(`${session}  new\n`);
  const { err } = await second.offshoot("run", "--session", session, "and now?");
  expect(err).toContain("$ pwd; echo $COLOUR; cat file.txt  (exit code 0");
  const events = (await second.store.journal(session)).flatMap(({ events }) => events);
  const outputs = events.flatMap((event) =>
    event.type === "message.added" && event.message.role === "tool" ? [JSON.parse(event.message.output)] : [],
  );
  expect(outputs.at(-1)).toMatchObject({ stdout: expect.stringMatching(/\/deep\ngreen\nhere\n$/), exit_code: 0 });

  expect((await first.offshoot("session", "fetch", "-s", session)).out).toBe(`${session}  updated\n`);
  expect(await first.store.tip(session)).toEqual(await second.store.tip(session));
});

test("a session on the origin is held there: a run in one clone keeps another clone out", async () => {
  const origin = await openOrigin();
  const thinking = gate();
  const model = script(say("One."), hold(thinking, exec("true")), say("Two."));
  const [first, second] = [await openClone({ model, origin }), await openClone({ model, origin })];
  const { session } = await jsonOf(first.offshoot("run", "--json", "one"));
  await first.offshoot("session", "push");
  await second.offshoot("session", "fetch");
  const running = first.start({ args: ["run", "--last", "two"] });
  await thinking.reached;
  const { code, err } = await second.offshoot("run", "--session", session, "three");
  expect(code).toBe(6);
  expect(err).toContain(`Session ${session} is held by`);
  thinking.release();
  expect((await running.ended).code).toBe(0);
});

test("a budget ends a turn at a terminal, too, and the answer has the command that goes on", async () => {
  const world = await openClone({ model: script(write("a.txt", "a"), say("Wrote a.")) });
  await writeFile(join(world.dir, ".github/offshoot.toml"), "budgets.session.tokens = 1\n");
  await world.git("commit", "--quiet", "--all", "-m", "A small budget");
  const { code, err } = await world.offshoot("run", "write a");
  expect(code).toBe(1);
  const [, command = ""] = /Run `offshoot (run --session \S+ --continue --budget) \S+` to go on/.exec(err) ?? [];
  expect(await world.offshoot(...command.split(" "), "lots")).toMatchObject({
    code: 2,
    err: expect.stringContaining("lots is no amount"),
  });
  expect(await world.offshoot(...command.split(" "), "500k")).toMatchObject({
    code: 0,
    out: expect.stringContaining("Wrote a."),
  });
  expect((await world.offshoot("run", "--continue")).err).toContain("Name the session with --session or --last");
});

test("what the origin does not take is told, and nothing is half pushed", async () => {
  const origin = await openOrigin();
  const world = await openClone({ model: script(write("a.txt", "a"), say("Wrote.")), origin });
  await world.offshoot("run", "write");
  await world.git("remote", "set-url", "origin", join(world.home, "nowhere.git"));
  const { code, err } = await world.offshoot("session", "push");
  expect(code).toBe(1);
  expect(err).toMatch(/Git came to no end with the origin .*nowhere\.git: /);
  await world.git("remote", "set-url", "origin", origin);
  expect(await world.git("ls-remote", "origin", "refs/offshoot/*", "refs/heads/offshoot/*")).toBe("");
  expect((await world.offshoot("session", "push")).code).toBe(0);
});

test("CS29, CA7: two providers and their APIs in one session: the one goes on where the other was, each keeps its id", async () => {
  const world = await openClone({ model: script(write("a.txt", "by one"), say("Wrote a.")) });
  await addProvider(
    world,
    script(write("a.txt", "by one"), say("Wrote a."), exec("cat a.txt"), say("It says by one.")),
  );
  const { session } = await jsonOf(world.offshoot("run", "--json", "write a"));
  const args = ["run", "--session", session, "--model", "other:chatty", "read it"];
  expect((await world.start({ args, env: { OTHER_KEY: "k" } }).ended).out).toContain("It says by one.");
  const { tools } = await world.only();
  expect(Object.keys(tools).sort()).toEqual(["openai", "other"]);
  expect(tools.openai?.provider_session_id).toMatch(/^resp/);
  expect(tools.other?.provider_session_id).toMatch(/^chatcmpl/);
});

test("CA9: a model is switched while the session is idle; a busy one is left as it is", async () => {
  const thinking = gate();
  const world = await openClone({ model: script(hold(thinking, exec("true")), say("First.")) });
  await addProvider(world, script(exec("true"), say("First."), say("Second.")));
  const running = world.start({ args: ["run", "first"] });
  await thinking.reached;
  const { session } = await world.only();
  const args = ["run", "--session", session, "--model", "other:chatty", "second"];
  expect(await world.start({ args, env: { OTHER_KEY: "k" } }).ended).toMatchObject({ code: 6 });
  thinking.release();
  await running.ended;
  expect((await world.only()).model).toBe("openai:scripted");
  const { code, err } = await world.start({ args, env: { OTHER_KEY: "k" } }).ended;
  expect(code).toBe(0);
  expect(err).toContain("turn 2 with other:chatty");
  expect((await world.only()).model).toBe("other:chatty");
});

test("AC11: a session is not a task: many turns, one conversation, one branch", async () => {
  const model = script(write("a.txt", "1"), say("One."), write("b.txt", "2"), say("Two."), say("Three."));
  const world = await openClone({ model });
  for (const args of [["write a"], ["--last", "write b"], ["--last", "and?"]]) await world.offshoot("run", ...args);
  const { usage, branch, queue } = await world.only();
  expect(usage.turns).toBe(3);
  expect(queue.map(({ status, turn }) => `${turn} ${status}`)).toEqual(["1 done", "2 done", "3 done"]);
  const commits = (
    await world.git("log", "--format=%(trailers:key=Offshoot-Turn,valueonly,separator=%x2C)", branch)
  ).split("\n");
  expect(commits.slice(0, 2)).toEqual(["2", "1"]);
});

test("CS20: every shell has the five variables of its session", async () => {
  const ask = "env | grep ^OFFSHOOT_ | sort; test -d $OFFSHOOT_SESSION_DIR && pwd";
  const world = await openClone({ model: script(exec(ask), say("Told.")) });
  const parent = "01JH4QTM5N8V2KX9C3PD7WBYRA";
  const env = { OFFSHOOT_SESSION_ID: parent, OFFSHOOT_DEPTH: "0" };
  await world.start({ args: ["run", "tell"], env }).ended;
  const { session } = await world.only();
  const events = (await world.store.journal(session)).flatMap(({ events }) => events);
  const told = events.flatMap((event) =>
    event.type === "message.added" && event.message.role === "tool" ? [JSON.parse(event.message.output).stdout] : [],
  );
  const given = Object.fromEntries(
    told
      .join("")
      .split("\n")
      .map((line) => line.split("=", 2)),
  );
  expect(given).toMatchObject({
    OFFSHOOT_SESSION_ID: session,
    OFFSHOOT_DEPTH: "1",
    OFFSHOOT_PARENT_SESSION: parent,
    OFFSHOOT_PROJECT_ROOT: expect.stringContaining(join(session, "tree")),
    OFFSHOOT_SESSION_DIR: expect.stringContaining(session),
  });
  expect(told.at(-1)).toContain(`${given.OFFSHOOT_PROJECT_ROOT}\n`);
});
