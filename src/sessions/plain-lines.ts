/**
 * Finds the lines of a comment that its reader sees as the writer's own words: outside of code blocks, quotes, HTML
 * comments and folded or quoting HTML. Where renderers of Markdown may differ, no later line counts: a command that was
 * missed can be repeated, but one that nobody meant has run.
 */

export interface Line {
  /** Offset in the text. */
  readonly start: number;
  readonly line: string;
}

type Region =
  | { readonly in: "text" }
  | { readonly in: "fence"; readonly mark: string; readonly indent: number; readonly outer: Region }
  | { readonly in: "comment"; readonly outer: Region }
  | { readonly in: "element"; readonly name: string; readonly outer: Region }
  /** Nothing more is certain. */
  | { readonly in: "doubt" };

const TEXT: Region = { in: "text" };
const DOUBT: Region = { in: "doubt" };

interface State {
  region: Region;
  /** In a block quote, or after a lone backtick: up to the next empty line, lines belong to what began before. */
  bound: boolean;
  /** In a block of raw HTML, which goes on to the next empty line. */
  html: boolean;
  /** After an empty line or indented code: what is indented now is code. */
  fresh: boolean;
}

/** Yields the plain lines of `text`, whose lines end in `\n`. Takes time linear in its length. */
export function* plainLines(text: string): Generator<Line> {
  const state: State = { region: TEXT, bound: false, html: false, fresh: true };
  for (let start = 0; start <= text.length; ) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end === -1 ? text.length : end);
    if (readLine(state, line)) yield { start, line };
    start += line.length + 1;
  }
}

const STARTS_WITH_TAG = /^<\/?[a-z][a-z0-9-]*(?=[\s/>]|$)/i;
const STARTS_WITH_DECLARATION = /^<(?:[?]|!(?!--))/;

/** Moves the state past a line; true when the line is plain. */
function readLine(state: State, line: string): boolean {
  if (state.region.in === "doubt") return false;
  if (state.region.in === "fence") {
    state.region = insideFence(state.region, line);
    return false;
  }
  if (line.trim() === "") {
    readEmpty(state);
    return false;
  }
  const shape = measure(line);
  if (shape.fence) {
    openFence(state, shape);
    return false;
  }
  if (shape.rest.startsWith(">")) {
    state.bound = true;
    if (!state.html && !isRaw(state.region)) return false;
  }
  return readText(state, line, shape);
}

function readEmpty(state: State): void {
  state.bound = false;
  state.html = false;
  state.fresh = true;
}

interface Shape {
  /** Columns before the content: white space and list markers. */
  readonly indent: number;
  readonly listed: boolean;
  readonly rest: string;
  /** The run of ``` or ~~~ that opens a fence here. */
  readonly fence: string | undefined;
}

function measure(line: string): Shape {
  const prefix = /^(?:[ \t]|(?:[-*+]|\d{1,9}[.)])(?=[ \t]))*/.exec(line)?.[0] ?? "";
  const indent = prefix.replaceAll("\t", "    ").length;
  const listed = prefix.trim() !== "";
  const rest = line.slice(prefix.length);
  const run = /^(?:(`{3,})[^`]*|(~{3,}).*)$/.exec(rest);
  return { indent, listed, rest, fence: run?.[1] ?? run?.[2] };
}

function openFence(state: State, { fence = "", indent }: Shape): void {
  const { region } = state;
  if (region.in === "comment") return;
  const certain = !state.html && !isRaw(region);
  state.region = certain ? { in: "fence", mark: fence, indent, outer: region } : DOUBT;
  state.bound = false;
}

/** The region after a line inside a fence. */
function insideFence(fence: Region & { in: "fence" }, line: string): Region {
  const trimmed = line.trim();
  if (trimmed === "") return fence;
  const { indent, listed } = measure(line);
  // Does an indented fence stand in a list item, which such a line would end, or is it indented code?
  if (indent < fence.indent) return DOUBT;
  const isMark = !listed && trimmed.startsWith(fence.mark) && trimmed.replaceAll(fence.mark.charAt(0), "") === "";
  return isMark && indent < Math.max(4, fence.indent + 1) ? fence.outer : fence;
}

function readText(state: State, line: string, { indent, listed, rest }: Shape): boolean {
  const { region } = state;
  const raw = state.html || isRaw(region);
  const code = state.fresh && indent > 3 && !listed && !raw;
  state.html ||= !code && STARTS_WITH_TAG.test(rest);
  const outsideSpans = withoutCodeSpans(line);
  const asHtml = readHtml(region, line);
  const asText = readHtml(region, outsideSpans);
  const opensComment = /^ {0,3}<!--/.test(line) && !state.html;
  const after = raw || state.html || opensComment ? asHtml : asText;
  const doubtful =
    STARTS_WITH_DECLARATION.test(rest) ||
    // Indented code, or the content of a list item?
    (code && after !== region) ||
    // Raw HTML, or a paragraph that begins with a tag?
    ((state.html || opensComment) && !same(asHtml, asText)) ||
    // A comment, or plain text that a paragraph's end leaves open?
    (after.in === "comment" && region.in !== "comment" && !opensComment);
  const plain = region.in === "text" && !state.bound;
  state.region = doubtful ? DOUBT : after;
  state.fresh = code;
  state.bound ||= outsideSpans.includes("`");
  return plain;
}

/** Regions in which Markdown, its fences included, is not read. */
function isRaw(region: Region): boolean {
  return region.in === "comment" || (region.in === "element" && /^(?:pre|script|style|textarea)$/.test(region.name));
}

const MARKUP = /<!--(-?>)?|-->|<(\/?)(blockquote|code|details|pre|script|style|textarea)(?=[\s/>]|$)/gi;

/** The region after the comments and the hiding or quoting elements that begin and end in a line. */
function readHtml(region: Region, line: string): Region {
  let now = region;
  for (const { 0: token, 1: complete, 2: slash, 3: name } of line.matchAll(MARKUP)) {
    if (token === "-->") now = now.in === "comment" ? now.outer : now;
    else if (now.in === "comment" || complete) continue;
    else if (name === undefined) now = { in: "comment", outer: now };
    else if (slash) now = closeTag(now, name.toLowerCase());
    else now = { in: "element", name: name.toLowerCase(), outer: now };
  }
  return now;
}

/** An element that crosses others stays open: what it hides can only grow. */
function closeTag(region: Region, name: string): Region {
  return region.in === "element" && region.name === name ? region.outer : region;
}

function same(one: Region, other: Region): boolean {
  let [a, b] = [one, other];
  while (a !== b) {
    if (a.in === "comment" && b.in === "comment") [a, b] = [a.outer, b.outer];
    else if (a.in === "element" && b.in === "element" && a.name === b.name) [a, b] = [a.outer, b.outer];
    else return false;
  }
  return true;
}

/** Takes out what stands between two runs of backticks of the same length. */
function withoutCodeSpans(line: string): string {
  if (!line.includes("`") || line.includes("\\`")) return line;
  const parts = line.split(/(`+)/);
  const lastRun = new Map(parts.map((part, at) => [part, at]));
  let out = "";
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] ?? "";
    const isRun = at % 2 === 1;
    if (isRun && (lastRun.get(part) ?? 0) > at) at = parts.indexOf(part, at + 1);
    else out += part;
  }
  return out;
}
