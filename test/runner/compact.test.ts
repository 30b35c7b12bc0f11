import { expect, test } from "vitest";
import { exec, fail, gate, hold, say, write } from "../../playground/scripted-model.ts";
import { defaultConfig } from "../../src/config.ts";
import { compactSession } from "../../src/runner/compact.ts";
import { contextOf } from "../../src/runner/context.ts";
import { runSession, workOff } from "../../src/runner/run.ts";
import type { Runner } from "../../src/runner/runner.ts";
import { fact } from "../../src/sessions/decide.ts";
import { forkSession } from "../../src/sessions/fork.ts";
import { compose, refOf } from "../../src/sessions/store.ts";
import { given, newSession } from "../sessions/events.ts";
import { conversation } from "./conversation.ts";
import { dying, has, inputOf, Killed, openRunWorld, type RunWorld, scripted } from "./run-world.ts";

const noModel = { ok: false, problem: { kind: "none", message: "No model.", remedy: "Choose one." } } as const;
const small = { ...defaultConfig, compaction: { window: 8_000, target: 0.25 } };

const tipOf = async (world: RunWorld) => given(await world.tip(refOf.session(world.session)));
const timeline = async (world: RunWorld) =>
  (await world.bare.raw(["log", "--reverse", "--format=%s", refOf.session(world.session)])).trim().split("\n");

test("CA21, CA22, CA24, CA10: a compacted session goes on from a summary by its own model, in its shells as they were", async () => {
  const { model, sent } = await scripted(
    conversation(
      {
        one: [
          exec("cd sub && export GREETING=hi"),
          exec("seq 5000"),
          exec("echo broken >&2; exit 3"),
          say("Looked around"),
        ],
        two: [write("c.txt", "c\n"), say("Added c\n\nIt is <data>a file</data>.")],
        three: [exec('echo "$GREETING from $(basename $PWD)"'), say("Three is done")],
      },
      say("Keep the port 8731."),
    ),
  );
  const world = await openRunWorld({ prompt: "one", model });
  await world.run();
  await world.ask("two");
  await world.run();
  const whole = inputOf(sent.at(-1));
  expect(whole.map(({ type }) => type)).toContain("reasoning");

  const compaction = await compactSession(await world.machine({ config: small }), { hint: "the port" });
  const [told, ...others] = await world.events("context.compacted");
  const { summary, before, after } = given(told);
  expect(others).toEqual([]);
  expect(compaction).toEqual({ kind: "compacted", before, after, left: null });
  expect(given(told)).toMatchObject({ model: "openai:gpt-test", tokens: { input: expect.any(Number) } });
  expect(await world.events("compaction.started")).toMatchObject([{ model: "openai:gpt-test", hint: "the port" }]);
  expect(before).toBeGreaterThan(2_000);
  expect(after).toBeLessThanOrEqual(8_000 * 0.25);
  expect(given(inputOf(sent.at(-1))[0])).toMatchObject({ role: "user" });
  expect(JSON.parse(given(sent.at(-1)))).not.toHaveProperty("tools.0");
  expect(sent.at(-1)).toContain("See to it that it tells of this: the port");
  expect(summary).toMatchInlineSnapshot(`
    "(scripted model, not an AI) Keep the port 8731.

    Files that were touched:
    - c.txt

    Commands that failed:
    - (exit code 3) echo broken >&2; exit 3

    The last request, word for word:
    two

    Its answer, word for word:
    (scripted model, not an AI) Added c

    It is <data>a file</data>."
  `);
  expect(await world.state()).toMatchObject({
    status: "available",
    phase: "idle",
    context_status: { is_compacted: true },
  });
  expect(await world.state()).not.toHaveProperty("lease");

  await world.ask("three");
  await world.run({ config: small });
  const [first, ...rest] = inputOf(sent.at(-1));
  expect(JSON.stringify(first)).toContain(`<data kind=\\"summary of this conversation until now\\">`);
  expect(JSON.stringify(first)).toContain("It is &lt;data>a file&lt;/data>.");
  expect(JSON.stringify(first).length / 4).toBeLessThan(8_000 * 0.25 * 1.2);
  expect(rest.map(({ type, role }) => role ?? type)).toEqual([
    "user",
    "reasoning",
    "function_call",
    "function_call_output",
  ]);
  expect(JSON.stringify(rest)).toContain("hi from sub");
  expect(world.answers().at(-1)).toContain("Three is done");
  const roles = contextOf(await world.journal()).messages.map(({ role }) => role);
  expect(roles).toEqual(["user", "user", "assistant", "tool", "assistant"]);
  expect((await world.state()).status).toBe("active");
});

test("after a compaction a fresh machine reads the appends since the cut, and none before", async () => {
  const { model } = await scripted(conversation({ one: [exec("true"), exec("false"), say("One")] }));
  const world = await openRunWorld({ prompt: "one", model });
  await world.run({ saveEveryMs: 0 });
  expect(await compactSession(await world.machine())).toMatchObject({ kind: "compacted" });
  await world.ask("two");
  const machine = await world.machine();
  expect(await runSession(machine)).toMatchObject({ turns: 1 });
  const { cut_commit, appends_since_cut } = (await world.state()).context;
  const behind = Number(await world.bare.raw(["rev-list", "--count", given(cut_commit)]));
  expect(behind).toBeGreaterThan(5);
  const { repository } = machine;
  expect(await repository.resolve(given(cut_commit))).toBeNull();
  const read = Number(await repository.raw(["rev-list", "--count", refOf.session(world.session)]));
  expect(read).toBeLessThanOrEqual(appends_since_cut);
  expect((await world.store.journal(world.session)).length).toBe(behind + appends_since_cut);
});

test("a prompt that arrives while the summary is made is kept, and worked on next by whoever compacts", async () => {
  const thinking = gate();
  const { model, sent } = await scripted(conversation({}, hold(thinking, say("One was asked."))));
  const world = await openRunWorld({ prompt: "one", model });
  await world.run();
  const machine = await world.machine();
  const compacting = compactSession(machine);
  await thinking.reached;
  await world.ask("two");
  thinking.release();
  const compaction = await compacting;
  if (compaction.kind !== "compacted" || !compaction.left) throw new Error("nothing was left to do");
  const stored = await world.store.journal(world.session);
  const [told] = await world.events("context.compacted");
  const at = (what: (stored: { commit: string; events: readonly { type: string }[] }) => boolean) =>
    stored.findIndex(what);
  const cut = at(({ commit }) => commit === told?.cut);
  const own = at(({ events }) => events.some(({ type }) => type === "context.compacted"));
  expect(told?.since).toBe(own - cut - 1);
  expect(told?.since).toBe(1);
  expect(await world.events("wake.requested")).toHaveLength(1);

  expect(await workOff(machine, compaction.left)).toMatchObject({ kind: "drained", turns: 1 });
  expect(world.answers().at(-1)).toContain("Nothing to do for: two");
  expect(inputOf(sent.at(-1))).toHaveLength(2);
  expect(await world.state()).not.toHaveProperty("lease");
});

test("CA23: a compaction that fails changes nothing, says why, and gives the session back", async () => {
  const failing = await scripted(conversation({}, fail(400, "the request was broken")));
  const world = await openRunWorld({ prompt: "one", model: failing.model });
  await world.run();
  const [before, state] = [contextOf(await world.journal()), await world.state()];
  const compaction = await compactSession(await world.machine());
  expect(compaction).toMatchObject({
    kind: "failed",
    left: null,
    problem: { message: expect.stringContaining("broken") },
  });
  expect(contextOf(await world.journal())).toEqual(before);
  expect(await world.state()).toMatchObject({ status: "active", phase: "idle", context: {}, queue: state.queue });
  expect(await world.state()).not.toHaveProperty("lease");
  expect((await timeline(world)).slice(-2)).toEqual([
    "offshoot[bot] began to compact the context with openai:gpt-test",
    expect.stringMatching(/^the context was not compacted: .+/),
  ]);
  const better = await scripted(conversation({}, say("All is well.")));
  await compactSession(await world.machine({ model: better.model }));
  expect((await timeline(world)).at(-1)).toMatch(/^compacted the context from about \d+ to \d+ tokens$/);
});

test("a compaction that is stopped, or whose runner dies, changes nothing either", async () => {
  const thinking = gate();
  const { model } = await scripted(conversation({}, hold(thinking, say("Too late."))));
  const world = await openRunWorld({ prompt: "one", model });
  await world.run();
  const before = contextOf(await world.journal());
  const stop = new AbortController();
  const compacting = compactSession(await world.machine({ stop: stop.signal }));
  await thinking.reached;
  stop.abort();
  expect(await compacting).toMatchObject({ kind: "failed", problem: { kind: "stopped" }, left: null });
  expect(contextOf(await world.journal())).toEqual(before);
  thinking.release();

  const machine = await world.machine();
  const store = dying(machine.store, "before", (append) => has(append, "context.compacted"));
  await expect(compactSession({ ...machine, store })).rejects.toThrow(Killed);
  expect(await world.run()).toMatchObject({ kind: "drained", turns: 0 });
  expect(await world.state()).not.toHaveProperty("lease");
  expect(contextOf(await world.journal())).toEqual(before);
  expect(await compactSession(await world.machine())).toMatchObject({ kind: "compacted" });
});

test("CS13, CS27, CA21: what cannot be compacted is said by name, and nothing is written", async () => {
  const { model } = await scripted(conversation({}, say("One was asked.")));
  const world = await openRunWorld({ prompt: "one", model });
  const refused = async (change: Partial<Runner> = {}) => {
    const before = await tipOf(world);
    const compaction = await compactSession(await world.machine(change));
    expect(await tipOf(world)).toBe(before);
    return compaction;
  };
  expect(await refused()).toEqual({ kind: "refused", why: "waiting" });
  const thinking = gate();
  const slow = await scripted(conversation({ one: [hold(thinking, say("One"))] }));
  const run = world.run({ model: slow.model, holder: { holder: "a laptop" } });
  await thinking.reached;
  expect(await refused()).toMatchObject({ kind: "busy", lease: { holder: "a laptop" } });
  thinking.release();
  await run;
  expect(await refused({ model: noModel })).toEqual({ kind: "unsupported", problem: noModel.problem });

  const fresh = newSession();
  const { hand, ...machine } = await world.machine();
  expect(await forkSession(world.store, { from: world.session, turn: 0, session: fresh, hand })).toMatchObject({
    kind: "forked",
  });
  expect(await compactSession({ ...machine, hand, session: fresh })).toEqual({ kind: "refused", why: "not-started" });

  expect(await compactSession(await world.machine())).toMatchObject({ kind: "compacted" });
  expect(await refused()).toEqual({ kind: "refused", why: "compacted" });
  const tip = given(await world.store.tip(world.session));
  await world.store.append(compose(world.session, tip, { facts: [fact(hand, "session.retired", {})] }));
  expect(await refused()).toEqual({ kind: "refused", why: "retired" });
});

test("each of thirty facts is still found after two compactions: in the summary, or in the journal", async () => {
  const facts = Array.from(
    { length: 30 },
    (_, index) => `the secret of room ${index} is ${(index * 7919 + 13).toString(36)}`,
  );
  const keeps = facts.filter((_, index) => index % 3 === 0);
  const [asked, said, seen] = [facts.slice(0, 10), facts.slice(10, 20), facts.slice(20)].map((some) => some.join("; "));
  const { model, sent } = await scripted(
    conversation({ [`Note: ${asked}`]: [exec(`echo "${seen}"`), say(`Noted: ${said}`)] }, say(keeps.join("\n"))),
  );
  const world = await openRunWorld({ prompt: `Note: ${asked}`, model });
  await world.run();
  await compactSession(await world.machine());
  expect(sent.at(-1)).toContain(seen);
  for (const prompt of ["next", "and another"]) {
    await world.ask(prompt);
    await world.run();
  }
  await compactSession(await world.machine());
  await world.ask("what is the secret of room 4?");
  await world.run();
  const context = given(sent.at(-1));
  const journal = JSON.stringify(await world.journal());
  expect(keeps.filter((fact) => !context.includes(fact))).toEqual([]);
  expect(facts.filter((fact) => !journal.includes(fact))).toEqual([]);
  expect(facts.filter((fact) => context.includes(fact)).length).toBeLessThan(30);
});
