import { ModelError } from "./model.ts";
import type { Failure } from "./openai-errors.ts";

const MAX_TRIES = 5;
const MAX_WAIT_MS = 120_000;
const FIRST_WAIT_MS = 500;

export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** A failed try that will be repeated in `waitMs`. */
export interface Retry {
  readonly attempt: number;
  readonly waitMs: number;
  readonly reason: string;
}

export interface RetryOptions {
  readonly explain: (thrown: unknown) => Failure;
  readonly signal: AbortSignal;
  readonly sleep: Sleep;
  readonly onRetry: ((retry: Retry) => void) | undefined;
}

/** Repeats `attempt` while its failures may pass, at most 5 times and 2 minutes of waiting. Throws only {@link ModelError}. */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  let waited = 0;
  for (let tries = 1; ; tries++) {
    try {
      options.signal.throwIfAborted();
      return await attempt();
    } catch (thrown) {
      if (options.signal.aborted) throw abortedError();
      const failure = options.explain(thrown);
      const waitMs = Math.max(failure.afterMs ?? 0, backOff(tries));
      waited += waitMs;
      if (!failure.retry || tries === MAX_TRIES || waited > MAX_WAIT_MS) throw toError(failure, tries);
      options.onRetry?.({ attempt: tries, waitMs, reason: failure.message });
      await options.sleep(waitMs, options.signal).catch((reason: unknown) => {
        throw options.signal.aborted ? abortedError() : reason;
      });
    }
  }
}

/** 0.5 s, 1 s, 2 s, 4 s, each shortened by up to half at random so that many sessions do not return at once. */
function backOff(tries: number): number {
  return FIRST_WAIT_MS * 2 ** (tries - 1) * (1 - Math.random() / 2);
}

export function toError(failure: Failure, tries = 1): ModelError {
  const message = tries > 1 ? `${failure.message.replace(/\.+$/, ".")} Tried ${tries} times.` : failure.message;
  return new ModelError(failure.kind, message, failure.remedy);
}

function abortedError(): ModelError {
  return new ModelError("aborted", "The model call was stopped.", "Nothing to do: the session was told to stop.");
}
