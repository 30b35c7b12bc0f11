import fc from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import { fromResponsesStream, toResponsesRequest } from "../../src/runner/openai-responses.ts";
import { type Message, messageSchema } from "../../src/sessions/message.ts";
import { completed, item, request, textItem } from "./openai-server.ts";

const gpt = { provider: "openai", model: "gpt-5.5" };

async function* stream(...list: unknown[]) {
  yield* list;
}

const thought: Message = {
  role: "assistant",
  model: "openai:gpt-5.5",
  parts: [
    { type: "reasoning", summary: "It is the lexer.", native: { id: "rs_1", encrypted: "c2VjcmV0" } },
    { type: "text", text: "Looking." },
    { type: "tool_call", call: "call_1", name: "exec", arguments: '{"command":"ls"}' },
  ],
};

test("a whole conversation becomes one stateless request", () => {
  const messages: Message[] = [
    { role: "user", text: "Fix it" },
    thought,
    { role: "tool", call: "call_1", name: "exec", output: "src" },
  ];
  expect(toResponsesRequest({ ...gpt, effort: "high" }, request({ messages }), true)).toEqual({
    model: "gpt-5.5",
    instructions: "You fix bugs.",
    tools: [
      {
        type: "function",
        name: "exec",
        description: "Runs a command",
        parameters: { type: "object", properties: {} },
        strict: false,
      },
    ],
    input: [
      { type: "message", role: "user", content: "Fix it" },
      {
        type: "reasoning",
        id: "rs_1",
        summary: [{ type: "summary_text", text: "It is the lexer." }],
        encrypted_content: "c2VjcmV0",
      },
      { type: "message", role: "assistant", content: "Looking." },
      { type: "function_call", call_id: "call_1", name: "exec", arguments: '{"command":"ls"}' },
      { type: "function_call_output", call_id: "call_1", output: "src" },
    ],
    store: false,
    stream: true,
    prompt_cache_key: "01JSESSION",
    include: ["reasoning.encrypted_content"],
    reasoning: { effort: "high" },
  });
});

test("CA10: another model's reasoning is dropped, and never sent as text", () => {
  for (const ref of [
    { provider: "openai", model: "gpt-5.4" },
    { provider: "other", model: "gpt-5.5" },
  ]) {
    const { input } = toResponsesRequest(ref, request({ messages: [thought] }), true);
    expect(input).toEqual([
      { type: "message", role: "assistant", content: "Looking." },
      { type: "function_call", call_id: "call_1", name: "exec", arguments: '{"command":"ls"}' },
    ]);
  }
});

test("reasoning that a cut reply left without an answer is dropped, because the API would refuse it", () => {
  const cut: Message = { ...thought, parts: thought.parts.slice(0, 1) };
  expect(toResponsesRequest(gpt, request({ messages: [cut] }), true).input).toEqual([]);
});

test("a longer conversation starts with the very bytes of the shorter one", () => {
  const message = fc.oneof(
    fc.record({ role: fc.constant("user" as const), text: fc.string() }),
    fc.record({ role: fc.constant("tool" as const), call: fc.string(), name: fc.string(), output: fc.string() }),
    fc.record({
      role: fc.constant("assistant" as const),
      model: fc.constantFrom("openai:gpt-5.5", "other:model"),
      parts: fc.array(fc.constantFrom(...thought.parts)),
    }),
  );
  fc.assert(
    fc.property(fc.array(message), fc.array(message), (before, after) => {
      const short = JSON.stringify(toResponsesRequest(gpt, request({ messages: before }), true).input);
      const long = JSON.stringify(toResponsesRequest(gpt, request({ messages: [...before, ...after] }), true).input);
      expect(long.startsWith(short.slice(0, -1))).toBe(true);
    }),
  );
});

test("reasoning, text and several calls come back in order, with every kind of token", async () => {
  const reply = await fromResponsesStream(
    stream(
      { type: "response.created" },
      item({ type: "reasoning", id: "rs_1", summary: [{ text: "One." }, { text: "Two." }], encrypted_content: "YQ==" }),
      { type: "response.output_text.delta", delta: "Look" },
      textItem("Looking."),
      item({ type: "function_call", call_id: "a", name: "exec", arguments: "{}" }),
      item({ type: "function_call", call_id: "b", name: "read", arguments: '{"path"' }),
      item({ type: "web_search_call", id: "ws_1" }),
      completed({
        input_tokens: 100,
        input_tokens_details: { cached_tokens: 90 },
        output_tokens: 20,
        output_tokens_details: { reasoning_tokens: 15 },
      }),
    ),
  );
  expect(reply).toEqual({
    parts: [
      { type: "reasoning", summary: "One.\n\nTwo.", native: { id: "rs_1", encrypted: "YQ==" } },
      { type: "text", text: "Looking." },
      { type: "tool_call", call: "a", name: "exec", arguments: "{}" },
      { type: "tool_call", call: "b", name: "read", arguments: '{"path"' },
    ],
    tokens: { input: 100, cached: 90, output: 20, reasoning: 15 },
    stop: "tools",
  });
  expect(v.is(messageSchema, { role: "assistant", model: "openai:gpt-5.5", parts: reply.parts })).toBe(true);
});

test("a refusal is a reply, said in the model's own words", async () => {
  const refusal = item({ type: "message", content: [{ type: "refusal", refusal: "I cannot help with that." }] });
  expect(await fromResponsesStream(stream(refusal, completed()))).toMatchObject({
    parts: [{ type: "text", text: "I cannot help with that." }],
    stop: "refusal",
  });
});

test("what the output limit cut keeps its text and loses its half-written calls", async () => {
  const reply = await fromResponsesStream(
    stream(textItem("First I"), item({ type: "function_call", call_id: "a", name: "exec", arguments: '{"comm' }), {
      type: "response.incomplete",
      response: { incomplete_details: { reason: "max_output_tokens" } },
    }),
  );
  expect(reply).toEqual({
    parts: [{ type: "text", text: "First I" }],
    tokens: { input: 0, cached: 0, output: 0, reasoning: 0 },
    stop: "length",
  });
});

test("the provider's content filter counts as a refusal", async () => {
  const filtered = { type: "response.incomplete", response: { incomplete_details: { reason: "content_filter" } } };
  expect(await fromResponsesStream(stream(filtered))).toMatchObject({ parts: [], stop: "refusal" });
});

test.each([
  ["ends early", [textItem("Hal")], "cut the reply off before its end", undefined],
  ["is empty", [completed()], "sent an empty reply", undefined],
  ["holds only blanks of text", [textItem(""), completed()], "sent an empty reply", undefined],
  ["is malformed", [item({ type: "function_call", name: 7 })], "sent a malformed event", undefined],
  ["is not even objects", [null, 3, "x"], "cut the reply off before its end", undefined],
  [
    "fails",
    [{ type: "response.failed", response: { error: { code: "server_error", message: "Sorry" } } }],
    "Sorry",
    "server_error",
  ],
  ["fails without a word", [{ type: "response.failed", response: {} }], "failed while it answered", undefined],
])("a stream that %s is a broken reply", async (_, list, message, code) => {
  await expect(fromResponsesStream(stream(...list))).rejects.toMatchObject({ name: "BrokenReply", message, code });
});
