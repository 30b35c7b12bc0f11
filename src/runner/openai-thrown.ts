import * as v from "valibot";

/** What is known about anything that a call to the server threw. */
export interface Thrown {
  /** HTTP status; missing when the trouble came in the stream, or before there was an answer. */
  readonly status: number | undefined;
  /** The server's own words for it. */
  readonly code: string | undefined;
  readonly type: string | undefined;
  readonly param: string | undefined;
  readonly message: string;
  /** Code of the system error that broke the connection, e.g. ECONNREFUSED. */
  readonly systemCode: string | undefined;
  /** How long the server asks to wait. */
  readonly afterMs: number | undefined;
  /** What was received could not be parsed. */
  readonly garbled: boolean;
}

// Some servers use numbers where OpenAI uses strings; what has another shape counts as missing.
const text = v.fallback(v.optional(v.string()), undefined);

const errorSchema = v.object({
  message: text,
  status: v.fallback(v.optional(v.number()), undefined),
  code: text,
  type: text,
  param: text,
  headers: v.optional(v.unknown()),
  cause: v.optional(v.unknown()),
});

export function readThrown(thrown: unknown): Thrown {
  const parsed = v.safeParse(errorSchema, thrown);
  if (!parsed.success) return readThrown({ message: String(thrown) });
  const { status, code, type, param, message = "", headers, cause } = parsed.output;
  return {
    status,
    code,
    type,
    param,
    // The package puts the status in front.
    message: status === undefined ? message : message.replace(`${status} `, ""),
    systemCode: systemCode(cause),
    afterMs: headers instanceof Headers ? retryAfter(headers) : undefined,
    garbled: thrown instanceof SyntaxError,
  };
}

/** System error codes sit on a cause, one or more levels down. */
function systemCode(cause: unknown): string | undefined {
  const parsed = v.safeParse(errorSchema, cause);
  return parsed.success ? (parsed.output.code ?? systemCode(parsed.output.cause)) : undefined;
}

function retryAfter(headers: Headers): number | undefined {
  const ms = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (ms >= 0) return ms;
  const value = headers.get("retry-after") ?? "";
  const seconds = Number.parseFloat(value);
  if (seconds >= 0) return seconds * 1000;
  const until = Date.parse(value) - Date.now();
  return Number.isNaN(until) ? undefined : Math.max(0, until);
}
