import { formatModelRef, type ModelErrorKind, type ModelRef } from "./model.ts";
import { BrokenReply } from "./openai-reply.ts";
import { readThrown, type Thrown } from "./openai-thrown.ts";

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
  readonly afterMs?: number | undefined;
}

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
  const { status, code } = readThrown(thrown);
  return (status === 404 || status === 405) && code !== "model_not_found";
}

/** The model does not reason, or what it reasoned was encrypted for another account. */
export function refusesEncryptedReasoning(thrown: unknown): boolean {
  const { status, code, param } = readThrown(thrown);
  return status === 400 && (code === "invalid_encrypted_content" || param?.startsWith("include") === true);
}

/** Explains anything that a call threw. Statuses and codes decide; the server's words are passed on. */
export function explain(thrown: unknown, callee: Callee): Failure {
  if (thrown instanceof BrokenReply && !thrown.code) return unavailable(callee, thrown.message);
  const facts = readThrown(thrown);
  for (const rule of rules) {
    const failure = rule(facts, callee);
    if (failure) return failure;
  }
  return connectionBroke(facts, callee);
}

type Rule = (facts: Thrown, callee: Callee) => Failure | null;

/** The first that applies explains; codes come before statuses, because they are more exact. */
const rules: readonly Rule[] = [overflow, noQuota, unknownModel, badKey, rateLimited, serverFailed, refused, garbled];

function overflow(facts: Thrown, { ref }: Callee): Failure | null {
  const { status, code } = facts;
  const named = code === "context_length_exceeded" || code === "exceed_context_size_error";
  // vLLM and others have no code for it, only words.
  const said = (status === 400 || status === 413) && /context (length|size|window)/i.test(facts.message);
  if (!named && !said) return null;
  return {
    kind: "context-overflow",
    message: `The conversation no longer fits into the context of ${formatModelRef(ref)}.`,
    remedy: "Start a new session, or choose a model with a larger context.",
    retry: false,
  };
}

function noQuota({ status, code, type }: Thrown, { host, keyName }: Callee): Failure | null {
  if (status !== 402 && code !== "insufficient_quota" && type !== "insufficient_quota") return null;
  return {
    kind: "rate-limited",
    message: `The account behind ${keyName} at ${host} has no quota left.`,
    remedy: `Add credit or raise the limit at ${host}, or set another key as the secret ${keyName}; then ask again.`,
    retry: false,
  };
}

function unknownModel({ status, code }: Thrown, { host, ref }: Callee): Failure | null {
  if (code !== "model_not_found" && status !== 404) return null;
  return {
    kind: "unknown-model",
    message: `${host} does not offer the model "${ref.model}" to this key.`,
    remedy: `Check the model's name (${formatModelRef(ref)}), that the key may use it, and that the server's address is right.`,
    retry: false,
  };
}

function badKey(facts: Thrown, callee: Callee): Failure | null {
  const { status } = facts;
  if (status !== 401 && status !== 403) return null;
  // What comes with 401 may repeat parts of the key.
  const said = status === 403 ? quote(facts, callee) : "";
  return {
    kind: "unauthorized",
    message: `${callee.host} refused the key in ${callee.keyName} (HTTP ${status}${said}).`,
    remedy: `Put a valid key that may use "${callee.ref.model}" into the secret ${callee.keyName} ${SET_KEY}.`,
    retry: false,
  };
}

function rateLimited({ status, code, afterMs }: Thrown, { host }: Callee): Failure | null {
  if (status !== 429 && code !== "rate_limit_exceeded") return null;
  const asks = afterMs === undefined ? "" : ` and asks to wait ${Math.ceil(afterMs / 1000)} s`;
  return {
    kind: "rate-limited",
    message: `${host} limits the rate of requests${asks}.`,
    remedy: `Wait a little and ask again, or raise the rate limit at ${host}.`,
    retry: true,
    afterMs,
  };
}

function serverFailed(facts: Thrown, callee: Callee): Failure | null {
  const { status, code, systemCode, afterMs } = facts;
  const passing = status !== undefined && (status >= 500 || status === 408 || status === 409);
  const inStream = status === undefined && code !== undefined && code !== "invalid_prompt" && !systemCode;
  if (!passing && !inStream) return null;
  return { ...unavailable(callee, `failed (${passing ? `HTTP ${status}` : code}${quote(facts, callee)})`), afterMs };
}

function refused(facts: Thrown, callee: Callee): Failure | null {
  const what = facts.status === undefined ? facts.code : `HTTP ${facts.status}`;
  if (what === undefined || facts.systemCode) return null;
  return {
    kind: "bad-request",
    message: `${callee.host} refused the request (${what}${quote(facts, callee)}).`,
    remedy: "Check the model's name, its reasoning effort and the provider's settings.",
    retry: false,
  };
}

function garbled(facts: Thrown, callee: Callee): Failure | null {
  return facts.garbled ? unavailable(callee, "sent what is not JSON") : null;
}

function connectionBroke(facts: Thrown, callee: Callee): Failure {
  switch (facts.systemCode) {
    case "ECONNREFUSED":
      return unavailable(callee, "cannot be reached: the connection was refused (ECONNREFUSED)");
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return unavailable(callee, `cannot be reached: its name could not be looked up (${facts.systemCode})`);
    case undefined:
      return unavailable(callee, `gave no reply${quote(facts, callee)}`);
    default:
      return unavailable(callee, `gave no reply: the connection broke (${facts.systemCode})`);
  }
}

function unavailable({ host }: Callee, what: string): Failure {
  return {
    kind: "unavailable",
    message: `${host} ${what}.`,
    remedy: `Try again later; check that ${host} is the right address, up, and reachable from where the session runs.`,
    retry: true,
  };
}

function quote({ message }: Thrown, { key }: Callee): string {
  const words = message.replaceAll(key, "[key]").replace(/\s+/g, " ").trim().slice(0, 300);
  return words ? `: ${words}` : "";
}
