import { expect, test } from "vitest";
import { fact } from "../../src/sessions/decide.ts";
import { type Fact, number } from "../../src/sessions/journal.ts";
import { compose } from "../../src/sessions/store.ts";
import { subject } from "../../src/sessions/timeline.ts";
import { asked, given, hand, newSession, offshoot, openIn, opening, someCommit, tipOf } from "./events.ts";
import { type Move, play } from "./model.ts";
import { gitRemote } from "./remote.ts";

const me = hand();
const line = (...facts: Fact[]) => subject(number(facts, 0));

test("git log of a session's ref reads as its timeline", async () => {
  const remote = await gitRemote();
  const store = await remote.store();
  let tip = await openIn(store);
  const moves: Move[] = [
    { do: "take", run: 4711 },
    { do: "start" },
    { do: "think", text: "I look at the parser first.", tokens: 900 },
    { do: "exec", command: "npm test", exitCode: 1 },
    { do: "write", path: "src/parse.js" },
    { do: "ask", comment: 2, text: "and please\nkeep the API as it is" },
    { do: "lose" },
    { do: "take", run: 4712 },
    { do: "save" },
    { do: "end", outcome: "done", answer: "The parser now takes negative numbers, and the test passes." },
    { do: "post" },
    { do: "start" },
    { do: "end", outcome: "limit", answer: "" },
    { do: "post" },
    { do: "release" },
  ];
  for (const move of moves) {
    const by = move.do === "ask" ? me : { ...me, by: offshoot };
    tip = tipOf(await store.append(compose(tip.session.session, tip, given(play(by, tip.session, move)))));
  }
  const ref = `refs/offshoot/sessions/${tip.session.session}`;
  expect(await remote.bare.raw(["log", "--reverse", "--format=%an: %s", ref])).toMatchInlineSnapshot(`
    "ada: ada opened the session: make the failing test pass
    offshoot[bot]: run 4711 took the session (epoch 1)
    offshoot[bot]: turn 1 started with openai:gpt-5.5
    offshoot[bot]: turn 1, step 1: answered
    offshoot[bot]: turn 1, step 1: ran npm test (exit code 1)
    offshoot[bot]: turn 1, step 1: edited src/parse.js
    ada: ada asked: and please keep the API as it is
    offshoot[bot]: asked for a new run: the last one was lost
    offshoot[bot]: run 4712 took the session (epoch 2)
    offshoot[bot]: turn 1, step 1: saved the work tree
    offshoot[bot]: turn 1 done: The parser now takes negative numbers, and the test passes.
    offshoot[bot]: wrote https://example.test/answer/1
    offshoot[bot]: turn 2 started with openai:gpt-5.5
    offshoot[bot]: turn 2 limit
    offshoot[bot]: wrote https://example.test/answer/2
    offshoot[bot]: released: nothing left to do
    "
  `);
});

test("an append is told by what weighs most in it", () => {
  const facts = opening(newSession()).facts;
  expect(line(...facts)).toBe("ada opened the session: make the failing test pass");
  expect(line(...facts.slice(1))).toBe("ada asked: make the failing test pass");
  expect(line(...facts.slice(2))).toBe("asked for a run");
});

test("of events of one weight the last is told", () => {
  const read = (path: string) => fact(me, "file.read", { turn: 1, step: 1, path });
  expect(line(read("a.js"), read("b.js"))).toBe("turn 1, step 1: read b.js");
});

test("what a model or a tool said is told by its kind, a problem by its message", () => {
  const at = { turn: 1, step: 2 };
  const calls = ["exec", "edit"].map((name) => ({ type: "tool_call" as const, call: name, name, arguments: "{}" }));
  expect([
    line(fact(me, "message.added", { ...at, message: { role: "user", text: "Do it." } })),
    line(fact(me, "message.added", { ...at, message: { role: "tool", call: "1", name: "exec", output: "" } })),
    line(fact(me, "message.added", { ...at, message: { role: "assistant", model: "m", parts: calls } })),
    line(fact(me, "message.added", { ...at, message: { role: "assistant", model: "m", parts: [] } })),
    line(fact(me, "effect.planned", { kind: "pull_request", key: "offshoot/1-fix", thread: 1 })),
    line(fact(me, "checkpoint.made", { turn: 1, commit: someCommit })),
    line(fact(me, "lease.taken", { epoch: 1, holder: "ada's laptop" })),
    line(
      fact(me, "turn.ended", {
        ...{ turn: 1, prompt: opening(newSession()).facts[0].id, outcome: "failed", answer: "" },
        problem: { kind: "auth", message: "The key was refused.", remedy: "Set another." },
        ...{ notices: [], duration_ms: 0, peak_rss_mb: 0 },
      }),
    ),
  ]).toMatchInlineSnapshot(`
    [
      "turn 1, step 2: the prompt",
      "turn 1, step 2: exec answered",
      "turn 1, step 2: called exec, edit",
      "turn 1, step 2: answered",
      "about to write the pull request",
      "turn 1: checkpoint aaaaaaa",
      "ada's laptop took the session (epoch 1)",
      "turn 1 failed: The key was refused.",
    ]
  `);
});

test("nothing that someone wrote breaks the line or reaches the reader's terminal", () => {
  const parrots = "🦜".repeat(40);
  const [told, path] = [
    line(...asked("2", `x${parrots}`).facts),
    line(fact(me, "file.read", { turn: 1, step: 1, path: "a\u001b[2Jb\nc\u0000\u009b.js" })),
  ];
  expect(told.isWellFormed()).toBe(true);
  expect(told).toMatch(/^ada asked: x🦜+.?…$/u);
  expect(path).toBe("turn 1, step 1: read a [2Jb c .js");
});

test("no events, no line", () => {
  expect(subject([])).toBe("");
});
