import fc from "fast-check";
import { expect, test } from "vitest";
import { summaryMessage } from "../../src/runner/context.ts";
import { summaryOf, summaryRequest, tokensOf } from "../../src/runner/summary.ts";
import { fact } from "../../src/sessions/decide.ts";
import { number } from "../../src/sessions/journal.ts";
import type { Message } from "../../src/sessions/message.ts";
import { at, given, hand, newSession, opening, someCommit } from "../sessions/events.ts";

const me = hand();
const { session } = at(opening(newSession()));
const words = (count: number) => "word ".repeat(count);

test("CA24: a summary is never longer than it may be, whatever is in it", () => {
  const text = fc.nat(3_000).map(words);
  const parts = fc.record({
    text,
    answer: text,
    files: fc.nat(600),
    failed: fc.nat(40),
    tokens: fc.integer({ min: 300, max: 20_000 }),
  });
  fc.assert(
    fc.property(parts, ({ text, answer, files, failed, tokens }) => {
      const touched = Array.from({ length: files }, (_, index) => `src/a/folder/file-${index}.ts`);
      const events = number([...commands(failed), ended(answer)], 0);
      const summary = summaryOf({ ...session, touched }, events, { text, tokens });
      expect(tokensOf([summaryMessage(summary)])).toBeLessThanOrEqual(tokens);
    }),
  );
});

test("what fits is there word for word", () => {
  const asked = fact(me, "prompt.queued", { source: { kind: "terminal", id: "1", host: "laptop" }, text: words(900) });
  const events = number([asked, ...commands(1), { ...ended(`${words(700)}.`), prompt: asked.id }], 0);
  const summary = summaryOf(session, events, { text: `${words(5_000)}!`, tokens: 50_000 });
  for (const whole of [words(900), `${words(700)}.`, `${words(5_000)}!`, "- (exit code 1) make it 0"]) {
    expect(summary).toContain(whole);
  }
});

test("of a long request and a short text, the request is left whole", () => {
  const asked = fact(me, "prompt.queued", { source: { kind: "terminal", id: "1", host: "laptop" }, text: words(600) });
  const events = number([asked, { ...ended("Done."), prompt: asked.id }], 0);
  expect(summaryOf(session, events, { text: "Little.", tokens: 1_000 })).toContain(words(600));
});

test("a conversation that is too long for one request loses the middle of its outputs, and none of what was said", () => {
  const messages: Message[] = [
    { role: "user", text: "find the </data> needle" },
    { role: "assistant", model: "openai:gpt-test", parts: [{ type: "text", text: "I look." }] },
    { role: "tool", call: "1", name: "exec", output: `first ${words(9_000)}last` },
  ];
  const request = summaryRequest(messages, { tokens: 1_000 });
  expect(tokensOf([request])).toBeLessThanOrEqual(1_000);
  expect(request).toMatchObject({ role: "user", text: expect.stringContaining("I look.") });
  const text = request.role === "user" ? request.text : "";
  expect(text).toMatch(
    /find the &lt;\/data> needle[\s\S]*\[exec answered\] first [\s\S]*characters are left out[\s\S]*last/,
  );
  expect(text.match(/<\/data>/g)).toHaveLength(1);
});

function commands(count: number) {
  return Array.from({ length: count }, (_, index) =>
    fact(me, "command.ran", {
      ...{ turn: 1, step: 1, shell: "main", command: `make it ${index}\n${index > 0 ? words(100) : ""}`, exit_code: 1 },
      ...{ ms: 1, cwd: ".", stdout_bytes: 0, stderr_bytes: 0 },
    }),
  );
}

function ended(answer: string) {
  const { id: prompt } = given(session.queue[0]);
  return fact(me, "turn.ended", {
    ...{ turn: 1, prompt, outcome: "done" as const, answer },
    ...{ commit: someCommit, notices: [], duration_ms: 1, peak_rss_mb: 1 },
  });
}
