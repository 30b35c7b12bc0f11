import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { call, exec, gate, hold, say, script, write } from "../../playground/scripted-model.ts";
import type { Model } from "../../src/runner/model.ts";
import { Fenced } from "../../src/runner/recorder.ts";
import { runSession } from "../../src/runner/run.ts";
import type { Runner } from "../../src/runner/runner.ts";
import { refOf } from "../../src/sessions/store.ts";
import { dying, has, inputOf, Killed, openRunWorld, type RunWorld, scripted } from "./run-world.ts";

/** Saves at every step. */
const always = { saveEveryMs: 0 };

const messagesIn = async (world: RunWorld) => (await world.events("message.added")).map(({ message }) => message);

test("CA1, AC4: a runner that is killed in mid-turn is followed by one on another machine, from the last saved step", async () => {
  const { model, sent } = await scripted(
    script(
      exec("cd sub && export GREETING=hi && echo kept > kept.txt && echo more >> ../a.txt"),
      exec("echo lost > lost.txt && mkdir -p ../ignored && echo x > ../ignored/x"),
      exec('echo "$GREETING from $(basename $PWD): $(ls)"'),
      say("Kept the file\n\nIt is in sub."),
    ),
  );
  const world = await openRunWorld({ model });

  // The second command has run when the runner dies: its reply is saved, its result is not.
  const first = await world.machine({ ...always });
  const lastBreath = dying(first.store, "before", ({ events }) =>
    events.some((event) => event.type === "command.ran" && event.step === 2),
  );
  await expect(runSession({ ...first, store: lastBreath })).rejects.toThrow(Killed);
  expect(existsSync(join(first.tree.path, "sub/lost.txt"))).toBe(true);
  const saved = await messagesIn(world);
  expect(saved.at(-1)).toMatchObject({
    role: "assistant",
    parts: expect.arrayContaining([expect.objectContaining({ type: "tool_call", name: "exec" })]),
  });
  const wip = await world.tip(refOf.wip(world.session));
  expect(await world.read(wip ?? "", "sub/kept.txt")).toBe("kept\n");
  expect(await world.read(wip ?? "", "sub/lost.txt")).toBeNull();

  const before = sent.length;
  const second = await world.machine();
  expect(await runSession(second)).toMatchObject({ kind: "drained", turns: 1 });
  const messages = await messagesIn(world);
  expect(messages.slice(0, saved.length)).toEqual(saved);
  expect(messages[saved.length]).toMatchObject({ role: "tool", output: expect.stringMatching(/^Interrupted: /) });

  // What was lost is done again, in the shell as it was left: same folder, same exports.
  const ran = (await world.events("command.ran")).map(({ command }) => command.slice(0, 9));
  expect(ran).toEqual(["cd sub &&", "echo lost", 'echo "$GR']);
  const outputs = messages.flatMap((message) => (message.role === "tool" ? [message.output] : []));
  expect(outputs.at(-1)).toContain("hi from sub: kept.txt\\nlost.txt");
  const [last, resumed] = [inputOf(sent[before - 1]), inputOf(sent[before])];
  expect(resumed.slice(0, last.length)).toEqual(last);
  expect(resumed.slice(last.length).map(({ type }) => type)).toEqual([
    "reasoning",
    "function_call",
    "function_call_output",
  ]);

  const commit = await world.tip(refOf.branch(world.branch));
  expect(await world.read(commit ?? "", "a.txt")).toBe("a\nmore\n");
  expect(await world.read(commit ?? "", "sub/kept.txt")).toBe("kept\n");
  expect(await world.tip(refOf.wip(world.session))).toBeNull();
  expect(world.answers()).toHaveLength(1);
});

test("SIGKILL for a runner's process: the next one finishes its turn, and says it once", async () => {
  const thinking = gate();
  const { model, url } = await scripted(
    script(exec("cd sub && echo kept > kept.txt"), hold(thinking, exec("cat kept.txt")), say("Kept it.")),
  );
  const world = await openRunWorld({ model });
  const program = join(import.meta.dirname, "machine.ts");
  const child = spawn(process.execPath, [program, JSON.stringify(world.newMachine()), url], { stdio: "inherit" });
  const ended = once(child, "exit");
  await Promise.race([thinking.reached, ended]);
  child.kill("SIGKILL");
  expect(await ended).toEqual([null, "SIGKILL"]);
  thinking.release();

  expect(await world.run()).toMatchObject({ kind: "drained", turns: 1 });
  expect((await world.events("command.ran")).map(({ step, exit_code }) => [step, exit_code])).toEqual([
    [1, 0],
    [2, 0],
  ]);
  expect(world.answers()).toEqual([expect.stringContaining("Kept it.")]);
  expect(await world.read(refOf.branch(world.branch), "sub/kept.txt")).toBe("kept\n");
});

test("steps after the last save never happened: their files are gone, and the model is not told of them", async () => {
  const step = gate();
  const { model } = await scripted(script(write("new.txt", "new"), hold(step, say("Nothing to do."))));
  const world = await openRunWorld({ model });
  const machine = await world.machine();
  const lastBreath = dying(machine.store, "before", (append) => has(append, "turn.ended"));
  const dead = runSession({ ...machine, store: lastBreath });
  await step.reached;
  expect(existsSync(join(machine.tree.path, "new.txt"))).toBe(true);
  step.release();
  await expect(dead).rejects.toThrow(Killed);

  const other = await scripted(script(exec("ls"), say("Looked around.")));
  const second = await world.machine({ model: other.model });
  await runSession(second);
  const [, listing] = (await messagesIn(world)).filter(({ role }) => role !== "user");
  expect(listing).toMatchObject({ role: "tool", output: expect.stringContaining('"a.txt\\nb.txt\\nsub') });
  expect(existsSync(join(second.tree.path, "new.txt"))).toBe(false);
  expect(world.pull()).toBeUndefined();
});

test("what a killed run was to tell of the branch is told by the next", async () => {
  const { model } = await scripted(script(exec("true"), say("Looked.")));
  const world = await openRunWorld({ model, onBranch: "feature-told" });
  const theirs = { parent: world.main, files: { "a.txt": "theirs\n" } };
  await world.push(refOf.branch(world.branch), theirs);
  const { store, ...machine } = await world.machine();
  const dead = runSession({ ...machine, store: dying(store, "before", (append) => has(append, "turn.ended")) });
  await expect(dead).rejects.toThrow(Killed);
  await world.run();
  expect(world.answers()[0]).toMatch(
    /Others pushed to `feature-told`; this turn stands on their work, `[0-9a-f]{7}`\./,
  );
});

test("the checkout may hold what a dead run left: tracked files go back, ignored ones stay", async () => {
  const { model } = await scripted(script(exec("cat a.txt ignored/cache stray.txt"), say("Looked.")));
  const world = await openRunWorld({ model });
  const { repository, ...machine } = await world.machine();
  await repository.fetch([world.main], 1);
  const { path } = machine.tree;
  mkdirSync(join(path, "ignored"), { recursive: true });
  writeFileSync(join(path, ".gitignore"), "ignored/\n");
  writeFileSync(join(path, "ignored/cache"), "cached\n");
  writeFileSync(join(path, "a.txt"), "left by a dead run\n");
  writeFileSync(join(path, "stray.txt"), "left by a dead run\n");
  await runSession({ ...machine, repository, tree: { path, at: world.main } });
  const output = (await messagesIn(world)).find(({ role }) => role === "tool");
  expect(output).toMatchObject({ output: expect.stringMatching(/"stdout":"a\\ncached\\n".*stray.txt: No such file/) });
  expect(world.pull()).toBeUndefined();
});

test("killed between any two of push, pull request, answer and their records: each is there exactly once afterwards", async () => {
  const { model, sent } = await scripted(script(write("b.txt", "better\n"), say("Made b better")));
  const world = await openRunWorld({ model });
  const deaths = [
    ["after", "turn.ended", "the final push, no pull request"],
    ["before", "effect.done", "the pull request, not its record"],
    ["after", "effect.done", "the pull request and its record, no answer"],
    ["before", "effect.done", "the answer, not its record"],
    ["before", "lease.released", "all of it, not the release"],
  ] as const;
  for (const [moment, type] of deaths) {
    const machine = await world.machine();
    // The status comment is planned and done in one append; the pull request and the answer are not.
    const store = dying(
      machine.store,
      moment,
      (append) => has(append, type) && (type === "turn.ended" || !has(append, "effect.planned")),
    );
    await expect(runSession({ ...machine, store })).rejects.toThrow(Killed);
  }
  expect(await world.run()).toMatchObject({ kind: "drained", turns: 0 });

  expect(sent).toHaveLength(2);
  expect(world.answers()).toEqual([expect.stringContaining("Made b better")]);
  const pulls = [...world.github.world.issues.values()].filter(({ pull }) => pull?.head === world.branch);
  expect(pulls).toEqual([expect.objectContaining({ title: expect.stringContaining("Made b better") })]);
  expect(await world.events("turn.ended")).toHaveLength(1);
  expect(await world.events("lease.taken")).toHaveLength(deaths.length + 1);
  const { effects, lease } = await world.state();
  expect({ open: effects.filter(({ done }) => !done), lease }).toEqual({ open: [], lease: undefined });
  expect(await world.store.thread(pulls[0]?.number ?? 0)).toMatchObject({ sessions: [world.session] });
});

test("AC8: a runner that was fenced off writes nothing more and stops", async () => {
  const thinking = gate();
  const { model } = await scripted(script(write("old.txt", "old"), hold(thinking, say("I was first."))));
  const world = await openRunWorld({ model });
  const fenced = world.run(always);
  await thinking.reached;

  // The platform says that the first run has ended, though it has not.
  const other = await scripted(script(say("I was second.")));
  expect(await world.run({ model: other.model })).toMatchObject({ kind: "drained", turns: 1 });
  const [journal, comments] = [await world.journal(), world.github.world.comments.size];
  const branches = await world.bare.refs("refs/heads/");
  thinking.release();
  await expect(fenced).rejects.toThrow(Fenced);

  expect(await world.journal()).toEqual(journal);
  expect(await world.bare.refs("refs/heads/")).toEqual(branches);
  expect(world.github.world.comments.size).toBe(comments);
  expect(world.answers()).toHaveLength(1);
  expect(world.answers()[0]).toContain("I was second.");
});

test("a turn whose runs end one after another is given up with the remedy, and the next prompt is worked on", async () => {
  const { model, sent } = await scripted(
    script(exec("echo x >> a.txt"), call("exec", { command: "exit 0" }), say("Done.")),
  );
  const world = await openRunWorld({ model });
  for (const _ of [1, 2, 3]) {
    const machine = await world.machine(always);
    const store = dying(machine.store, "before", ({ events }) =>
      events.some((event) => event.type === "command.ran" && event.step >= 2),
    );
    await expect(runSession({ ...machine, store })).rejects.toThrow(Killed);
  }
  const asked = sent.length;
  await world.run();
  expect(sent).toHaveLength(asked);
  expect(world.answers()).toHaveLength(1);
  expect(world.answers()[0]).toContain("3 runs ended in the middle of this turn");
  expect(world.answers()[0]).toMatch(/What to do: .*logs of those runs/);
  const commit = await world.tip(refOf.branch(world.branch));
  expect(await world.read(commit ?? "", "a.txt")).toBe("a\nx\n");

  // Every call of the turn that was given up has an answer before the next prompt, or the model's server refuses it.
  const other = await scripted(script(say("Here again.")));
  await world.ask("go on");
  await world.run({ model: other.model });
  expect(world.answers()[1]).toContain("Here again.");
  expect(unanswered(inputOf(other.sent[0]))).toEqual([]);
});

test("a server that uses a call's id again: the answer to the earlier call is not taken for the later one's", async () => {
  const { model } = await scripted(script(write("a.txt", "1"), say("Wrote 1."), write("a.txt", "2"), say("Wrote 2.")));
  const world = await openRunWorld({ model: sameIds(model) });
  await world.run();
  await world.ask("again");
  const machine = await world.machine(always);
  const store = dying(machine.store, "before", ({ events }) =>
    events.some((event) => event.type === "file.changed" && event.turn === 2),
  );
  await expect(runSession({ ...machine, store })).rejects.toThrow(Killed);
  const other = await scripted(script(say("Here again.")));
  await world.run({ model: other.model });
  expect(world.answers().at(-1)).toContain("Here again.");
  const answers = (await messagesIn(world)).filter(({ role }) => role === "tool");
  expect(answers).toMatchObject([
    { call: "call_0" },
    { call: "call_0", output: expect.stringMatching(/^Interrupted: /) },
  ]);
});

/** Gives every call the same id. */
function sameIds(model: Runner["model"]): Runner["model"] {
  if (!model.ok) throw new Error("a bad test");
  const open = () => {
    const real = model.open();
    const step: Model["step"] = async (request) => {
      const reply = await real.step(request);
      return {
        ...reply,
        parts: reply.parts.map((part) => (part.type === "tool_call" ? { ...part, call: "call_0" } : part)),
      };
    };
    return { ...real, step };
  };
  return { ...model, open };
}

/** Calls of a request that have no answer before the next prompt. */
function unanswered(items: ReturnType<typeof inputOf>) {
  const prompts = items.flatMap(({ role }, index) => (role === "user" ? [index] : []));
  return items.filter(({ type, call_id }, index) => {
    const end = prompts.find((prompt) => prompt > index) ?? items.length;
    const answers = items.slice(index, end).filter((item) => item.type === "function_call_output");
    return type === "function_call" && !answers.some((answer) => answer.call_id === call_id);
  });
}
