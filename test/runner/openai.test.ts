import { LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Model, StepReply } from "../../src/runner/model.ts";
import { openaiModel } from "../../src/runner/openai.ts";
import type { Message } from "../../src/sessions/message.ts";
import { request } from "./openai-server.ts";

const mock = new LLMock({ port: 0 });

beforeAll(async () => {
  mock.on(
    { userMessage: "list", hasToolResult: false },
    {
      content: "I look around.",
      reasoning: "Two commands will do.",
      toolCalls: [
        { id: "call_ls", name: "exec", arguments: '{"command":"ls"}' },
        { id: "call_pwd", name: "exec", arguments: '{"command":"pwd"}' },
      ],
      usage: { prompt_tokens: 40, completion_tokens: 9, input_tokens: 40, output_tokens: 9 },
    },
  );
  mock.on({ userMessage: "list", hasToolResult: true }, { content: "There is one folder, src." });
  mock.on({ userMessage: "thanks" }, { content: "You are welcome." });
  await mock.start();
});

afterAll(() => mock.stop());

function model(api: "responses" | "chat"): Model {
  return openaiModel({ ref: { provider: "openai", model: "gpt-5.5" }, apiKey: "key", baseURL: `${mock.url}/v1`, api });
}

function spoken(reply: StepReply): Message {
  return { role: "assistant", model: "openai:gpt-5.5", parts: [...reply.parts] };
}

function results(reply: StepReply): Message[] {
  return reply.parts
    .filter((part) => part.type === "tool_call")
    .map(({ call, name }) => ({ role: "tool", call, name, output: "src" }));
}

const prompt: Message = { role: "user", text: "list the files" };

test.each(["responses", "chat"] as const)("over %s: two calls in one reply, answered, then the answer", async (api) => {
  const first = await model(api).step(request({ messages: [prompt] }));
  expect(first).toMatchObject({
    parts: expect.arrayContaining([
      { type: "text", text: "I look around." },
      { type: "tool_call", call: "call_ls", name: "exec", arguments: '{"command":"ls"}' },
      { type: "tool_call", call: "call_pwd", name: "exec", arguments: '{"command":"pwd"}' },
    ]),
    tokens: { input: 40, output: 9 },
    stop: "tools",
  });
  expect(first.parts[0]).toMatchObject({ type: "reasoning", summary: "Two commands will do." });

  const second = await model(api).step(request({ messages: [prompt, spoken(first), ...results(first)] }));
  expect(second.parts.at(-1)).toEqual({ type: "text", text: "There is one folder, src." });
  expect(second.stop).toBe("end");
});

test.each([
  ["responses", "chat"],
  ["chat", "responses"],
] as const)("CA7: a conversation begun over %s continues over %s", async (before, after) => {
  const first = await model(before).step(request({ messages: [prompt] }));
  const second = await model(after).step(request({ messages: [prompt, spoken(first), ...results(first)] }));
  expect(second).toMatchObject({
    parts: expect.arrayContaining([{ type: "text", text: "There is one folder, src." }]),
  });

  const messages = [
    prompt,
    spoken(first),
    ...results(first),
    spoken(second),
    { role: "user", text: "thanks" } as const,
  ];
  const third = await model(before).step(request({ messages }));
  expect(third.parts.at(-1)).toEqual({ type: "text", text: "You are welcome." });
});

test("CA10: the reasoning that the provider encrypted comes back to it word for word", async () => {
  const first = await model("responses").step(request({ messages: [prompt] }));
  const [reasoning] = first.parts;
  if (reasoning?.type !== "reasoning" || !reasoning.native) throw new Error("the mock sent no encrypted reasoning");

  const sent: unknown[] = [];
  const watched = openaiModel({
    ref: { provider: "openai", model: "gpt-5.5" },
    apiKey: "key",
    baseURL: `${mock.url}/v1`,
    fetch: (url, init) => {
      sent.push(...JSON.parse(String(init?.body)).input);
      return fetch(url, init);
    },
  });
  await watched.step(request({ messages: [prompt, spoken(first), ...results(first)] }));
  expect(sent).toContainEqual({
    type: "reasoning",
    id: reasoning.native.id,
    summary: [{ type: "summary_text", text: "Two commands will do." }],
    encrypted_content: reasoning.native.encrypted,
  });
});
