import { plainLines } from "./plain-lines.ts";

/** What a comment asks of us. `text` is the person's own words, with `\n` for line ends. */
export type Command =
  | { readonly kind: "prompt"; readonly text: string }
  | { readonly kind: "help" }
  /** Makes a session the thread's active one; `prefix` is the beginning of its id, or all of it. */
  | { readonly kind: "resume"; readonly prefix: string };

const WORD = "/agent";

/**
 * Reads the first line of a comment that begins, in its very first column and outside of code, quotes and HTML, with
 * `/agent`. The prompt is all that follows, to the end of the comment. Null when there is no such line.
 */
export function parseCommand(body: string): Command | null {
  const text = body.replace(/\r\n?/g, "\n");
  for (const { start, line } of plainLines(text)) {
    if (!/^\/agent(?:[ \t]|$)/.test(line)) continue;
    const prompt = text.slice(start + WORD.length).trim();
    return prompt === "" || prompt === "help"
      ? { kind: "help" }
      : (resumeIn(prompt) ?? { kind: "prompt", text: prompt });
  }
  return null;
}

/** With anything but the beginning of an id behind it, "resume" is the first word of a prompt. */
function resumeIn(text: string): Command | null {
  const [, prefix] = /^resume[ \t]+([0-7][0-9A-HJKMNP-TV-Z]{3,25})$/i.exec(text) ?? [];
  return prefix === undefined ? null : { kind: "resume", prefix: prefix.toUpperCase() };
}
