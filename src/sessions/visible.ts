import { plain } from "./words.ts";

const [bell, esc] = ["\\u0007", "\\u001b"];
/** A title or a link with its end, a colour or a move of the cursor, and what else begins with an escape. */
const sequences = [
  `${esc}\\][^${bell}${esc}\\n]*(?:${bell}|${esc}\\\\)`,
  `(?:${esc}\\[|\\u009b)[0-?]*[ -/]*[@-~]?`,
  `${esc}[ -/]*[0-~]?`,
];
const ofTerminals = new RegExp(sequences.join("|"), "g");

const joinedEmoji = /\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\uFE0F)*\u200D(?=\p{Extended_Pictographic})/u;
const unseen = /[\p{Cf}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0]/u;
const either = new RegExp(`${joinedEmoji.source}|(?<unseen>${unseen.source})`, "gu");

/**
 * Text that shows all that is in it: without the colours and cursor moves of a terminal, and with characters that are
 * not seen, or turn the direction of others, by their number.
 */
export function visible(text: string): string {
  return plain(text.replace(ofTerminals, "")).replace(either, (found, unseen?: string) =>
    unseen ? `[U+${codePoint(unseen)}]` : found,
  );
}

/** In one line of at most `most` characters. */
export function oneLine(text: string, most = 200): string {
  const flat = visible(text).replace(/\s+/g, " ").trim();
  return flat.length > most ? `${flat.slice(0, most - 1).toWellFormed()}…` : flat;
}

function codePoint(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
