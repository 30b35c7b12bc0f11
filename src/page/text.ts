import { isSealed, openText } from "../sessions/secrets/seal.ts";
import { visible } from "../sessions/visible.ts";
import { count, plural } from "../sessions/words.ts";
import { type Html, html } from "./html.ts";

/** Characters of one text that a page shows, so that a long session still makes a page that opens. */
export interface Limits {
  /** Of what people and the model wrote. */
  readonly words: number;
  /** Of what tools answered, and of what they were given. */
  readonly output: number;
  /** Where all of it is. */
  readonly elsewhere: string;
}

/** Together, what is shown of texts stays in the order of ten million characters. */
const wholePage = 10_000_000;

export function limitsFor(texts: number, elsewhere: string): Limits {
  const share = Math.floor(wholePage / Math.max(1, texts));
  return { words: clamp(share, 2_000, 60_000), output: clamp(share, 500, 16_000), elsewhere };
}

/** Lines that stand open, and of a longer text those that show while it is closed. */
const [mostOpen, preview] = [20, 8];

/** Text as it was written, closed where it is long. `name` says what it is. */
export function block(text: string, name: string, limits: Limits): Html {
  if (isSealed(text)) return sealed(name);
  const shown = visible(cut(clear(text).replace(/^\n+/, "").trimEnd(), limits.output, limits));
  if (shown === "") return html``;
  const lines = shown.split("\n");
  if (lines.length <= mostOpen) return html`<pre>${shown}</pre>`;
  return html`<details><summary>${name}: ${plural(lines.length, "line")}</summary><pre>${shown}</pre></details>
<pre class="last">${lines.slice(-preview).join("\n")}</pre>`;
}

/** Always closed, and inside as `show` makes it. */
export function closed(text: string, name: string, limits: Limits, show: (text: string) => Html = asWritten): Html {
  if (isSealed(text)) return sealed(name);
  const kept = cut(clear(text).trim(), limits.words, limits);
  return html`<details class="closed"><summary>${name}</summary>${show(kept)}</details>`;
}

function asWritten(text: string): Html {
  return html`<pre class="prose">${visible(text)}</pre>`;
}

/** Head and tail of a text that is too long, and between them what is missing. */
export function cut(text: string, most: number, { elsewhere }: Limits): string {
  if (text.length <= most) return text;
  const [head, tail] = [Math.floor(most / 3), Math.ceil((most * 2) / 3)];
  const missing = `[… ${count(text.length - head - tail)} characters are left out here; all of it: ${elsewhere} …]`;
  return `${text.slice(0, head).toWellFormed()}\n${missing}\n${text.slice(-tail).toWellFormed()}`;
}

function sealed(name: string): Html {
  return html`<p class="withheld">${name}: sealed. Whoever has the journal’s key reads it with <code>offshoot session transcript</code>.</p>`;
}

function clear(text: string): string {
  const opened = openText(null, text, { event: "" as never, field: "" });
  return opened.ok ? opened.text : text;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
