import type { Likely } from "./secret-patterns.ts";

/** Redacts text that comes in pieces. What is put out, joined, is what redacting the whole text gives. */
export interface RedactedStream {
  /** Gives what is certain by now: whole lines, without those in which a secret may go on. */
  readonly push: (text: string) => string;
  /** Gives the rest. */
  readonly end: () => string;
}

export interface Secrets {
  readonly spans: readonly Likely[];
  /** Where something begins that the end of the text may have cut off; `Infinity` where nothing does. */
  readonly open: number;
}

export interface Source {
  readonly find: (text: string) => Secrets;
  readonly redact: (text: string) => string;
  /** Length of the longest known value. */
  readonly longest: number;
}

export function redactedStream({ find, redact, longest }: Source): RedactedStream {
  /** What is held back of a line without end, more than anything known can take. */
  const window = Math.max(64 * 1024, 8 * longest);
  let held = "";
  let inToken = false;

  const take = (cut: number): string => {
    const out = redact(held.slice(0, cut));
    held = held.slice(cut);
    return out;
  };

  const takePartOfLine = (): string => {
    const { spans } = find(held);
    const cut = before(held.length - window, spans, (at) => at);
    if (cut > 0) return take(isLowSurrogate(held, cut) ? cut - 1 : cut);
    // One token has filled the window: all that it goes on with is dropped.
    const end = endOfFirst(spans);
    inToken = end === held.length;
    return take(end);
  };

  return {
    push: (text) => {
      held += text;
      if (inToken) held = held.replace(/^[\w.~+/=%-]+/, "");
      inToken &&= held === "";
      let out = "";
      if (text.includes("\n")) out += take(certainLines(held, find));
      if (held.length >= 2 * window) out += takePartOfLine();
      return out;
    },
    end: () => take(held.length),
  };
}

function certainLines(held: string, find: Source["find"]): number {
  const lines = held.slice(0, held.lastIndexOf("\n") + 1);
  const startOfLine = (at: number) => (at > 0 ? held.lastIndexOf("\n", at - 1) + 1 : 0);
  const { spans, open } = find(lines);
  return before(startOfLine(Math.min(open, lines.length)), spans, startOfLine);
}

/** The last place up to `cut` that is in no span; `start` says where the cut goes that would be in one. */
function before(cut: number, spans: readonly Likely[], start: (context: number) => number): number {
  let at = cut;
  for (const { context, end } of spans.toSorted((one, other) => other.context - one.context)) {
    if (context < at && at < end) at = start(context);
  }
  return at;
}

/** Where the span that begins the text ends, with all that overlap it. */
function endOfFirst(spans: readonly Likely[]): number {
  let end = 1;
  for (const span of spans.toSorted((one, other) => one.context - other.context)) {
    if (span.context < end) end = Math.max(end, span.end);
  }
  return end;
}

function isLowSurrogate(text: string, at: number): boolean {
  return text.charCodeAt(at) >> 10 === 0xdc00 >> 10;
}
