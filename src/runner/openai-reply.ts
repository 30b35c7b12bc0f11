import type { AssistantPart, Tokens } from "../sessions/message.ts";
import type { StepReply } from "./model.ts";

/** A stream that gave no usable reply; `code` is the provider's own, where it sent one. */
export class BrokenReply extends Error {
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.name = "BrokenReply";
    this.code = code;
  }
}

export interface Draft {
  readonly parts: readonly AssistantPart[];
  readonly tokens: Tokens;
  /** The provider's own id of the reply. */
  readonly id?: string | null | undefined;
  /** The provider cut the reply short for this reason, or it declined. */
  readonly cut: "length" | "refusal" | null;
}

/** Turns what a stream held into a reply. Calls of a reply that was cut short may be incomplete: they are dropped. */
export function finishReply({ parts, tokens, cut, id }: Draft): StepReply {
  const told = { tokens, ...(id ? { id } : {}) };
  if (cut) return { parts: parts.filter((part) => part.type !== "tool_call"), ...told, stop: cut };
  if (parts.some((part) => part.type === "tool_call")) return { parts, ...told, stop: "tools" };
  if (parts.some((part) => part.type === "text")) return { parts, ...told, stop: "end" };
  throw new BrokenReply("sent an empty reply");
}
