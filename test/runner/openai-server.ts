import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { StepRequest } from "../../src/runner/model.ts";

export interface Received {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: Record<string, unknown>;
}

export type Answer = (response: ServerResponse) => void;

export interface FaultyServer extends AsyncDisposable {
  readonly baseURL: string;
  readonly host: string;
  readonly received: Received[];
}

/** A model server that gives these answers in turn, the last one again and again. */
export async function serve(...answers: Answer[]): Promise<FaultyServer> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push({ path: request.url ?? "", key: request.headers.authorization, body: JSON.parse(body) });
    answers[Math.min(received.length, answers.length) - 1]?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    baseURL: `http://${host}/v1`,
    host,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function refuse(status: number, error: object, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ error }));
  };
}

export function raw(contentType: string, body: string): Answer {
  return (response) => {
    response.writeHead(200, { "content-type": contentType });
    response.end(body);
  };
}

/** Server-sent events as the Responses API frames them. */
export function events(...list: { type: string; [key: string]: unknown }[]): Answer {
  return raw(
    "text/event-stream",
    list.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""),
  );
}

/** Server-sent chunks as Chat Completions frames them. */
export function chunks(...list: object[]): Answer {
  return raw(
    "text/event-stream",
    [...list.map((c) => JSON.stringify(c)), "[DONE]"].map((d) => `data: ${d}\n\n`).join(""),
  );
}

export function item(value: object) {
  return { type: "response.output_item.done", item: value };
}

export function textItem(text: string) {
  return item({ type: "message", role: "assistant", content: [{ type: "output_text", text }] });
}

export function completed(usage: object = { input_tokens: 3, output_tokens: 2 }) {
  return { type: "response.completed", response: { usage } };
}

export const says = (text: string): Answer => events(textItem(text), completed());

export function request(change: Partial<StepRequest> = {}): StepRequest {
  return {
    instructions: "You fix bugs.",
    messages: [{ role: "user", text: "Fix the parser" }],
    tools: [{ name: "exec", description: "Runs a command", parameters: { type: "object", properties: {} } }],
    cacheKey: "01JSESSION",
    signal: new AbortController().signal,
    ...change,
  };
}
