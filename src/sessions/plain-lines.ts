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
  | { readonly in: "comment"; readonly block: boolean; readonly outer: Region }
  | { readonly in: "element"; readonly name: string; readonly depth: number }
  /** Nothing more is certain. */
  | { readonly in: "doubt" };

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
  const state: State = { region: { in: "text" }, bound: false, html: false, fresh: true };
  for (let start = 0; start <= text.length; ) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end === -1 ? text.length : end);
    if (readLine(state, line)) yield { start, line };
    start += line.length + 1;
  }
}

/** Moves the state past a line; true when the line is plain. */
function readLine(state: State, line: string): boolean {
  if (state.region.in === "doubt") return false;
  if (state.region.in === "fence") {
    state.region = insideFence(state.region, line);
    return false;
  }
  if (line.trim() === "") {
    Object.assign(state, { bound: false, html: false, fresh: true });
    return false;
  }
  const shape = measure(line);
  if (shape.fence) {
    openFence(state, shape);
    return false;
  }
  if (shape.rest.startsWith(">")) {
    state.bound = true;
    if (!state.html) return false;
  }
  return readText(state, line, shape);
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
  // Four columns make it indented code, or put it into a list item, which ends before any line of ours begins.
  return { indent, listed, rest, fence: listed || indent < 4 ? (run?.[1] ?? run?.[2]) : undefined };
}

function openFence(state: State, { fence = "", indent }: Shape): void {
  const { region } = state;
  if (region.in === "comment" && region.block) return;
  const certain = !state.html && !isRaw(region);
  state.region = certain ? { in: "fence", mark: fence, indent, outer: region } : { in: "doubt" };
  state.bound = false;
}

/** The region after a line inside a fence. */
function insideFence(fence: Region & { in: "fence" }, line: string): Region {
  const trimmed = line.trim();
  if (trimmed === "") return fence;
  const { indent, listed } = measure(line);
  // Does an indented fence stand in a list item, which such a line would end? That takes the whole grammar to tell.
  if (indent < fence.indent) return { in: "doubt" };
  const isMark = !listed && trimmed.startsWith(fence.mark) && trimmed.replaceAll(fence.mark.charAt(0), "") === "";
  return isMark && indent < Math.max(4, fence.indent + 1) ? fence.outer : fence;
}

function readText(state: State, line: string, { indent, listed, rest }: Shape): boolean {
  const { region } = state;
  const raw = state.html || isRaw(region);
  if (indent > 3 && !listed && state.fresh && !raw) return false;
  state.fresh = false;
  if (/^<(?:[?]|!(?!--))/.test(rest)) {
    state.region = { in: "doubt" };
    return false;
  }
  const plain = region.in === "text" && !state.bound;
  const outsideSpans = withoutCodeSpans(line);
  state.region = readHtml(state, raw ? line : outsideSpans);
  state.html ||= /^<\/?[a-z][a-z0-9-]*(?=[\s/>]|$)/i.test(rest);
  state.bound ||= region.in === "text" && outsideSpans.includes("`");
  return plain;
}

/** Regions in which Markdown, its fences included, is not read. */
function isRaw(region: Region): boolean {
  return region.in === "comment" || (region.in === "element" && /^(?:pre|script|style|textarea)$/.test(region.name));
}

const MARKUP = /<!--(-?>)?|-->|<(\/?)(blockquote|code|details|pre|script|style|textarea)(?=[\s/>]|$)/gi;

/** The region after the comments and the hiding or quoting elements that begin and end in a line. */
function readHtml({ region, html }: State, line: string): Region {
  let now = region;
  for (const { 0: token, 1: complete, 2: slash, 3: name, index } of line.matchAll(MARKUP)) {
    if (token === "-->") now = now.in === "comment" ? now.outer : now;
    else if (now.in === "comment" || complete) continue;
    else if (name === undefined) now = { in: "comment", block: isBlock(now, html, line.slice(0, index)), outer: now };
    else now = readTag(now, name.toLowerCase(), slash === "/" ? -1 : 1);
  }
  return now;
}

function isBlock(region: Region, html: boolean, before: string): boolean {
  return region.in === "text" && !html && /^ {0,3}$/.test(before);
}

function readTag(region: Region, name: string, step: 1 | -1): Region {
  if (region.in === "text") return step === 1 ? { in: "element", name, depth: 1 } : region;
  if (region.in !== "element" || region.name !== name) return region;
  const depth = region.depth + step;
  return depth === 0 ? { in: "text" } : { ...region, depth };
}

/** Blanks what stands between two runs of backticks of the same length. */
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
