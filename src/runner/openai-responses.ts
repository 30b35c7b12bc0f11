import type {
  EasyInputMessage,
  FunctionTool,
  ResponseCreateParamsStreaming,
  ResponseInputItem,
} from "openai/resources/responses/responses";
import type { ReasoningEffort } from "openai/resources/shared";
import * as v from "valibot";
import type { AssistantPart, Message, Tokens } from "../sessions/message.ts";
import type { ModelRef, StepReply, StepRequest } from "./model.ts";
import { BrokenReply, type Draft, finishReply } from "./openai-reply.ts";

/** Request body for the Responses API. Each message maps by itself, so a longer context starts with the same bytes. */
export function toResponsesRequest(
  ref: ModelRef,
  request: StepRequest,
  encryptedReasoning: boolean,
): ResponseCreateParamsStreaming {
  const self = encryptedReasoning ? `${ref.provider}:${ref.model}` : null;
  return {
    model: ref.model,
    instructions: request.instructions,
    tools: request.tools.map(
      (tool): FunctionTool => ({
        type: "function",
        name: tool.name,
        description: tool.description,
        parameters: { ...tool.parameters },
        strict: false,
      }),
    ),
    input: request.messages.flatMap((message) => toInput(message, self)),
    store: false,
    stream: true,
    prompt_cache_key: request.cacheKey,
    ...(encryptedReasoning ? { include: ["reasoning.encrypted_content"] } : {}),
    // Which efforts exist differs by model and server, so the server is the one to judge.
    ...(ref.effort ? { reasoning: { effort: ref.effort as ReasoningEffort } } : {}),
  };
}

/** `self` is the model whose own reasoning may be replayed. */
function toInput(message: Message, self: string | null): ResponseInputItem[] {
  switch (message.role) {
    case "user":
      return [{ type: "message", role: "user", content: message.text }];
    case "tool":
      return [{ type: "function_call_output", call_id: message.call, output: message.output }];
    case "assistant":
      return message.parts.flatMap((part, at) => {
        // The API refuses a reasoning item that nothing follows.
        const followed = message.parts.slice(at + 1).some((later) => later.type !== "reasoning");
        return fromPart(part, message.model === self && followed);
      });
  }
}

function fromPart(part: AssistantPart, nativeReasoning: boolean): ResponseInputItem[] {
  switch (part.type) {
    case "text":
      return [{ type: "message", role: "assistant", content: part.text } satisfies EasyInputMessage];
    case "tool_call":
      return [{ type: "function_call", call_id: part.call, name: part.name, arguments: part.arguments }];
    case "reasoning":
      if (!nativeReasoning || !part.native) return [];
      return [
        {
          type: "reasoning",
          id: part.native.id,
          summary: part.summary ? [{ type: "summary_text", text: part.summary }] : [],
          encrypted_content: part.native.encrypted,
        },
      ];
  }
}

const itemSchemas = {
  message: v.object({
    type: v.literal("message"),
    content: v.array(
      v.variant("type", [
        v.object({ type: v.literal("output_text"), text: v.string() }),
        v.object({ type: v.literal("refusal"), refusal: v.string() }),
      ]),
    ),
  }),
  reasoning: v.object({
    type: v.literal("reasoning"),
    id: v.string(),
    summary: v.array(v.object({ text: v.string() })),
    encrypted_content: v.nullish(v.string()),
  }),
  function_call: v.object({
    type: v.literal("function_call"),
    call_id: v.string(),
    name: v.string(),
    arguments: v.string(),
  }),
};

const doneItemSchema = v.object({ item: v.unknown() });

const endSchema = v.object({
  response: v.object({
    id: v.nullish(v.string()),
    incomplete_details: v.nullish(v.object({ reason: v.nullish(v.string()) })),
    error: v.nullish(v.object({ code: v.nullish(v.string()), message: v.nullish(v.string()) })),
    usage: v.nullish(
      v.object({
        input_tokens: v.number(),
        output_tokens: v.number(),
        input_tokens_details: v.nullish(v.object({ cached_tokens: v.nullish(v.number()) })),
        output_tokens_details: v.nullish(v.object({ reasoning_tokens: v.nullish(v.number()) })),
      }),
    ),
  }),
});

type Item = v.InferOutput<(typeof itemSchemas)[keyof typeof itemSchemas]>;
type Response = v.InferOutput<typeof endSchema>["response"];

/** Collects a streamed response. Throws {@link BrokenReply} when it is cut, malformed, failed or empty. */
export async function fromResponsesStream(events: AsyncIterable<unknown>): Promise<StepReply> {
  const items: Item[] = [];
  for await (const event of events) {
    // Deltas, and event types that are added later, carry nothing that the finished items lack.
    switch (typeOf(event)) {
      case "response.output_item.done":
        items.push(...parseItem(parse(doneItemSchema, event).item));
        break;
      case "response.completed":
      case "response.incomplete":
        return finishReply(toDraft(items, parse(endSchema, event).response));
      case "response.failed": {
        const { error } = parse(endSchema, event).response;
        throw new BrokenReply(error?.message ?? "failed while it answered", error?.code ?? undefined);
      }
    }
  }
  throw new BrokenReply("cut the reply off before its end");
}

function typeOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
}

function parseItem(item: unknown): Item[] {
  switch (typeOf(item)) {
    case "message":
      return [parse(itemSchemas.message, item)];
    case "reasoning":
      return [parse(itemSchemas.reasoning, item)];
    case "function_call":
      return [parse(itemSchemas.function_call, item)];
    default:
      return [];
  }
}

function parse<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) throw new BrokenReply("sent a malformed event");
  return parsed.output;
}

function toDraft(items: readonly Item[], response: Response): Draft {
  const refused = items.some((item) => item.type === "message" && item.content.some((c) => c.type === "refusal"));
  const reason = response.incomplete_details?.reason;
  const cut = refused || reason === "content_filter" ? "refusal" : reason ? "length" : null;
  return { parts: items.flatMap(toParts), tokens: toTokens(response), id: response.id, cut };
}

function toParts(item: Item): AssistantPart[] {
  switch (item.type) {
    case "message":
      return item.content
        .map((content) => (content.type === "refusal" ? content.refusal : content.text))
        .filter((text) => text !== "")
        .map((text) => ({ type: "text", text }));
    case "function_call":
      return [{ type: "tool_call", call: item.call_id, name: item.name, arguments: item.arguments }];
    case "reasoning": {
      const native = item.encrypted_content ? { id: item.id, encrypted: item.encrypted_content } : undefined;
      const summary = item.summary.map((part) => part.text).join("\n\n");
      return native || summary ? [{ type: "reasoning", summary, ...(native ? { native } : {}) }] : [];
    }
  }
}

function toTokens({ usage }: Response): Tokens {
  return {
    input: usage?.input_tokens ?? 0,
    cached: usage?.input_tokens_details?.cached_tokens ?? 0,
    output: usage?.output_tokens ?? 0,
    reasoning: usage?.output_tokens_details?.reasoning_tokens ?? 0,
  };
}
