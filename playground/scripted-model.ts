import { setTimeout as delay } from "node:timers/promises";
import { type ChatCompletionRequest, type ChatMessage, getTextContent, LLMock } from "@copilotkit/aimock";
import * as v from "valibot";

/** One thing in a conversation that the model said or did, or a person said, oldest first. */
export type Deed =
  | { readonly kind: "prompt"; readonly text: string }
  | { readonly kind: "answer"; readonly text: string }
  | { readonly kind: "call"; readonly name: string; readonly input: ToolInput; readonly output: string | null };

export type ToolInput = Readonly<Record<string, unknown>>;

/** What the model does next: one tool call, or an answer that ends the turn, or a provider's error. */
export type Move =
  | { readonly kind: "call"; readonly name: string; readonly input: ToolInput }
  | { readonly kind: "answer"; readonly text: string }
  | { readonly kind: "error"; readonly status: number; readonly message: string };

/**
 * Decides the next move from the conversation alone, so that a request sent again gets the same reply, from whichever
 * machine it comes.
 */
export type Script = (deeds: readonly Deed[], offer: Offer) => Move | Promise<Move>;

/** What a request lets the model do beside answering. */
export interface Offer {
  readonly tools: boolean;
}

/** A move in a list of moves. A held one waits at its gate before the reply is sent. */
export interface Step {
  readonly move: Move;
  readonly gate?: Gate;
}

/** Put in front of every word that the scripted model says. */
export const LABEL = "(scripted model, not an AI)";

export const exec = (command: string): Step => call("exec", { command });
export const read = (path: string): Step => call("read", { path });
export const write = (path: string, content: string): Step => call("write", { path, content });
export const edit = (path: string, old: string, replacement: string): Step =>
  call("edit", { path, old, new: replacement });
export const call = (name: string, input: ToolInput): Step => ({ move: { kind: "call", name, input } });
export const say = (text: string): Step => ({ move: { kind: "answer", text: `${LABEL} ${text}` } });
export const fail = (status: number, message: string): Step => ({ move: { kind: "error", status, message } });

export type Gate = ReturnType<typeof gate>;

/** A place where the model waits until the test lets it go on; `reached` settles when a request waits there. */
export function gate() {
  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return {
    reached: reached.promise,
    arrive: reached.resolve,
    released: released.promise,
    release: released.resolve,
  };
}

export const hold = (at: Gate, step: Step): Step => ({ ...step, gate: at });

/**
 * Plays `steps` in order over a whole conversation, several turns if there are several answers. A step is over when the
 * conversation shows it: an interrupted call is made again. After the last step it says that nothing is left.
 */
export function script(...steps: readonly Step[]): Script {
  return async (deeds) => {
    const step = nextStep(steps, deeds) ?? say("My script ends here.");
    step.gate?.arrive();
    await step.gate?.released;
    return step.move;
  };
}

/** The first of `steps` that `deeds` do not show as finished. */
export function nextStep(steps: readonly Step[], deeds: readonly Deed[]): Step | undefined {
  let from = 0;
  return steps.find(({ move }) => {
    const at = deeds.findIndex((deed, index) => index >= from && shows(deed, move));
    if (at >= 0) from = at + 1;
    return at < 0;
  });
}

function shows(deed: Deed, move: Move): boolean {
  if (deed.kind === "answer") return move.kind === "answer" && deed.text === move.text;
  if (deed.kind !== "call" || move.kind !== "call" || deed.name !== move.name) return false;
  return isFinished(deed) && Object.entries(move.input).every(([key, value]) => deed.input[key] === value);
}

/** False for a call that has no result: still open, or cut off with its runner. */
export function isFinished(deed: Deed): boolean {
  return deed.kind === "call" && deed.output !== null && !/^\W*(error\W+)?interrupted\b/i.test(deed.output);
}

export interface ScriptedModel {
  /** What `OPENAI_BASE_URL` takes. */
  readonly url: string;
  /** Bodies of the requests so far, oldest first. */
  requests(): readonly unknown[];
  close(): Promise<void>;
}

export interface ScriptedModelOptions {
  readonly script: Script;
  /** How long each reply takes, so that a person can watch. */
  readonly delayMs?: number;
}

/** An OpenAI-compatible server on loopback (Responses and Chat Completions) that replies what `script` says. */
export async function startScriptedModel({ script, delayMs }: ScriptedModelOptions): Promise<ScriptedModel> {
  const server = new LLMock({ host: "127.0.0.1", port: 0, logLevel: "silent", latency: 0 });
  const closing = Promise.withResolvers<Move>();
  server.on({}, async ({ messages, tools = [] }: ChatCompletionRequest) => {
    if (delayMs) await delay(delayMs);
    const move = script(readDeeds(messages), { tools: tools.length > 0 });
    return toResponse(await Promise.race([move, closing.promise]), messages);
  });
  await server.start();
  return {
    url: `${server.url}/v1`,
    requests: () => server.getRequests().map((entry) => entry.body),
    close: () => {
      closing.resolve({ kind: "error", status: 503, message: "The scripted model is closing." });
      return server.stop();
    },
  };
}

function toResponse(move: Move, messages: readonly ChatMessage[]) {
  const usage = { prompt_tokens: estimateTokens(messages), completion_tokens: estimateTokens(move) };
  switch (move.kind) {
    case "call":
      return { toolCalls: [{ name: move.name, arguments: JSON.stringify(move.input) }], usage };
    case "answer":
      return { content: move.text, usage };
    case "error":
      return { error: { message: move.message }, status: move.status };
  }
}

/** A script has no tokens: this is what text of that length would come to, at four characters a token. */
function estimateTokens(value: unknown): number {
  return Math.ceil(JSON.stringify(value).length / 4);
}

/** The conversation in a request; system messages say how to work, not what was said, and are left out. */
function readDeeds(messages: readonly ChatMessage[]): Deed[] {
  const outputs = new Map(messages.map((message) => [message.tool_call_id, textOf(message)]));
  return messages.flatMap((message, index): Deed[] => {
    if (message.role === "user") return [{ kind: "prompt", text: textOf(message) }];
    if (message.role !== "assistant") return [];
    if (message.tool_calls) {
      return message.tool_calls.map(({ id, function: { name, arguments: json } }) => {
        const input = v.parse(v.record(v.string(), v.unknown()), JSON.parse(json));
        return { kind: "call", name, input, output: outputs.get(id) ?? null };
      });
    }
    const next = messages[index + 1];
    const endsTurn = next === undefined || next.role === "user";
    return endsTurn ? [{ kind: "answer", text: textOf(message) }] : [];
  });
}

function textOf({ content }: ChatMessage): string {
  return getTextContent(content) ?? "";
}
