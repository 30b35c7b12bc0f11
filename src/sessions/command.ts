import { type Amount, parseAmount } from "./budget.ts";
import { plainLines } from "./plain-lines.ts";

/** What a comment asks of us. `text` is the person's own words, with `\n` for line ends. */
export type Command =
  | { readonly kind: "prompt"; readonly text: string; readonly budget?: Amount }
  /** Goes on with what was interrupted, or with what waits. */
  | { readonly kind: "continue"; readonly budget?: Amount }
  /** `given`: what stands where an amount has to be; empty where nothing does, or where nothing is asked. */
  | { readonly kind: "bad-budget"; readonly given: string }
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
      : (resumeIn(prompt) ?? continueIn(prompt) ?? budgetedIn(prompt) ?? { kind: "prompt", text: prompt });
  }
  return null;
}

/** With anything but a budget behind it, "continue" is the first word of a prompt. */
function continueIn(text: string): Command | null {
  if (text === "continue") return { kind: "continue" };
  const [, flag] = /^continue\s+(--budget(?![^\s=]).*)$/s.exec(text) ?? [];
  if (flag === undefined) return null;
  const { given, budget, rest } = budgetIn(flag);
  return budget && rest === ""
    ? { kind: "continue", budget }
    : { kind: "bad-budget", given: rest === "" ? given : flag };
}

/** A budget for the prompt that follows it. */
function budgetedIn(text: string): Command | null {
  if (!/^--budget(?![^\s=])/.test(text)) return null;
  const { given, budget, rest } = budgetIn(text);
  return budget && rest !== ""
    ? { kind: "prompt", text: rest, budget }
    : { kind: "bad-budget", given: budget ? "" : given };
}

function budgetIn(text: string): { readonly given: string; readonly budget: Amount | null; readonly rest: string } {
  const [, given = "", rest = ""] = /^--budget(?:=|\s+|$)(\S*)(.*)$/s.exec(text) ?? [];
  return { given, budget: parseAmount(given), rest: rest.trim() };
}

/** With anything but the beginning of an id behind it, "resume" is the first word of a prompt. */
function resumeIn(text: string): Command | null {
  const [, prefix] = /^resume[ \t]+([0-7][0-9A-HJKMNP-TV-Z]{3,25})$/i.exec(text) ?? [];
  return prefix === undefined ? null : { kind: "resume", prefix: prefix.toUpperCase() };
}
