import { expect, test } from "vitest";
import { exec, gate, hold, say, script, write } from "../../playground/scripted-model.ts";
import { parseConfig } from "../../src/config.ts";
import { chooseModel } from "../../src/runner/choose-model.ts";
import { type Model, ModelError, type StepReply } from "../../src/runner/model.ts";
import { runSession } from "../../src/runner/run.ts";
import type { Runner } from "../../src/runner/runner.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import { JournalError } from "../../src/sessions/journal.ts";
import { refOf } from "../../src/sessions/store.ts";
import { has, openRunWorld, type RunWorld, scripted } from "./run-world.ts";

const promptsDone = async (world: RunWorld) => (await world.events("turn.ended")).map(({ prompt }) => prompt);
const promptsAsked = async (world: RunWorld) => (await world.events("prompt.queued")).map(({ id }) => id);

/** Says what it was asked last. */
const echo: Runner["model"] = model(({ messages }) => {
  const asked = messages.findLast(({ role }) => role === "user");
  const text = asked?.role === "user" ? asked.text.split("\n").at(-2) : "";
  return answer(`You said: ${text}`);
});

function model(step: (request: Parameters<Model["step"]>[0]) => StepReply): Runner["model"] {
  const ref = { provider: "openai", model: "gpt-test" };
  return { ok: true, ref, open: () => ({ ref, step: async (request) => step(request) }) };
}

const tokens = { input: 100, cached: 0, output: 10, reasoning: 0 };

function answer(text: string, stop: StepReply["stop"] = "end"): StepReply {
  return { parts: [{ type: "text", text }], tokens, stop };
}

function calls(name: string, input: object): StepReply {
  const part = { type: "tool_call" as const, call: `call_${Math.random()}`, name, arguments: JSON.stringify(input) };
  return { parts: [part], tokens, stop: "tools" };
}

test("AC2: many prompts at once are worked on by one runner, in order; a second one finds it busy", async () => {
  const thinking = gate();
  const first = await scripted(script(hold(thinking, say("One."))));
  const world = await openRunWorld({ prompt: "one" });
  await Promise.all(["two", "three", "four"].map((text) => world.ask(text)));
  const run = world.run({ model: first.model });
  await thinking.reached;
  // The platform knows of the run, and that it goes on.
  const { forge, ...machine } = await world.machine({ model: echo });
  const second = await runSession({
    ...machine,
    forge: { ...forge, runs: { ...forge.runs, hasEnded: async () => false } },
  });
  expect(second).toMatchObject({ kind: "busy", lease: { holder: "machine-1" } });
  thinking.release();
  expect(await run).toMatchObject({ kind: "drained", turns: 4 });
  expect(await promptsDone(world)).toEqual(await promptsAsked(world));
  expect(world.answers()).toHaveLength(4);
  expect(await world.events("lease.taken")).toHaveLength(1);
});

test("a prompt that arrives while the runner releases is seen and worked on", async () => {
  const world = await openRunWorld({ prompt: "one", model: echo });
  const machine = await world.machine();
  let late = true;
  const append: typeof machine.store.append = async (change) => {
    if (late && has(change, "lease.released")) {
      late = false;
      await world.ask("two");
    }
    return machine.store.append(change);
  };
  expect(await runSession({ ...machine, store: { ...machine.store, append } })).toMatchObject({ turns: 2 });
  expect(world.answers()).toEqual([expect.stringContaining("said: one"), expect.stringContaining("said: two")]);
  expect((await world.state()).lease).toBeUndefined();
});

test("a wake-up with nothing to do writes nothing", async () => {
  const world = await openRunWorld({ model: echo });
  await world.run();
  const [journal, comments] = [await world.journal(), world.github.world.comments.size];
  expect(await world.run()).toEqual({ kind: "idle" });
  expect(await world.journal()).toEqual(journal);
  expect(world.github.world.comments.size).toBe(comments);
});

test("a corrupt append under a valid tip: the run stops before it writes anything", async () => {
  const world = await openRunWorld({ model: echo });
  await world.run();
  await world.ask("two");
  const ref = refOf.session(world.session);
  const tip = await world.tip(ref);
  const parent = (await world.bare.raw(["rev-parse", `${ref}^`])).trim() as CommitId;
  const nobody = { name: "nobody", email: "nobody@example.com", at: new Date(0) };
  const who = { author: nobody, committer: nobody };
  const tree = { "events.jsonl": Buffer.from("not a journal\n") };
  const corrupt = await world.bare.commit({ ...who, parents: [parent], message: "corrupt", tree });
  const valid = await world.bare.commit({
    ...who,
    parents: [corrupt],
    message: "valid",
    tree: (await world.bare.raw(["rev-parse", `${tip}^{tree}`])).trim(),
  });
  await world.bare.raw(["update-ref", ref, valid]);
  expect((await world.state()).phase).toBe("queued");
  const comments = world.github.world.comments.size;
  await expect(world.run()).rejects.toThrow(JournalError);
  expect(await world.tip(ref)).toBe(valid);
  expect(world.github.world.comments.size).toBe(comments);
});

test("a terminal's lease is not void because no platform knows its run", async () => {
  const thinking = gate();
  const first = await scripted(script(hold(thinking, say("One."))));
  const world = await openRunWorld({ model: first.model });
  const run = world.run({ holder: { holder: "a laptop" } });
  await thinking.reached;
  expect(await world.run()).toMatchObject({ kind: "busy", lease: { holder: "a laptop" } });
  thinking.release();
  await run;
});

test("a run at a terminal that cannot go on gives the session back: the next one need not wait", async () => {
  const world = await openRunWorld();
  const broken = { holder: { holder: "desk:1", forMs: 300_000 }, tree: { path: "/dev/null/tree", at: null } };
  await expect(world.run(broken)).rejects.toThrow("/dev/null/tree");
  expect(await world.state()).not.toHaveProperty("lease");
  expect((await world.events("lease.released")).map(({ epoch }) => epoch)).toEqual([1]);
  expect(await world.run()).toMatchObject({ kind: "drained", turns: 1 });
});

test("a session at rest says so on every thread where it was asked", async () => {
  const world = await openRunWorld();
  const other = await openRunWorld();
  await world.ask("one", other.thread);
  await world.ask("two");
  await world.run({ model: echo });
  for (const thread of [world.thread, other.thread]) {
    const [status = ""] = world.statuses(thread);
    expect(status).toContain("idle, waiting for the next `/agent`");
  }
});

test("on a pull request's own thread the work goes on that branch, and no pull request is opened", async () => {
  const { model } = await scripted(script(write("c.txt", "c\n"), say("Add c")));
  const world = await openRunWorld({ model, onBranch: "feature" });
  await world.run();
  expect(await world.read("refs/heads/feature", "c.txt")).toBe("c\n");
  expect(await world.tip("refs/heads/feature")).toBe((await world.state()).head);
  expect(world.pull()).toBeUndefined();
  expect(world.github.requests.some(({ method, path }) => method === "POST" && path.endsWith("/pulls"))).toBe(false);
});

const limits = (set: string) => {
  const parsed = parseConfig(`[limits]\n${set}`);
  if (!parsed.ok) throw new Error("a bad test");
  return parsed.config;
};

test("a turn that reaches its limit of steps ends clearly, and can be continued", async () => {
  let called = 0;
  const world = await openRunWorld();
  const busy = model(() => {
    called += 1;
    return called > 2 ? answer("Done at last.") : calls("exec", { command: `echo ${called} >> log.txt` });
  });
  const config = limits("steps = 2");
  await world.run({ model: busy, config });
  const [ended] = await world.events("turn.ended");
  expect(ended).toMatchObject({
    outcome: "limit",
    problem: { kind: "steps", message: "The turn ended because 2 steps were taken." },
  });
  expect(world.answers()[0]).toMatch(/What to do: Comment .*\/agent continue.*raise `steps`/);
  expect(await world.read(refOf.branch(world.branch), "log.txt")).toBe("1\n2\n");

  await world.ask("continue");
  await world.run({ model: busy, config });
  expect(world.answers()[1]).toContain("Done at last.");
  expect(await world.tip(refOf.branch(world.branch))).toBe(ended?.commit);
});

test.each(["model", "command"])("a turn that runs out of time while the %s is at work ends clearly", async (slow) => {
  const world = await openRunWorld();
  const never = ({ signal }: { signal: AbortSignal }) =>
    new Promise<StepReply>((_, reject) => {
      signal.addEventListener("abort", () => reject(new ModelError("aborted", "stopped", "none")));
    });
  const ref = { provider: "openai", model: "gpt-test" };
  const command = calls("exec", { command: "echo started > log.txt; sleep 600", timeout_s: 600 });
  const step: Model["step"] = slow === "model" ? never : async () => command;
  const { limits } = parsedDefault();
  const config = { ...parsedDefault(), limits: { ...limits, minutes: 1 / 60 } };
  await world.run({ config, model: { ok: true, ref, open: () => ({ ref, step }) } });
  expect((await world.events("turn.ended"))[0]).toMatchObject({ outcome: "limit", problem: { kind: "minutes" } });
  expect(world.answers()[0]).toContain("the time for one turn is over");
});

function parsedDefault(): Runner["config"] {
  return limits("");
}

test("a refusal, a reply that is too long, and a context that is: each is said, with what to do", async () => {
  const world = await openRunWorld({ prompt: "refuse" });
  await world.run({ model: model(() => answer("I will not do that.", "refusal")) });
  expect(world.answers()[0]).toMatch(/The model refused\.[\s\S]*I will not do that\./);

  await world.ask("be long");
  await world.run({ model: model(() => answer("And then", "length")) });
  expect(world.answers()[1]).toMatch(
    /output limit in the middle of a reply[\s\S]*What to do: Ask for the work in smaller/,
  );

  await world.ask("overflow");
  const overflow = () => {
    throw new ModelError("context-overflow", "The session no longer fits into the model.", "Open a new one.");
  };
  await world.run({ model: model(overflow) });
  expect(world.answers()[2]).toMatch(
    /This did not work\.\*\* The session no longer fits[\s\S]*What to do: Open a new one\./,
  );
  const outcomes = (await world.events("turn.ended")).map(({ outcome }) => outcome);
  expect(outcomes).toEqual(["refused", "limit", "failed"]);
});

test("bad configuration, model name, provider or key: the answer names cause and remedy, the prompt is marked failed", async () => {
  const cases = [
    ["[limits]\nsteps = 0", {}, /line 2, column \d+: limits\.steps must be/, /Correct the file/],
    ["", { OFFSHOOT_MODEL: "gpt-5.5" }, /`OFFSHOOT_MODEL` is `gpt-5\.5`/, /provider:model@effort/],
    ["", { OFFSHOOT_MODEL: "acme:m1" }, /provider `acme`; known are openai/, /Add `\[providers\.acme\]`/],
    ["", {}, /OPENAI_API_KEY/, /secret/],
    ["", { OPENAI_API_KEY: "sk-x", OPENAI_BASE_URL: "nowhere" }, /nowhere/, /OPENAI_BASE_URL|base_url/],
  ] as const;
  const world = await openRunWorld();
  for (const [index, [toml, env, cause, remedy]] of cases.entries()) {
    if (index > 0) await world.ask("try again");
    await world.run(chooseModel(parseConfig(toml), env));
    expect(world.answers()[index]).toMatch(cause);
    expect(world.answers()[index]).toMatch(new RegExp(`What to do: .*(${remedy.source})`));
  }
  const { queue, lease } = await world.state();
  expect({ statuses: queue.map(({ status }) => status), lease }).toEqual({ statuses: cases.map(() => "failed") });
});

test("what happens to GitHub's comments does not stop the work", async () => {
  const { model } = await scripted(script(write("c.txt", "c"), say("Wrote c."), write("d.txt", "d"), say("Wrote d.")));
  const world = await openRunWorld({ model });
  const logged: string[] = [];
  const log: Runner["log"] = (message) => logged.push(message);
  world.github.faults.failNext("POST", new RegExp(`/issues/${world.thread}/comments$`), 500);
  await world.run({ log });
  await world.ask("write d");
  world.github.faults.failNext("PATCH", /\/pulls\/\d+$/, 500);
  await world.run({ log });
  expect(logged).toEqual([
    expect.stringMatching(/^The status comment could not be written: /),
    expect.stringMatching(/^The pull request's text could not be updated: /),
  ]);
  expect(world.answers()).toEqual([expect.stringContaining("Wrote c."), expect.stringContaining("Wrote d.")]);
});

test("saved at the turn's start, before each effect and at its end: never a push per step", async () => {
  const steps = Array.from({ length: 12 }, (_, index) => write(`${index}.txt`, "x"));
  const { model } = await scripted(script(...steps, say("Wrote twelve.")));
  const world = await openRunWorld({ model });
  const before = (await world.store.journal(world.session)).length;
  let startedFirst: string[] = [];
  const machine = await world.machine();
  if (!machine.model.ok) throw new Error("a bad test");
  const { ref, open } = machine.model;
  const watched = () => {
    const real = open();
    return {
      ref,
      step: async (request: Parameters<Model["step"]>[0]) => {
        if (startedFirst.length === 0) startedFirst = (await world.journal()).map(({ type }) => type);
        return real.step(request);
      },
    };
  };
  await runSession({ ...machine, model: { ok: true, ref, open: watched } });
  expect(startedFirst.slice(-3)).toEqual(["turn.started", "context.referenced", "message.added"]);
  const appends = (await world.store.journal(world.session)).slice(before).map(({ events }) => events.at(-1)?.type);
  expect(appends).toEqual([
    "message.added",
    "turn.ended",
    "effect.done", // the pull request
    "effect.done", // the answer
    "lease.released",
  ]);
});

test("while a turn changes something it is saved at each interval, and the status comment tells", async () => {
  const { model } = await scripted(script(write("a.txt", "1"), write("a.txt", "2"), exec("true"), say("Wrote a.")));
  const world = await openRunWorld({ model });
  await world.run({ saveEveryMs: 0 });
  const saved = await world.events("work.saved");
  expect(saved.map(({ step }) => step)).toEqual([1, 2]);
  expect(await world.read(saved[1]?.commit ?? "", "a.txt")).toBe("2");
  expect(await world.bare.raw(["rev-list", "--count", saved[1]?.commit ?? ""])).toBe("2\n");
});

test("output that is too long for the model is kept in the journal's append", async () => {
  const { model } = await scripted(script(exec("seq 1 20000; echo oops >&2"), say("Counted.")));
  const world = await openRunWorld({ model });
  await world.run();
  const [ran] = await world.events("command.ran");
  const [name] = ran?.spilled ?? [];
  expect(name).toMatch(/^turn-1-step-1-/);
  const holder = (await world.store.journal(world.session)).find(({ events }) =>
    events.some(({ id }) => id === ran?.id),
  );
  const kept = await world.read(holder?.commit ?? "", `output/${name}`);
  expect(kept).toBe(Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join(""));
  expect(ran?.spilled).toHaveLength(1);
});

test("a long output whose file the command's own clean-up took away is told, and the turn goes on", async () => {
  const world = await openRunWorld();
  const machine = await world.machine();
  const { model } = await scripted(
    script(exec(`seq 1 20000; until rm ${machine.scratch}/shells-*/*.stdout 2>/dev/null; do :; done`), say("Counted.")),
  );
  await runSession({ ...machine, model });
  expect(world.answers()).toEqual([expect.stringContaining("Counted.")]);
  const [ran] = await world.events("command.ran");
  expect(ran).toMatchObject({ exit_code: 0, stdout_bytes: 108_894 });
  expect(ran?.spilled).toBeUndefined();
});

test("each request begins with the one before it, byte for byte, in the next turn and on another machine too", async () => {
  const { model, sent } = await scripted(
    script(exec("cat a.txt"), write("c.txt", "c"), say("Wrote c."), exec("export N=1; ls"), say("Listed.")),
  );
  const world = await openRunWorld({ model });
  await world.run();
  await world.ask("list");
  await world.run();
  expect(sent).toHaveLength(5);
  for (const [index, body] of sent.entries()) {
    const before = sent[index - 1] ?? "";
    const conversation = before.slice(0, before.indexOf('],"store":'));
    expect(body.startsWith(conversation)).toBe(true);
    expect(index === 0 || conversation.endsWith("}")).toBe(true);
  }
  expect(Buffer.byteLength(sent[0] ?? "")).toBeLessThanOrEqual(8_192);
});
