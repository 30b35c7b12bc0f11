import { expect, test } from "vitest";
import { exec, say, script } from "../../playground/scripted-model.ts";
import { turnUsage } from "../../src/runner/usage.ts";
import { fact } from "../../src/sessions/decide.ts";
import type { Fact } from "../../src/sessions/journal.ts";
import type { Message, Tokens } from "../../src/sessions/message.ts";
import { hand } from "../sessions/events.ts";
import { openRunWorld, scripted } from "./run-world.ts";

const said = (turn: number, step: number, message: Message, tokens?: Tokens): Fact =>
  fact(hand(), "message.added", { turn, step, message, ...(tokens ? { tokens } : {}) });
const person = (text: string): Message => ({ role: "user", text });
const model = (text: string): Message => ({ role: "assistant", model: "m", parts: [{ type: "text", text }] });
const took = (input: number): Tokens => ({ input, cached: 10, output: 5, reasoning: 1 });

test("AC5: the input of a turn is split by what it was made of, and the parts are the whole", () => {
  const events = [
    said(1, 0, person("x".repeat(100))),
    said(1, 1, model("y".repeat(100)), took(800)),
    said(2, 0, person("z".repeat(100))),
    said(2, 1, model("w".repeat(50)), took(1000)),
  ];
  const overhead = { system: 500, tools: 200 };
  expect(turnUsage(events, 1, overhead)).toEqual({
    ...{ input: 800, cached: 10, output: 5, reasoning: 1 },
    ...{ system: 500, tools: 200, prompt: 100, history: 0 },
  });
  expect(turnUsage(events, 2, overhead)).toEqual({
    ...{ input: 1000, cached: 10, output: 5, reasoning: 1 },
    ...{ system: 500, tools: 200, prompt: 100, history: 200 },
  });
});

test("AC5: each turn records its tokens with the breakdown, and the session adds them up", async () => {
  const { model } = await scripted(script(exec("echo hello"), say("One."), say("Two.")));
  const world = await openRunWorld({ model });
  await world.run();
  await world.ask("and now?");
  await world.run();
  const turns = (await world.events("turn.ended")).map(({ usage }) => usage);
  expect(turns).toHaveLength(2);
  for (const usage of turns) {
    if (!usage) throw new Error("A turn has no usage.");
    expect(usage.system + usage.tools + usage.history + usage.prompt).toBe(usage.input);
    expect(Math.min(usage.system, usage.tools, usage.prompt, usage.output)).toBeGreaterThan(0);
  }
  expect(turns[1]?.history).toBeGreaterThan(0);
  const { usage } = await world.state();
  const sum = (key: "input" | "system" | "tools" | "history" | "prompt") =>
    turns.reduce((total, turn) => total + (turn?.[key] ?? 0), 0);
  expect(usage).toMatchObject({
    input: sum("input"),
    breakdown: { system: sum("system"), tools: sum("tools"), history: sum("history"), prompt: sum("prompt") },
  });
});
