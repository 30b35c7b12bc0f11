import { setTimeout as delay } from "node:timers/promises";
import type { ClientOptions, OpenAI } from "openai";
import type { Model, ModelRef, StepReply, StepRequest } from "./model.ts";
import { fromChatStream, toChatRequest } from "./openai-chat.ts";
import { badUrl, explain, hasNoSuchPath, missingKey, refusesEncryptedReasoning } from "./openai-errors.ts";
import { BrokenReply } from "./openai-reply.ts";
import { fromResponsesStream, toResponsesRequest } from "./openai-responses.ts";
import { type Retry, type Sleep, toError, withRetries } from "./openai-retry.ts";

const OPENAI_URL = "https://api.openai.com/v1";
/** A hard problem may keep a model thinking for minutes without an event. */
const IDLE_MS = 300_000;

export interface OpenAIModelOptions {
  readonly ref: ModelRef;
  /** Missing or empty: every step throws `no-key`. */
  readonly apiKey: string | undefined;
  /** Name of the secret or variable that the key comes from, for error messages. */
  readonly keyName?: string;
  readonly baseURL?: string | undefined;
  readonly api?: "responses" | "chat" | undefined;
  /** Longest silence of a reply, before or between its events. */
  readonly idleMs?: number;
  readonly fetch?: ClientOptions["fetch"];
  readonly sleep?: Sleep;
  readonly onRetry?: (retry: Retry) => void;
}

/** What has been learnt about the server, for the rest of this model object. */
interface Dialect {
  api: "responses" | "chat";
  encryptedReasoning: boolean;
}

/** A model behind OpenAI's API, or behind any server that speaks its Responses or Chat Completions API. */
export function openaiModel(options: OpenAIModelOptions): Model {
  const { ref, apiKey, keyName = "OPENAI_API_KEY", sleep = pause, onRetry } = options;
  const baseURL = options.baseURL || OPENAI_URL;
  const dialect: Dialect = { api: options.api ?? "responses", encryptedReasoning: true };
  // Begun now, so that the package loads while the caller prepares the first request.
  const loading = apiKey && URL.canParse(baseURL) ? loadClient(apiKey, baseURL, options.fetch) : null;

  return {
    ref,
    async step(request) {
      if (!apiKey) throw toError(missingKey(keyName, ref));
      if (!loading) throw toError(badUrl(baseURL));
      const { host, hostname } = new URL(baseURL);
      const isOpenAI = hostname === "openai.com" || hostname.endsWith(".openai.com");
      const server: Server = { client: await loading, ref, dialect, isOpenAI, idleMs: options.idleMs ?? IDLE_MS };
      return withRetries(() => negotiate(server, request), {
        explain: (thrown) => explain(thrown, { ref, host, keyName, key: apiKey }),
        signal: request.signal,
        sleep,
        onRetry,
      });
    },
  };
}

async function loadClient(apiKey: string, baseURL: string, fetch: ClientOptions["fetch"]): Promise<OpenAI> {
  const { OpenAI } = await import("openai");
  // What is null here would otherwise be read from the environment, which only the roots may do.
  const ownEnvironment = { organization: null, project: null, adminAPIKey: null, webhookSecret: null };
  return new OpenAI({ apiKey, baseURL, fetch, maxRetries: 0, logLevel: "off", ...ownEnvironment });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal });
}

interface Server {
  readonly client: OpenAI;
  readonly ref: ModelRef;
  readonly dialect: Dialect;
  readonly isOpenAI: boolean;
  readonly idleMs: number;
}

/** One try; asks again at once, more simply, where the server does not know what was asked for. */
async function negotiate(server: Server, request: StepRequest): Promise<StepReply> {
  const { dialect, isOpenAI } = server;
  try {
    return await callOnce(server, request);
  } catch (thrown) {
    if (dialect.api === "chat") throw thrown;
    if (!isOpenAI && hasNoSuchPath(thrown)) dialect.api = "chat";
    else if (dialect.encryptedReasoning && refusesEncryptedReasoning(thrown)) dialect.encryptedReasoning = false;
    else throw thrown;
    return await negotiate(server, request);
  }
}

async function callOnce(server: Server, request: StepRequest): Promise<StepReply> {
  const { client, ref, dialect, isOpenAI, idleMs } = server;
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), idleMs);
  const options = { signal: AbortSignal.any([request.signal, silence.signal]) };
  try {
    if (dialect.api === "chat") {
      const body = toChatRequest(ref, request, isOpenAI);
      return await fromChatStream(watched(await client.chat.completions.create(body, options), timer));
    }
    const body = toResponsesRequest(ref, request, dialect.encryptedReasoning);
    return await fromResponsesStream(watched(await client.responses.create(body, options), timer));
  } catch (thrown) {
    if (silence.signal.aborted) throw new BrokenReply(`sent nothing for ${idleMs / 1000} s`);
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

async function* watched(events: AsyncIterable<unknown>, timer: NodeJS.Timeout): AsyncGenerator<unknown> {
  for await (const event of events) {
    timer.refresh();
    yield event;
  }
}
