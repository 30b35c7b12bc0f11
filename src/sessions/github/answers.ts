import * as v from "valibot";
import { StoreError } from "../store.ts";

const answered = v.object({ status: v.number(), message: v.string() });

/** How GitHub says that a rate limit is reached, where it does not say 429. */
const limited = v.object({
  status: v.literal(403),
  response: v.object({
    headers: v.union([v.object({ "retry-after": v.string() }), v.object({ "x-ratelimit-remaining": v.literal("0") })]),
  }),
});

/** The status of a failed request, 0: no answer. 403 is left for what is forbidden for good: a rate limit is always 429. */
export function statusOf(error: unknown): number {
  if (v.is(limited, error)) return 429;
  return v.is(answered, error) ? error.status : 0;
}

/** What GraphQL answers with status 200 when it could not do all that it was asked. */
const complaint = v.object({
  errors: v.array(
    v.object({
      type: v.optional(v.string()),
      message: v.string(),
      extensions: v.optional(v.object({ code: v.optional(v.string()) })),
    }),
  ),
});

const passing = /^RATE_LIMIT/;
const overloaded = /something went wrong|timed? ?out/i;

/** What the failure of a request to GitHub means to whoever uses a store; what is no such failure is thrown on. */
export function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (v.is(complaint, error)) {
    const passes = error.errors.some(({ type, message }) => (type ? passing.test(type) : overloaded.test(message)));
    const words = error.errors.map(({ message }) => message).join(" ");
    return passes ? unreachable(words) : new StoreError("refused", `GitHub refused a request: ${words}`);
  }
  if (!v.is(answered, error)) throw error;
  const status = statusOf(error);
  const words = `${error.message} (${status})`;
  return status === 429 || status >= 500 ? unreachable(words) : new StoreError("refused", `GitHub refused: ${words}`);
}

function unreachable(words: string): StoreError {
  return new StoreError("unreachable", `GitHub gave no answer: ${words}`);
}

/** Whether a mutation failed because this server does not have it, or not for such a token. */
export function isNotOffered(error: unknown): boolean {
  if (!v.is(complaint, error)) return false;
  return error.errors.some(({ type, extensions }) => type === "FORBIDDEN" || extensions?.code === "undefinedField");
}

/** Makes a request. Throws {@link StoreError} where it fails or its answer, cut off perhaps, is not what was asked for. */
export async function ask<S extends v.GenericSchema>(
  schema: S,
  request: () => Promise<unknown>,
): Promise<v.InferOutput<S>> {
  const answer = await request().catch((error: unknown) => Promise.reject(asStoreError(error)));
  const parsed = v.safeParse(schema, answer);
  if (!parsed.success) throw unreachable(`what came is not what was asked for (${parsed.issues[0].message})`);
  return parsed.output;
}
