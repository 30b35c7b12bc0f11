import { base64, type Encoding, escaped, hex, plain, shortest } from "./encodings.ts";
import { type RedactedStream, redactedStream, type Secrets } from "./redacted-stream.ts";
import { type Likely, likelySecrets, openKey } from "./secret-patterns.ts";
import { type Finder, finder } from "./sequences.ts";

/** What stands where a secret stood. */
export const MARK = "[redacted]";

/** Takes secrets out of text. Redacting twice changes nothing more. */
export interface Redactor {
  /** A whole text; what was cut off in the middle of a secret may keep the half that is there. */
  readonly text: (text: string) => string;
  /** A plain JSON value with every string in it redacted, names of properties too. */
  readonly json: <T>(value: T) => T;
  /** For text that comes in pieces. */
  readonly stream: () => RedactedStream;
}

export interface Options {
  /**
   * Secrets that are known: the model's key, tokens, variables that the configuration names. Those under 8 characters
   * are left out. Whatever else is here goes wherever it stands, so leave out what is no secret: `/usr/bin`, `production`.
   */
  readonly known: readonly string[];
}

/**
 * A redactor of known values, in the encodings that tools write them in, and of whatever has the form of a well-known
 * kind of secret. It does not see what is only said in other words: a value in pieces, reversed, or encoded twice.
 */
export function redactor({ known }: Options): Redactor {
  const values = [...new Set(known.flatMap(parts))];
  const encodings = values.length > 0 ? [plain, escaped, base64, hex] : [];
  const lanes = encodings.map((encoding) => laneOf(encoding, values));
  const find = (text: string) => secretsIn(text, lanes);
  const text = (whole: string) => redact(whole, find);
  return {
    text,
    json: (value) => redactJson(value, text),
    stream: () => redactedStream({ find, redact: text, longest: Math.max(0, ...values.map(({ length }) => length)) }),
  };
}

/** A value, and each longer line of one with several: a part of a key file is as secret as the whole. */
function parts(value: string): string[] {
  const lines = value.split(/\r?\n|\\n/).filter((line) => line.trim().length >= 16 && !line.startsWith("-----"));
  return [value.trim(), ...lines.map((line) => line.trim())].filter((part) => part.length >= shortest);
}

interface Lane {
  readonly encoding: Encoding;
  readonly find: Finder;
}

function laneOf(encoding: Encoding, values: readonly string[]): Lane {
  return { encoding, find: finder(values.flatMap(encoding.sequences)) };
}

function secretsIn(text: string, lanes: readonly Lane[]): Secrets {
  const spans = likelySecrets(text);
  let open = openKey(text);
  for (const { encoding, find } of lanes) {
    if (encoding === escaped && !/[\\%]/.test(text)) continue;
    const found = find((take) => encoding.read(text, take));
    for (const { start, end } of found.spans) spans.push({ context: start, start, end });
    open = Math.min(open, found.open);
  }
  return { spans, open };
}

/** What was redacted before is no part of a secret, whatever it looks like. */
const BLANK = "\0".repeat(MARK.length);

/** Again until nothing changes: what stood beside a secret may look like one only now. */
function redact(text: string, find: (text: string) => Secrets): string {
  let before = text;
  for (;;) {
    const after = replace(before, find(before.replaceAll(MARK, BLANK)).spans);
    if (after === before) return after;
    before = after;
  }
}

function replace(text: string, spans: readonly Likely[]): string {
  let out = "";
  let done = 0;
  for (const { start, end } of spans.toSorted((one, other) => one.start - other.start)) {
    if (end <= done) continue;
    if (start > done || out === "") out += text.slice(done, start) + MARK;
    done = end;
  }
  return out + text.slice(done);
}

function redactJson<T>(value: T, text: (text: string) => string): T;
function redactJson(value: unknown, text: (text: string) => string): unknown {
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return value.map((item) => redactJson(item, text));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [text(name), redactJson(item, text)]));
}
