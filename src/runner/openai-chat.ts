import type {
  ChatCompletionAssistantMessageParam,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
} from "openai/resources/chat/completions/completions";
import type { ReasoningEffort } from "openai/resources/shared";
import * as v from "valibot";
import type { AssistantPart, Message, Tokens, ToolCall } from "../sessions/message.ts";
import type { ModelRef, StepReply, StepRequest } from "./model.ts";
import { BrokenReply, finishReply } from "./openai-reply.ts";

/**
 * Request body for Chat Completions. Each message maps by itself, so a longer context starts with the same bytes.
 * `cacheKey` is sent to OpenAI only: strict servers refuse fields that they do not know.
 */
export function toChatRequest(
  ref: ModelRef,
  request: StepRequest,
  isOpenAI: boolean,
): ChatCompletionCreateParamsStreaming {
  return {
    model: ref.model,
    // An empty list of tools is refused by OpenAI.
    ...(request.tools.length > 0 ? { tools: request.tools.map(toTool) } : {}),
    messages: [{ role: "system", content: request.instructions }, ...request.messages.flatMap(toMessages)],
    stream: true,
    stream_options: { include_usage: true },
    ...(isOpenAI ? { prompt_cache_key: request.cacheKey, store: false } : {}),
    // Which efforts exist differs by model and server, so the server is the one to judge.
    ...(ref.effort ? { reasoning_effort: ref.effort as ReasoningEffort } : {}),
  };
}

function toTool({ name, description, parameters }: StepRequest["tools"][number]) {
  return { type: "function" as const, function: { name, description, parameters: { ...parameters } } };
}

function toMessages(message: Message): ChatCompletionMessageParam[] {
  switch (message.role) {
    case "user":
      return [{ role: "user", content: message.text }];
    case "tool":
      return [{ role: "tool", tool_call_id: message.call, content: message.output }];
    case "assistant":
      return fromParts(message.parts);
  }
}

function fromParts(parts: readonly AssistantPart[]): ChatCompletionAssistantMessageParam[] {
  const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
  const calls = parts.filter((part) => part.type === "tool_call");
  if (!text && calls.length === 0) return [];
  return [
    {
      role: "assistant",
      content: text || null,
      ...(calls.length > 0 ? { tool_calls: calls.map(fromCall) } : {}),
    },
  ];
}

function fromCall(call: ToolCall) {
  return { id: call.call, type: "function" as const, function: { name: call.name, arguments: call.arguments } };
}

const callDeltaSchema = v.object({
  index: v.nullish(v.number(), 0),
  id: v.nullish(v.string()),
  function: v.nullish(v.object({ name: v.nullish(v.string()), arguments: v.nullish(v.string()) })),
});

const chunkSchema = v.object({
  id: v.nullish(v.string()),
  choices: v.nullish(
    v.array(
      v.object({
        delta: v.nullish(
          v.object({
            content: v.nullish(v.string()),
            refusal: v.nullish(v.string()),
            /** Not OpenAI's: how DeepSeek and vLLM (`reasoning_content`), Ollama and OpenRouter (`reasoning`) show thinking. */
            reasoning_content: v.nullish(v.string()),
            reasoning: v.nullish(v.string()),
            tool_calls: v.nullish(v.array(callDeltaSchema)),
          }),
        ),
        finish_reason: v.nullish(v.string()),
      }),
    ),
    [],
  ),
  usage: v.nullish(
    v.object({
      prompt_tokens: v.number(),
      completion_tokens: v.number(),
      prompt_tokens_details: v.nullish(v.object({ cached_tokens: v.nullish(v.number()) })),
      completion_tokens_details: v.nullish(v.object({ reasoning_tokens: v.nullish(v.number()) })),
    }),
  ),
});

type CallDelta = v.InferOutput<typeof callDeltaSchema>;
type Chunk = v.InferOutput<typeof chunkSchema>;
type Choice = NonNullable<Chunk["choices"]>[number];

interface CallSoFar {
  readonly index: number;
  readonly id: string;
  name: string;
  arguments: string;
}

interface Collected {
  text: string;
  refusal: string;
  reasoning: string;
  readonly calls: CallSoFar[];
  finish: string | null;
  id: string | null;
  usage: Chunk["usage"];
}

/** Collects a streamed completion. Throws {@link BrokenReply} when it is cut, malformed or empty. */
export async function fromChatStream(chunks: AsyncIterable<unknown>): Promise<StepReply> {
  const so: Collected = { text: "", refusal: "", reasoning: "", calls: [], finish: null, id: null, usage: null };
  for await (const raw of chunks) {
    const chunk = v.safeParse(chunkSchema, raw);
    if (!chunk.success) throw new BrokenReply("sent a malformed completion chunk");
    const choice = chunk.output.choices?.[0];
    if (choice) collect(so, choice);
    so.id = chunk.output.id ?? so.id;
    so.usage = chunk.output.usage ?? so.usage;
  }
  if (so.finish === null) throw new BrokenReply("cut the reply off before its end");
  return finishReply({ parts: toParts(so), tokens: toTokens(so.usage), id: so.id, cut: toCut(so) });
}

function collect(so: Collected, { delta, finish_reason }: Choice): void {
  so.text += delta?.content ?? "";
  so.refusal += delta?.refusal ?? "";
  so.reasoning += delta?.reasoning_content ?? delta?.reasoning ?? "";
  for (const call of delta?.tool_calls ?? []) collectCall(so.calls, call);
  so.finish = finish_reason ?? so.finish;
}

function collectCall(calls: CallSoFar[], delta: CallDelta): void {
  let call = calls.findLast(({ index }) => index === delta.index);
  // Some servers number every call 0 and tell them apart by id alone.
  if (!call || (delta.id && delta.id !== call.id)) {
    if (!delta.id) throw new BrokenReply("sent a tool call without an id");
    call = { index: delta.index, id: delta.id, name: "", arguments: "" };
    calls.push(call);
  }
  call.name += delta.function?.name ?? "";
  call.arguments += delta.function?.arguments ?? "";
}

function toCut({ finish, refusal }: Collected): "length" | "refusal" | null {
  if (refusal || finish === "content_filter") return "refusal";
  return finish === "length" ? "length" : null;
}

function toParts(so: Collected): AssistantPart[] {
  const text = so.text + so.refusal;
  return [
    ...(so.reasoning ? [{ type: "reasoning" as const, summary: so.reasoning }] : []),
    ...(text ? [{ type: "text" as const, text }] : []),
    ...so.calls.map(({ id, name, arguments: args }) => ({
      type: "tool_call" as const,
      call: id,
      name,
      arguments: args,
    })),
  ];
}

function toTokens(usage: Chunk["usage"]): Tokens {
  return {
    input: usage?.prompt_tokens ?? 0,
    cached: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    output: usage?.completion_tokens ?? 0,
    reasoning: usage?.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}
