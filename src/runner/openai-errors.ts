import * as v from "valibot";
import { formatModelRef, type ModelErrorKind, type ModelRef } from "./model.ts";
import { BrokenReply } from "./openai-reply.ts";

/** Whom a failed call went to, for messages that people can act on. */
export interface Callee {
  readonly ref: ModelRef;
  readonly host: string;
  /** Name of the secret that holds the key. */
  readonly keyName: string;
  /** The key itself, so that it can be cut out of what a server echoes. */
  readonly key: string;
}

/** What went wrong, in words, and whether trying again may help; `afterMs` is how long the server asks to wait. */
export interface Failure {
  readonly kind: ModelErrorKind;
  readonly message: string;
  readonly remedy: string;
  readonly retry: boolean;
  readonly afterMs?: number;
}

const thrownSchema = v.object({
  message: v.optional(v.string(), ""),
  status: v.optional(v.number()),
  code: v.nullish(v.string()),
  type: v.nullish(v.string()),
  param: v.nullish(v.string()),
  headers: v.optional(v.unknown()),
  cause: v.optional(v.unknown()),
});

type Thrown = v.InferOutput<typeof thrownSchema>;

const SET_KEY = "under the repository's Settings → Secrets and variables → Actions (at a terminal: in the environment)";

export function missingKey(keyName: string, ref: ModelRef): Failure {
  return {
    kind: "no-key",
    message: `There is no key for ${formatModelRef(ref)}: the secret ${keyName} is missing or empty.`,
    remedy: `Set the secret ${keyName} ${SET_KEY}. A server that needs no key still wants the secret set, to any value.`,
    retry: false,
  };
}

export function badUrl(baseURL: string): Failure {
  return {
    kind: "bad-request",
    message: `The model server's address "${baseURL.slice(0, 100)}" is not a URL.`,
    remedy: "Correct OPENAI_BASE_URL or the provider's `base_url`, e.g. https://api.openai.com/v1.",
    retry: false,
  };
}

/** The server does not know the Responses API, or not this path. */
export function hasNoSuchPath(thrown: unknown): boolean {
  const { status, code } = read(thrown);
  return (status === 404 || status === 405) && code !== "model_not_found";
}

/** The model does not reason, or what it reasoned was encrypted for another account. */
export function refusesEncryptedReasoning(thrown: unknown): boolean {
  const { status, code, param } = read(thrown);
  return status === 400 && (code === "invalid_encrypted_content" || param?.startsWith("include") === true);
}

/** Explains anything that a call threw. Statuses and codes decide; the server's words are only passed on. */
export function explain(thrown: unknown, callee: Callee): Failure {
  const facts = read(thrown);
  const said = quote(facts.message, callee.key);
  return byCode(facts, callee) ?? byStatus(facts, callee, said) ?? broken(thrown, facts, callee, said);
}

function read(thrown: unknown): Thrown {
  const parsed = v.safeParse(thrownSchema, thrown);
  return parsed.success ? parsed.output : { message: String(thrown) };
}

function byCode(facts: Thrown, callee: Callee): Failure | null {
  const model = formatModelRef(callee.ref);
  if (isOverflow(facts)) {
    return {
      kind: "context-overflow",
      message: `The conversation no longer fits into the context of ${model}.`,
      remedy: "Start a new session, or choose a model with a larger context.",
      retry: false,
    };
  }
  if (facts.status === 402 || facts.code === "insufficient_quota" || facts.type === "insufficient_quota") {
    return {
      kind: "rate-limited",
      message: `The account behind ${callee.keyName} at ${callee.host} has no quota left.`,
      remedy: `Add credit or raise the limit at ${callee.host}, or set another key as the secret ${callee.keyName}; then ask again.`,
      retry: false,
    };
  }
  if (facts.code === "model_not_found" || facts.status === 404) {
    return {
      kind: "unknown-model",
      message: `${callee.host} does not offer the model "${callee.ref.model}" to this key.`,
      remedy: `Check the model's name (${model}), that the key may use it, and that the server's address is right.`,
      retry: false,
    };
  }
  return null;
}

/** OpenAI names overflow by code; vLLM, llama.cpp and others only in words. */
function isOverflow({ status, code, message }: Thrown): boolean {
  if (code === "context_length_exceeded" || code === "exceed_context_size_error") return true;
  return (status === 400 || status === 413) && /context (length|size|window)/i.test(message);
}

function byStatus(facts: Thrown, callee: Callee, said: string): Failure | null {
  const { status, code, headers } = facts;
  const { host, keyName } = callee;
  const afterMs = headers instanceof Headers ? retryAfter(headers) : undefined;
  const wait = { retry: true, ...(afterMs === undefined ? {} : { afterMs }) };
  if (status === 401 || status === 403) {
    return {
      kind: "unauthorized",
      message: `${host} refused the key in ${keyName} (HTTP ${status}).`,
      remedy: `Put a valid key that may use "${callee.ref.model}" into the secret ${keyName} ${SET_KEY}.`,
      retry: false,
    };
  }
  if (status === 429 || code === "rate_limit_exceeded") {
    const asks = afterMs === undefined ? "" : ` and asks to wait ${Math.ceil(afterMs / 1000)} s`;
    const remedy = `Wait a little and ask again, or raise the rate limit at ${host}.`;
    return { kind: "rate-limited", message: `${host} limits the rate of requests${asks}.`, remedy, ...wait };
  }
  if (status !== undefined && (status >= 500 || status === 408 || status === 409)) {
    const remedy = `Try again later; if it lasts, look at the status page of ${host}.`;
    return { kind: "unavailable", message: `${host} failed (HTTP ${status}${said}).`, remedy, ...wait };
  }
  if (status !== undefined || code === "invalid_prompt") {
    const remedy = "Check the model's name, its reasoning effort and the provider's settings.";
    return {
      kind: "bad-request",
      message: `${host} refused the request (HTTP ${status ?? 200}${said}).`,
      remedy,
      retry: false,
    };
  }
  return null;
}

function broken(thrown: unknown, facts: Thrown, { host }: Callee, said: string): Failure {
  const remedy = `Try again later; check that ${host} is the right address, up, and reachable from where the session runs.`;
  const code = causeCode(thrown);
  if (thrown instanceof BrokenReply && !facts.code) {
    return { kind: "unavailable", message: `${host} ${thrown.message}.`, remedy, retry: true };
  }
  if (facts.code && !code) {
    return {
      kind: "unavailable",
      message: `${host} failed while it answered (${facts.code}${said}).`,
      remedy,
      retry: true,
    };
  }
  const why = code ? connectionTrouble(code) : "the connection broke";
  return { kind: "unavailable", message: `No reply from ${host}: ${why}.`, remedy, retry: true };
}

function connectionTrouble(code: string): string {
  switch (code) {
    case "ECONNREFUSED":
      return "the connection was refused (ECONNREFUSED)";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `its name could not be looked up (${code})`;
    default:
      return `the connection broke (${code})`;
  }
}

/** System error codes sit on a cause, one or more levels down. */
function causeCode(thrown: unknown): string | undefined {
  const { cause } = read(thrown);
  if (typeof cause !== "object" || cause === null) return undefined;
  return read(cause).code ?? causeCode(cause);
}

function retryAfter(headers: Headers): number | undefined {
  const ms = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (ms >= 0) return ms;
  const text = headers.get("retry-after") ?? "";
  const seconds = Number.parseFloat(text);
  if (seconds >= 0) return seconds * 1000;
  const until = Date.parse(text) - Date.now();
  return Number.isNaN(until) ? undefined : Math.max(0, until);
}

function quote(message: string, key: string): string {
  const clean = message.replaceAll(key, "[key]").replace(/\s+/g, " ").trim().slice(0, 300);
  return clean ? `: ${clean}` : "";
}
