import * as v from "valibot";

const text = v.strictObject({ type: v.literal("text"), text: v.string() });

const reasoning = v.strictObject({
  type: v.literal("reasoning"),
  summary: v.string(),
  /** The provider's own item, replayed word for word to the same provider and model, dropped for any other. */
  native: v.optional(v.strictObject({ id: v.string(), encrypted: v.string() })),
});

const toolCall = v.strictObject({
  type: v.literal("tool_call"),
  call: v.string(),
  name: v.string(),
  /** JSON as the model wrote it; it may be malformed, and then the tool answers so. */
  arguments: v.string(),
});

export const assistantPartSchema = v.variant("type", [text, reasoning, toolCall]);

/** One entry of a conversation, independent of the provider that wrote or will read it. */
export const messageSchema = v.variant("role", [
  v.strictObject({ role: v.literal("user"), text: v.string() }),
  v.strictObject({
    role: v.literal("assistant"),
    /** `provider:model` that wrote it. */
    model: v.string(),
    parts: v.array(assistantPartSchema),
  }),
  v.strictObject({ role: v.literal("tool"), call: v.string(), name: v.string(), output: v.string() }),
]);

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const tokensSchema = v.strictObject({ input: count, cached: count, output: count, reasoning: count });

export type AssistantPart = v.InferOutput<typeof assistantPartSchema>;
export type ToolCall = v.InferOutput<typeof toolCall>;
export type Message = v.InferOutput<typeof messageSchema>;

/** Token counts as the provider reports them; `cached` is part of `input`, `reasoning` part of `output`. */
export type Tokens = v.InferOutput<typeof tokensSchema>;
