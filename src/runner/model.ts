import type { AssistantPart, Message, Tokens } from "../sessions/message.ts";

/** `provider:model[@effort]`, e.g. `openai:gpt-5.5@high`. */
export interface ModelRef {
  readonly provider: string;
  readonly model: string;
  readonly effort?: string;
}

/** A tool as the model sees it: `parameters` is a JSON Schema. */
export interface ToolSpec {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface StepRequest {
  readonly instructions: string;
  /** The whole context, oldest first; requests are stateless. */
  readonly messages: readonly Message[];
  readonly tools: readonly ToolSpec[];
  /** Same key for the same session, so that the provider's prompt cache is hit. */
  readonly cacheKey: string;
  readonly signal: AbortSignal;
}

export interface StepReply {
  readonly parts: readonly AssistantPart[];
  readonly tokens: Tokens;
  /** The provider's own id of the reply, where it gave one. */
  readonly id?: string;
  /** Why the model stopped: `tools` wants its calls answered; `length` ran into the output limit. Only `tools` has calls. */
  readonly stop: "end" | "tools" | "length" | "refusal";
}

/** A language model. `step` must not mutate its request; it throws only {@link ModelError}. */
export interface Model {
  readonly ref: ModelRef;
  step(request: StepRequest): Promise<StepReply>;
}

export type ModelErrorKind =
  | "no-key"
  | "unauthorized"
  | "unknown-model"
  | "rate-limited"
  | "unavailable"
  | "context-overflow"
  | "bad-request"
  | "aborted";

/** A model call that did not give a reply. `message` says what happened and `remedy` what a person can do, both without secrets. */
export class ModelError extends Error {
  readonly kind: ModelErrorKind;
  readonly remedy: string;

  constructor(kind: ModelErrorKind, message: string, remedy: string) {
    super(message);
    this.name = "ModelError";
    this.kind = kind;
    this.remedy = remedy;
  }
}

/** Reads `provider:model[@effort]`; null when the text has another shape. */
export function parseModelRef(text: string): ModelRef | null {
  const match = /^([a-z][a-z0-9-]*):([^\s@]+)(?:@([a-z]+))?$/.exec(text);
  if (!match?.[1] || !match[2]) return null;
  return { provider: match[1], model: match[2], ...(match[3] ? { effort: match[3] } : {}) };
}

export function formatModelRef(ref: ModelRef): string {
  return `${ref.provider}:${ref.model}${ref.effort ? `@${ref.effort}` : ""}`;
}
