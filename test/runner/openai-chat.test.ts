import fc from "fast-check";
import { expect, test } from "vitest";
import { fromChatStream, toChatRequest } from "../../src/runner/openai-chat.ts";
import type { Message } from "../../src/sessions/message.ts";
import { request } from "./openai-server.ts";

const llama = { provider: "local", model: "llama" };

async function* stream(...list: unknown[]) {
  yield* list;
}

function delta(value: object, finish_reason: string | null = null) {
  return { choices: [{ index: 0, delta: value, finish_reason }] };
}

const answer: Message = {
  role: "assistant",
  model: "openai:gpt-5.5",
  parts: [
    { type: "reasoning", summary: "It is the lexer.", native: { id: "rs_1", encrypted: "c2VjcmV0" } },
    { type: "text", text: "Looking." },
    { type: "text", text: "Here." },
    { type: "tool_call", call: "call_1", name: "exec", arguments: '{"command":"ls"}' },
  ],
};

test("a whole conversation becomes one request, without reasoning and without OpenAI's own fields", () => {
  const messages: Message[] = [
    { role: "user", text: "Fix it" },
    answer,
    { role: "tool", call: "call_1", name: "exec", output: "src" },
  ];
  expect(toChatRequest({ ...llama, effort: "low" }, request({ messages }), false)).toEqual({
    model: "llama",
    tools: [
      {
        type: "function",
        function: { name: "exec", description: "Runs a command", parameters: { type: "object", properties: {} } },
      },
    ],
    messages: [
      { role: "system", content: "You fix bugs." },
      { role: "user", content: "Fix it" },
      {
        role: "assistant",
        content: "Looking.\n\nHere.",
        tool_calls: [{ id: "call_1", type: "function", function: { name: "exec", arguments: '{"command":"ls"}' } }],
      },
      { role: "tool", tool_call_id: "call_1", content: "src" },
    ],
    stream: true,
    stream_options: { include_usage: true },
    reasoning_effort: "low",
  });
});

test("OpenAI itself gets the cache key too", () => {
  expect(toChatRequest(llama, request(), true)).toMatchObject({ prompt_cache_key: "01JSESSION", store: false });
});

test("no tools, no list of tools; nothing said, no message", () => {
  const silent: Message = { ...answer, parts: answer.parts.slice(0, 1) };
  const body = toChatRequest(llama, request({ tools: [], messages: [silent] }), false);
  expect(body).not.toHaveProperty("tools");
  expect(body.messages).toEqual([{ role: "system", content: "You fix bugs." }]);
});

test("calls alone have no text", () => {
  const calls: Message = { ...answer, parts: answer.parts.slice(-1) };
  expect(toChatRequest(llama, request({ messages: [calls] }), false).messages[1]).toMatchObject({ content: null });
});

test("a longer conversation starts with the very bytes of the shorter one", () => {
  const message: fc.Arbitrary<Message> = fc.oneof(
    fc.record({ role: fc.constant("user" as const), text: fc.string() }),
    fc.record({ role: fc.constant("tool" as const), call: fc.string(), name: fc.string(), output: fc.string() }),
    fc.record({
      role: fc.constant("assistant" as const),
      model: fc.string(),
      parts: fc.array(fc.constantFrom(...answer.parts)),
    }),
  );
  fc.assert(
    fc.property(fc.array(message), fc.array(message), (before, after) => {
      const short = JSON.stringify(toChatRequest(llama, request({ messages: before }), false).messages);
      const long = JSON.stringify(toChatRequest(llama, request({ messages: [...before, ...after] }), false).messages);
      expect(long.startsWith(short.slice(0, -1))).toBe(true);
    }),
  );
});

test("thinking, text and interleaved calls are put together, with every kind of token", async () => {
  const reply = await fromChatStream(
    stream(
      delta({ role: "assistant", content: null, reasoning_content: "Hm" }),
      delta({ reasoning: "m." }),
      delta({ content: "Look" }),
      delta({ content: "ing." }),
      delta({ tool_calls: [{ index: 0, id: "a", function: { name: "exec", arguments: "" } }] }),
      delta({ tool_calls: [{ index: 1, id: "b", function: { name: "read", arguments: '{"p' } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: "{}" } }] }),
      delta({ tool_calls: [{ index: 1, function: { arguments: '":1}' } }] }),
      delta({}, "tool_calls"),
      {
        choices: [],
        usage: {
          prompt_tokens: 100,
          completion_tokens: 20,
          prompt_tokens_details: { cached_tokens: 90 },
          completion_tokens_details: { reasoning_tokens: 15 },
        },
      },
    ),
  );
  expect(reply).toEqual({
    parts: [
      { type: "reasoning", summary: "Hmm." },
      { type: "text", text: "Looking." },
      { type: "tool_call", call: "a", name: "exec", arguments: "{}" },
      { type: "tool_call", call: "b", name: "read", arguments: '{"p":1}' },
    ],
    tokens: { input: 100, cached: 90, output: 20, reasoning: 15 },
    stop: "tools",
  });
});

test("a server that numbers every call 0 and stops with `stop` is understood", async () => {
  const reply = await fromChatStream(
    stream(
      delta({ tool_calls: [{ index: 0, id: "a", function: { name: "exec", arguments: "{}" } }] }),
      delta({ tool_calls: [{ id: "b", function: { name: "read", arguments: "{}" } }] }, "stop"),
    ),
  );
  expect(reply.stop).toBe("tools");
  expect(reply.parts).toMatchObject([{ call: "a" }, { call: "b" }]);
});

test.each([
  ["length", "length"],
  ["content_filter", "refusal"],
])("finish_reason %s ends the step as %s, without half-written calls", async (finish, stop) => {
  const half = { tool_calls: [{ index: 0, id: "a", function: { name: "exec", arguments: '{"comm' } }] };
  expect(await fromChatStream(stream(delta({ content: "First" }), delta(half, finish)))).toMatchObject({
    parts: [{ type: "text", text: "First" }],
    stop,
  });
});

test("a refusal is a reply, said in the model's own words", async () => {
  expect(await fromChatStream(stream(delta({ refusal: "I cannot." }, "stop")))).toMatchObject({
    parts: [{ type: "text", text: "I cannot." }],
    stop: "refusal",
  });
});

test.each([
  ["ends early", [delta({ content: "Hal" })], "cut the reply off before its end"],
  ["is empty", [delta({}, "stop")], "sent an empty reply"],
  ["is malformed", [{ choices: "none" }], "sent a malformed completion chunk"],
  ["starts a call without an id", [delta({ tool_calls: [{ index: 0 }] })], "sent a tool call without an id"],
])("a stream that %s is a broken reply", async (_, list, message) => {
  await expect(fromChatStream(stream(...list))).rejects.toMatchObject({ name: "BrokenReply", message });
});
