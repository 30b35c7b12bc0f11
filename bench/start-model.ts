import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";

/** A request to the model. */
export interface Asked {
  /** When it was whole, in milliseconds since 1970. */
  readonly at: number;
  readonly bytes: number;
}

/** A model behind the Responses API that replies at once. */
export interface InstantModel {
  /** What `OPENAI_BASE_URL` takes. */
  readonly url: string;
  /** Begins a turn of so many calls of a command, and then an answer; gives the list that its requests will be in. */
  turn(calls: number): readonly Asked[];
  close(): Promise<void>;
}

export async function startModel(): Promise<InstantModel> {
  let [asked, calls]: [Asked[], number] = [[], 0];
  const server = createServer(async (request, response) => {
    const { length } = await buffer(request);
    asked.push({ at: performance.timeOrigin + performance.now(), bytes: length });
    const done = asked.length - 1;
    reply(response, done < calls ? callOf(done) : answer);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The model is not listening on a port.");
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    turn(wanted) {
      [asked, calls] = [[], wanted];
      return asked;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const answer = {
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text: "Ran all the commands" }],
};

function callOf(number: number): object {
  const input = JSON.stringify({ command: `echo ${number}` });
  return { type: "function_call", call_id: `call_${number}`, name: "exec", arguments: input };
}

function reply(response: ServerResponse, item: object): void {
  const usage = { input_tokens: 2_000, output_tokens: 20 };
  const events = [
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: { id: "resp_1", status: "completed", output: [item], usage } },
  ];
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
}
