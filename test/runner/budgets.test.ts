import { describe, expect, test } from "vitest";
import { type Config, parseConfig } from "../../src/config.ts";
import { leastOf, nothingElsewhere, reachedBudget, turnBudgets } from "../../src/runner/budgets.ts";
import { spentElsewhere } from "../../src/runner/elsewhere.ts";
import type { Model, StepReply } from "../../src/runner/model.ts";
import type { Runner } from "../../src/runner/runner.ts";
import { budgetLevels } from "../../src/sessions/budget.ts";
import { fact, goOn } from "../../src/sessions/decide.ts";
import { gitStore } from "../../src/sessions/git/git-store.ts";
import type { SessionId } from "../../src/sessions/ids.ts";
import { compose, refOf, type SessionStore } from "../../src/sessions/store.ts";
import { transact } from "../../src/sessions/transact.ts";
import { at, comment, given, hand, newSession, opening, someCommit } from "../sessions/events.ts";
import { gitRemote } from "../sessions/remote.ts";
import { openRunWorld } from "./run-world.ts";

function configured(toml: string): Config {
  const parsed = parseConfig(toml);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

/** Steps of 100 tokens in and 10 out. */
const tokens = { input: 100, cached: 0, output: 10, reasoning: 0 };
/** So that such a step costs 10 cents. */
const priced = '[models."openai:gpt-test"]\ninput = 900\ncached = 0\noutput = 1000\n';

/** A model that writes a line with each step, and answers after so many. */
function busy(steps: number): Runner["model"] & { readonly asked: readonly string[] } {
  const ref = { provider: "openai", model: "gpt-test" };
  const asked: string[] = [];
  const step: Model["step"] = async ({ messages }): Promise<StepReply> => {
    const prompt = messages.findLast(({ role }) => role === "user");
    asked.push(prompt?.role === "user" ? (prompt.text.split("\n").at(-2) ?? "") : "");
    if (asked.length > steps) return { parts: [{ type: "text", text: "Done at last." }], tokens, stop: "end" };
    const text = { type: "text" as const, text: `I write line ${asked.length}.` };
    const call = { command: `echo ${asked.length} >> log.txt` };
    const part = {
      type: "tool_call" as const,
      call: `call_${asked.length}`,
      name: "exec",
      arguments: JSON.stringify(call),
    };
    return { parts: [text, part], tokens, stop: "tools" };
  };
  return { ok: true, ref, open: () => ({ ref, step }), asked };
}

test("a turn's budget of tokens ends it in order: the answer says what is done and what goes on, what waits is held", async () => {
  const world = await openRunWorld({ prompt: "write three lines" });
  await world.ask("and then another");
  const model = busy(3);
  const config = configured("budgets.turn.tokens = 250");
  await world.run({ model, config });
  expect(model.asked).toHaveLength(2);
  expect(await world.state()).toMatchObject({ phase: "held", usage: { turns: 1, input: 200 } });
  expect(await world.state()).not.toHaveProperty("lease");
  expect(await world.read(refOf.branch(world.branch), "log.txt")).toBe("1\n2\n");
  expect(world.answers()).toHaveLength(1);
  expect(world.answers()[0]).toMatch(
    /Stopped at a limit\.\*\* The budget of this turn has no room for another step: 220 of 250 tokens were used, and the next request alone takes about 110 tokens\. The agent has not come to its answer: it took 2 steps.* Last it said: “I write line 2\.”/,
  );
  expect(world.answers()[0]).toMatch(
    /What to do: Comment `\/agent continue` to go on from here.*kept in the commit below: `log\.txt`/s,
  );
  expect(world.statuses(world.thread)[0]).toMatch(
    /stopped; what is queued waits until somebody asks again, or comments `\/agent continue`/,
  );
  // Nothing starts by itself.
  expect(await world.run({ model, config })).toEqual({ kind: "idle" });

  await world.ask(goOn, world.thread, { continues: true });
  expect(await world.run({ model, config })).toMatchObject({ turns: 2 });
  expect(model.asked.slice(2)).toEqual([goOn, goOn, "and then another"]);
  expect(await world.read(refOf.branch(world.branch), "log.txt")).toBe("1\n2\n3\n");
  expect(world.answers().slice(1)).toEqual([
    expect.stringContaining("Done at last."),
    expect.stringContaining("Done at last."),
  ]);
});

test("a turn keeps the budgets that it began with, and what it took, from one run to the next", async () => {
  const world = await openRunWorld();
  const model = busy(9);
  const leave = new AbortController();
  const watch: Runner["watch"] = (fact) => {
    if (fact.type === "message.added" && fact.message.role === "tool") leave.abort("job-limit");
  };
  await world.run({ model, config: configured("budgets.turn.tokens = 250"), watch, leave: leave.signal });
  expect(await world.state()).toMatchObject({ phase: "working", turn: { tokens: 110 } });
  await world.run({ model, config: configured("budgets.turn.tokens = 900") });
  expect(model.asked).toHaveLength(2);
  expect(world.answers()[0]).toContain("220 of 250 tokens");
});

test("a session's budget in dollars: who adds some goes on, and what things cost later does not change what they have cost", async () => {
  const world = await openRunWorld();
  const model = busy(4);
  const config = configured(`budgets.session.usd = 0.25\n${priced}`);
  await world.run({ model, config });
  expect(world.answers()[0]).toMatch(
    /budget of this session is used up: \$0\.30 of \$0\.25 were used, \$0\.30 of it by this turn/,
  );
  expect(world.answers()[0]).toMatch(
    /Comment `\/agent continue --budget \$0\.25` .* raise `usd` under `\[budgets\.session\]`/,
  );
  expect(world.statuses(world.thread)[0]).toMatch(
    /Used \| 1 turn, 3 steps, .*, \$0\.30 \|\n\| Budget \| \$0\.30 of \$0\.25 this session \|/,
  );

  await world.ask(goOn, world.thread, { continues: true });
  await world.run({ model, config });
  expect(world.answers()[1]).toContain("Nothing of what was asked is done.");
  expect(model.asked).toHaveLength(3);

  await world.ask(goOn, world.thread, { continues: true, budget: { usd: 0.5 } });
  const dearer = configured(`budgets.session.usd = 0.25\n${priced.replaceAll("00", "000")}`);
  await world.run({ model, config: dearer });
  expect(world.answers()[2]).toMatch(/The budget of this turn is used up: \$1\.00 of \$0\.50/);
  const ended = await world.events("turn.ended");
  expect(ended.map(({ cost_usd, budget }) => [cost_usd, budget])).toEqual([
    [0.3, "session"],
    [undefined, "session"],
    [1, "turn"],
  ]);
  expect((await world.state()).usage).toMatchObject({ cost_usd: 1.3, unpriced: 0 });

  await world.ask(goOn, world.thread, { continues: true, budget: { tokens: 1_000 } });
  await world.run({ model, config });
  expect(world.answers()[3]).toContain("Done at last.");
  expect(world.statuses(world.thread)[0]).toContain("$1.40");
});

test("a budget in dollars and a model without a price: nothing is asked of it, and the answer says what is missing", async () => {
  const world = await openRunWorld({ prompt: "one" });
  const model = busy(0);
  await world.run({ model, config: configured("budgets.day.usd = 5") });
  expect(model.asked).toEqual([]);
  expect(world.answers()[0]).toMatch(
    /budget in US dollars \(of the day\), but what `openai:gpt-test` costs is not known.*Add `\[models\."openai:gpt-test"\]`/s,
  );
  await world.ask("two", world.thread, { budget: { tokens: 500 } });
  await world.run({ model });
  expect(model.asked).toEqual(["two"]);
  const [status = ""] = world.statuses(world.thread);
  expect(status).toMatch(/Used \| 2 turns, 1 step, 100 tokens in \(0 cached\), 10 out \|/);
});

test("what other sessions of the repository used today ends a turn before it begins", async () => {
  const other = await openRunWorld();
  await other.run({ model: busy(0) });
  const world = await openRunWorld();
  const model = busy(0);
  await world.run({ model, config: configured("budgets.day.tokens = 110") });
  expect(model.asked).toEqual([]);
  expect(world.answers()[0]).toMatch(
    /The budget of this repository for today \(UTC\) is used up: [\d,]+ of 110 tokens were used\. Nothing of what was asked is done\./,
  );
  expect(world.answers()[0]).toMatch(/`\/agent continue --budget 110`.*Tomorrow \(UTC\) the budget is a new one\./);
});

describe("levels", () => {
  const started = at(opening(newSession(), comment("1"))).session;
  const session = { ...started, spent: { tokens: 40, usd: 0.4, day: { date: "2026-11-27", tokens: 30, usd: 0.3 } } };
  const [prompt] = session.queue;
  const elsewhere = { tree: { tokens: 5, usd: 0.05 }, day: { tokens: 7, usd: 0.07 } };
  const used = { turn: [0, 0], session: [40, 0.4], tree: [45, 0.45], day: [37, 0.37] } as const;

  test.each(budgetLevels)("%s: what was used of it before, and the first request that has no room", (level) => {
    const [usedTokens, usedUsd] = used[level];
    for (const [unit, before, step] of [
      ["tokens", usedTokens, 20],
      ["usd", usedUsd, 0.2],
    ] as const) {
      const limit = unit === "usd" ? 1 : 100;
      const { budgets } = configured(`budgets.${level}.${unit} = ${limit}`);
      const limits = turnBudgets(given(prompt), session, { budgets, elsewhere, date: "2026-11-27" });
      expect(limits.find((budget) => budget.level === level)).toMatchObject({
        used_tokens: usedTokens,
        used_usd: usedUsd,
      });
      const spent = (amount: number) => ({ tokens: 0, usd: 0, [unit]: Math.round(amount * 1e6) / 1e6 });
      expect(reachedBudget(limits, spent(limit - before - step), spent(step))).toBeNull();
      const reached = reachedBudget(limits, spent(limit - before - step * 0.95), spent(step));
      expect(reached).toMatchObject({ level, unit, limit, next: step });
      expect(reachedBudget(limits, spent(limit - before), spent(step))).toMatchObject({ level, used: limit });
    }
  });

  test("yesterday's use is not today's; who adds an amount may use it up at every level", () => {
    const { budgets } = configured("[budgets]\nturn.usd = 9\nsession.usd = 0.1\ntree.tokens = 1\nday.usd = 5");
    const tomorrow = turnBudgets(given(prompt), session, { budgets, elsewhere: nothingElsewhere, date: "2026-11-28" });
    expect(tomorrow.find(({ level }) => level === "day")).toMatchObject({ used_usd: 0 });
    const raising = { ...given(prompt), budget: { usd: 2 }, raises: true as const };
    const now = { ...session, raised: { tokens: 0, usd: 2 } };
    expect(turnBudgets(raising, now, { budgets, elsewhere, date: "2026-11-27" })).toEqual([
      { level: "turn", usd: 2, used_tokens: 0, used_usd: 0 },
      { level: "session", usd: 2.4, used_tokens: 40, used_usd: 0.4 },
      { level: "day", usd: 5, used_tokens: 37, used_usd: 0.37 },
    ]);
  });

  test("the next request carries the last one and its reply: at least at the cache's price", () => {
    const last = { input: 900, cached: 0, output: 100, reasoning: 0 };
    expect(leastOf(last, null)).toEqual({ tokens: 1_000, usd: 0 });
    expect(leastOf(last, { input: 10, cached: 1, output: 50 })).toEqual({ tokens: 1_000, usd: 0.001 });
  });
});

test("a tree is the eldest session with all that descend from it; a day is all sessions'", async () => {
  const remote = await gitRemote();
  const repository = await remote.clone();
  const store = gitStore(repository);
  const [root, child, fork, stranger] = [newSession(), newSession(), newSession(), newSession()];
  for (const [id, parent] of [[root], [child, root], [stranger]] as const) await work(store, id, parent);
  const tip = given(await store.tip(child));
  const branch = { name: "offshoot/1-fork", own: true, from: "main", base: someCommit };
  const forked = fact(hand(), "session.forked", { session: fork, from: child, turn: 1, branch, description: "again" });
  await store.append(compose(fork, tip, { facts: [forked] }));
  const session = given(await store.tip(child)).session;
  const runner = { repository, config: configured("[budgets]\ntree.tokens = 9\nday.tokens = 9") };
  expect(await spentElsewhere(runner, session, "2026-11-01")).toEqual({
    tree: { tokens: 110, usd: 0.5 },
    day: { tokens: 220, usd: 1 },
  });
  expect((await spentElsewhere(runner, given(await store.tip(fork)).session, "2026-11-02")).day).toEqual({
    tokens: 0,
    usd: 0,
  });
  const nobody = { repository: null as never, config: configured("") };
  expect(await spentElsewhere(nobody, session, "2026-11-01")).toEqual(nothingElsewhere);
});

/** A session in which a turn took 110 tokens and 50 cents on the first of November. */
async function work(store: SessionStore, id: SessionId, parent?: SessionId): Promise<void> {
  const me = hand();
  const [opened, ...others] = opening(id).facts;
  if (opened.type !== "session.opened") throw new Error("no opening");

  const genealogy = parent ? { parent, depth: 1 } : {};
  await store.append(compose(id, null, { facts: [{ ...opened, ...genealogy }, ...others] }));
  await transact({ store, session: id, pause: async () => undefined }, ({ session }) => {
    const prompt = given(session.queue[0]).id;
    const message = { role: "assistant" as const, model: "openai:gpt-test", parts: [] };
    const facts = [
      fact(me, "turn.started", { turn: 1, prompt, model: "openai:gpt-test", base: someCommit }),
      fact(me, "message.added", { turn: 1, step: 1, message, tokens, cost_usd: 0.5 }),
    ] as const;
    return { change: { facts }, result: null };
  });
}
