import type { UnderlyingSource } from "node:stream/web";
import { expect, onTestFinished, test, vi } from "vitest";
import { ModelError } from "../../src/runner/model.ts";
import { type OpenAIModelOptions, openaiModel } from "../../src/runner/openai.ts";
import {
  type Answer,
  chunks,
  completed,
  events,
  raw,
  refuse,
  request,
  says,
  serve,
  textItem,
} from "./openai-server.ts";

const KEY = "sk-test-0123456789";

/** A model at `baseURL` that does not wait between tries but notes for how long it would have. */
function impatient(baseURL: string, options: Partial<OpenAIModelOptions> = {}) {
  const waits: number[] = [];
  const model = openaiModel({
    ref: { provider: "openai", model: "gpt-5.5" },
    apiKey: KEY,
    baseURL,
    sleep: async (ms) => {
      waits.push(ms);
    },
    ...options,
  });
  return { model, waits };
}

async function failure(step: Promise<unknown>): Promise<ModelError> {
  const outcome = await step.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
  if (!(outcome instanceof ModelError)) throw new Error(`expected a ModelError, got ${outcome}`);
  expect(`${outcome.message} ${outcome.remedy}`).not.toContain(KEY);
  return outcome;
}

const text = (words: string) => ({ parts: [{ type: "text", text: words }], stop: "end" });

test("the server gets the key, and the request that was meant for it", async () => {
  await using server = await serve(says("Hello"));
  const { model } = impatient(server.baseURL);
  expect(await model.step(request())).toMatchObject({ ...text("Hello"), tokens: { input: 3, output: 2 } });
  expect(server.received).toMatchObject([
    { path: "/v1/responses", key: `Bearer ${KEY}`, body: { model: "gpt-5.5", store: false, stream: true } },
  ]);
});

test.each([undefined, ""])(
  "a missing key (%j) is told by the secret's name before anything is sent",
  async (apiKey) => {
    await using server = await serve(says("Hello"));
    const error = await failure(impatient(server.baseURL, { apiKey }).model.step(request()));
    expect(error.kind).toBe("no-key");
    expect(`${error.message} ${error.remedy}`).toMatchInlineSnapshot(
      `"There is no key for openai:gpt-5.5: the secret OPENAI_API_KEY is missing or empty. Set the secret OPENAI_API_KEY under the repository's Settings → Secrets and variables → Actions (at a terminal: in the environment). A server that needs no key still wants the secret set, to any value."`,
    );
    expect(server.received).toEqual([]);
  },
);

test("an address that is no URL is told", async () => {
  const error = await failure(impatient("localhost at 8080").model.step(request()));
  expect(error).toMatchObject({ kind: "bad-request", message: expect.stringContaining('"localhost at 8080"') });
});

test.each([
  ["a wrong key", 401, { code: "invalid_api_key", message: `Incorrect API key provided: ${KEY}` }, "unauthorized"],
  ["a key without rights", 403, { message: "Country not supported" }, "unauthorized"],
  ["an unknown model", 404, { code: "model_not_found", message: "no gpt-5.5" }, "unknown-model"],
  ["a model that the key may not use", 403, { code: "model_not_found", message: "no access" }, "unknown-model"],
  ["a full context", 400, { code: "context_length_exceeded", message: "too long" }, "context-overflow"],
  ["a full context at another server", 400, { message: "maximum context length is 8192" }, "context-overflow"],
  ["an empty account", 429, { code: "insufficient_quota", message: "You exceeded your quota" }, "rate-limited"],
  ["a full context in numbers", 400, { code: 400, message: "the context length is 8192" }, "context-overflow"],
  ["an unpaid account", 402, { message: "Insufficient credits" }, "rate-limited"],
  ["a refused request", 400, { param: "reasoning.effort", message: `bad effort\n for ${KEY}` }, "bad-request"],
] as const)("%s is not tried again", async (_, status, error, kind) => {
  await using server = await serve(refuse(status, error));
  const { model, waits } = impatient(server.baseURL);
  const thrown = await failure(model.step(request()));
  expect(thrown.kind).toBe(kind);
  expect({
    message: thrown.message.replace(server.host, "HOST"),
    remedy: thrown.remedy.replaceAll(server.host, "HOST"),
  }).toMatchSnapshot();
  expect(waits).toEqual([]);
  expect(server.received).toHaveLength(1);
});

const cutOff: Answer = (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`data: ${JSON.stringify(textItem("Hal"))}\n\n`, () => response.destroy());
};

const passing: [string, Answer][] = [
  ["an overloaded server", refuse(503, { message: "overloaded" })],
  ["a crash with a number for code", refuse(502, { code: 502, type: 7, message: "oops" })],
  ["a crash", refuse(500, { message: "oops" })],
  ["a rate limit", refuse(429, { code: "rate_limit_exceeded", message: "slow down" })],
  ["a dropped connection", (response) => response.destroy()],
  ["a stream cut by the network", cutOff],
  ["a stream that ends early", events(textItem("Hal"))],
  ["an empty reply", events({ type: "response.completed", response: {} })],
  ["garbage for JSON", raw("text/event-stream", "data: {oops\n\n")],
  ["a web page", raw("text/html", "<h1>Captive portal</h1>")],
  ["a failure in the stream", events({ type: "error", code: "server_error", message: "oops" })],
  [
    "a failed response",
    events({ type: "response.failed", response: { error: { code: "rate_limit_exceeded", message: "slow" } } }),
  ],
];

test.each(passing)("%s passes: the step is tried again and succeeds", async (_, fault) => {
  await using server = await serve(fault, fault, says("Here I am"));
  const { model, waits } = impatient(server.baseURL);
  expect(await model.step(request())).toMatchObject(text("Here I am"));
  expect(waits).toHaveLength(2);
  expect(server.received[2]?.body).toEqual(server.received[0]?.body);
});

test.each(passing)("%s that lasts ends in one clear error after five tries", async (_, fault) => {
  await using server = await serve(fault);
  const thrown = await failure(impatient(server.baseURL).model.step(request()));
  expect({ kind: thrown.kind, message: thrown.message.replace(server.host, "HOST") }).toMatchSnapshot();
  expect(thrown.message).toContain(server.host);
  expect(server.received).toHaveLength(5);
});

test("the waits double, with jitter, and each is announced", async () => {
  await using server = await serve(refuse(500, { message: "oops" }));
  const announced: unknown[] = [];
  const { model, waits } = impatient(server.baseURL, { onRetry: (retry) => announced.push(retry) });
  await failure(model.step(request()));
  expect(waits).toHaveLength(4);
  for (const [at, ms] of waits.entries()) {
    expect(ms).toBeGreaterThan(250 * 2 ** at - 1);
    expect(ms).toBeLessThanOrEqual(500 * 2 ** at);
  }
  expect(announced).toMatchObject(
    waits.map((waitMs, at) => ({ attempt: at + 1, waitMs, reason: expect.stringContaining("HTTP 500") })),
  );
});

test.each([
  [{ "retry-after": "7" }, 7_000],
  [{ "retry-after": "7", "retry-after-ms": "2500" }, 2_500],
] as const)("a server that asks to wait (%j) is heard", async (headers, ms) => {
  await using server = await serve(refuse(429, { message: "slow down" }, headers), says("Thanks"));
  const { model, waits } = impatient(server.baseURL);
  await model.step(request());
  expect(waits).toEqual([ms]);
});

test("a date to wait for is heard, too", async () => {
  const inAMinute = new Date(Date.now() + 60_000).toUTCString();
  await using server = await serve(refuse(503, { message: "later" }, { "retry-after": inAMinute }), says("Thanks"));
  const { model, waits } = impatient(server.baseURL);
  await model.step(request());
  expect(waits[0]).toBeGreaterThan(30_000);
  expect(waits[0]).toBeLessThanOrEqual(60_000);
});

test("a server that asks for more patience than a turn has is told at once", async () => {
  await using server = await serve(refuse(429, { message: "come back later" }, { "retry-after": "3600" }));
  const { model, waits } = impatient(server.baseURL);
  const thrown = await failure(model.step(request()));
  expect(thrown).toMatchObject({ kind: "rate-limited", message: expect.stringContaining("asks to wait 3600 s") });
  expect(waits).toEqual([]);
});

test("nobody at the address: the host is named", async () => {
  const server = await serve(says("Hello"));
  await server[Symbol.asyncDispose]();
  const thrown = await failure(impatient(server.baseURL).model.step(request()));
  expect(thrown.kind).toBe("unavailable");
  expect(thrown.message).toContain(`${server.host} cannot be reached: the connection was refused`);
});

test("a name that does not exist: the host is named", async () => {
  const thrown = await failure(impatient("http://models.invalid/v1").model.step(request()));
  expect(thrown).toMatchObject({
    kind: "unavailable",
    message: expect.stringContaining("models.invalid cannot be reached: its name"),
  });
});

test.each([
  ["before its reply", ((response) => void response.writeHead(200).flushHeaders()) satisfies Answer],
  [
    "in mid-reply",
    ((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: ${JSON.stringify(textItem("Hal"))}\n\n`);
    }) satisfies Answer,
  ],
])("a server that falls silent %s does not hang the step", async (_, silent) => {
  await using server = await serve(silent);
  const thrown = await failure(impatient(server.baseURL, { idleMs: 20 }).model.step(request()));
  expect(thrown).toMatchObject({ kind: "unavailable", message: expect.stringContaining("sent nothing for 0.02 s") });
  expect(server.received).toHaveLength(5);
});

test("a reply may take as long as it likes while it goes on", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  async function* slowly() {
    for (const event of [{ type: "response.created" }, textItem("Done"), completed()]) {
      await vi.advanceTimersByTimeAsync(200_000);
      yield new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`);
    }
  }
  const { model, waits } = impatient("https://models.example/v1", {
    fetch: async () => new Response(new ReadableStream(pulledFrom(slowly()), { highWaterMark: 0 })),
  });
  expect(await model.step(request())).toMatchObject(text("Done"));
  expect(waits).toEqual([]);
});

/** Hands out each chunk only when the reader has dealt with the one before. */
function pulledFrom(chunks: AsyncGenerator<Uint8Array>): UnderlyingSource<Uint8Array> {
  return {
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  };
}

test("an abort while the model thinks ends the step at once", async () => {
  const stop = new AbortController();
  await using server = await serve((response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`data: ${JSON.stringify(textItem("Hal"))}\n\n`, () => stop.abort());
  });
  const { model, waits } = impatient(server.baseURL);
  expect((await failure(model.step(request({ signal: stop.signal })))).kind).toBe("aborted");
  expect(waits).toEqual([]);
});

test("an abort between two tries ends the step at once", async () => {
  const stop = new AbortController();
  await using server = await serve(refuse(500, { message: "oops" }));
  const real = openaiModel({
    ref: { provider: "openai", model: "gpt-5.5" },
    apiKey: KEY,
    baseURL: server.baseURL,
    onRetry: () => stop.abort(),
  });
  expect((await failure(real.step(request({ signal: stop.signal })))).kind).toBe("aborted");
  expect(server.received).toHaveLength(1);
});

test("an abort before the step sends nothing", async () => {
  await using server = await serve(says("Hello"));
  const { model } = impatient(server.baseURL);
  expect((await failure(model.step(request({ signal: AbortSignal.abort() })))).kind).toBe("aborted");
  expect(server.received).toEqual([]);
});

const chatSays = (words: string) =>
  chunks({ choices: [{ index: 0, delta: { content: words }, finish_reason: "stop" }] });

test.each([404, 405])(
  "a server that answers %i to /responses is spoken to in Chat Completions from then on",
  async (status) => {
    await using server = await serve(refuse(status, { message: "Not Found" }), chatSays("One"), chatSays("Two"));
    const { model, waits } = impatient(server.baseURL);
    expect(await model.step(request())).toMatchObject(text("One"));
    expect(await model.step(request())).toMatchObject(text("Two"));
    expect(server.received.map(({ path }) => path)).toEqual([
      "/v1/responses",
      "/v1/chat/completions",
      "/v1/chat/completions",
    ]);
    expect(waits).toEqual([]);
  },
);

test("OpenAI's own 404 is an answer about the model, not about the API", async () => {
  const paths: string[] = [];
  const { model } = impatient("https://api.openai.com/v1", {
    fetch: async (url) => {
      paths.push(new URL(String(url)).pathname);
      return Response.json({ error: { message: "The model does not exist" } }, { status: 404 });
    },
  });
  expect((await failure(model.step(request()))).kind).toBe("unknown-model");
  expect(paths).toEqual(["/v1/responses"]);
});

test("a model that has no reasoning to encrypt is asked without it from then on", async () => {
  const notSupported = refuse(400, {
    param: "include",
    message: "Encrypted content is not supported with this model.",
  });
  await using server = await serve(notSupported, says("One"), says("Two"));
  const { model, waits } = impatient(server.baseURL);
  expect(await model.step(request())).toMatchObject(text("One"));
  expect(await model.step(request())).toMatchObject(text("Two"));
  expect(server.received.map(({ body }) => "include" in body)).toEqual([true, false, false]);
  expect(waits).toEqual([]);
});

test("CA10: reasoning that another account encrypted is dropped, and the session goes on", async () => {
  const otherAccount = refuse(400, { code: "invalid_encrypted_content", message: "could not be verified" });
  await using server = await serve(otherAccount, says("Going on"));
  const { model } = impatient(server.baseURL);
  const messages = [
    {
      role: "assistant" as const,
      model: "openai:gpt-5.5",
      parts: [
        { type: "reasoning" as const, summary: "", native: { id: "rs_1", encrypted: "YQ==" } },
        { type: "text" as const, text: "Done." },
      ],
    },
    { role: "user" as const, text: "And now?" },
  ];
  expect(await model.step(request({ messages }))).toMatchObject(text("Going on"));
  expect(server.received.map(({ body }) => JSON.stringify(body.input).includes("YQ=="))).toEqual([true, false]);
});
