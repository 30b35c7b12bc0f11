import { plusUsd } from "../sessions/budget.ts";
import type { Fact, TurnUsage } from "../sessions/journal.ts";
import type { Message, Tokens } from "../sessions/message.ts";
import { inContext, messageOf } from "./context.ts";

/** Characters of what every request carries beside the conversation. */
export interface Overhead {
  readonly system: number;
  readonly tools: number;
}

const none: TurnUsage = { input: 0, cached: 0, output: 0, reasoning: 0, system: 0, tools: 0, history: 0, prompt: 0 };

/**
 * What a turn took: tokens as the provider counted them, and the input split by the length of what it was made of. A
 * later step's request carries the turn's own earlier steps, which count as history.
 */
export function turnUsage(events: readonly Fact[], turn: number, overhead: Overhead): TurnUsage {
  let usage = none;
  let history = 0;
  let prompt = 0;
  for (const event of inContext(events)) {
    if (isStepOf(event, turn)) usage = plus(usage, event.tokens, { ...overhead, history, prompt });
    const length = messageOf(event).reduce((sum, message) => sum + lengthOf(message), 0);
    if (isPromptOf(event, turn)) prompt += length;
    else history += length;
  }
  return usage;
}

/** What the replies of a turn cost, in US dollars; null where it is not known of all of them. */
export function turnCost(events: readonly Fact[], turn: number): number | null {
  const costs = events.filter((event) => isStepOf(event, turn)).map(({ cost_usd }) => cost_usd);
  if (costs.length === 0) return null;
  return costs.reduce<number | null>(
    (sum, cost) => (sum === null || cost === undefined ? null : plusUsd(sum, cost)),
    0,
  );
}

/** What the last request of the conversation took; null after a compaction, and before the first. */
export function lastRequest(events: readonly Fact[]): Tokens | null {
  const last = inContext(events).findLast((event) => event.type === "message.added" && event.tokens !== undefined);
  return last?.type === "message.added" ? (last.tokens ?? null) : null;
}

function isStepOf(
  event: Fact,
  turn: number,
): event is Extract<Fact, { type: "message.added" }> & { readonly tokens: Tokens } {
  return event.type === "message.added" && event.turn === turn && event.tokens !== undefined;
}

function isPromptOf(event: Fact, turn: number): boolean {
  return event.type === "message.added" && event.turn === turn && event.message.role === "user";
}

type Parts = Overhead & { readonly history: number; readonly prompt: number };

function plus(usage: TurnUsage, tokens: Tokens, parts: Parts): TurnUsage {
  const whole = parts.system + parts.tools + parts.history + parts.prompt;
  const share = (part: number) => Math.round((tokens.input * part) / whole);
  const [system, tools, prompt] = [share(parts.system), share(parts.tools), share(parts.prompt)];
  return {
    input: usage.input + tokens.input,
    cached: usage.cached + tokens.cached,
    output: usage.output + tokens.output,
    reasoning: usage.reasoning + tokens.reasoning,
    system: usage.system + system,
    tools: usage.tools + tools,
    prompt: usage.prompt + prompt,
    // The rest, so that the parts are the whole.
    history: usage.history + Math.max(0, tokens.input - system - tools - prompt),
  };
}

/** Characters that a message brings into a request. */
export function lengthOf(message: Message): number {
  switch (message.role) {
    case "user":
      return message.text.length;
    case "tool":
      return message.output.length;
    case "assistant":
      return message.parts.reduce((sum, part) => {
        if (part.type === "text") return sum + part.text.length;
        if (part.type === "tool_call") return sum + part.name.length + part.arguments.length;
        return sum + part.summary.length;
      }, 0);
  }
}
