import { BREAK, type Sequence, type Take } from "./sequences.ts";

/**
 * How a value may be written in a text. An encoding reads the text as symbols, undoing itself, and says which sequences
 * of symbols stand for a value; so one that is encoded in part, in either case, or wrapped, is the same sequence.
 */
export interface Encoding {
  readonly read: (text: string, take: Take) => void;
  readonly sequences: (value: string) => readonly Sequence[];
}

const code = (character: string) => character.charCodeAt(0);
const BACKSLASH = code("\\");
const PERCENT = code("%");
const X = code("x");

/** The value as it is, as {@link escaped} reads it, and both without backslashes; in each, spaces as forms send them. */
function writings(value: string): readonly Sequence[] {
  const bare = value.replaceAll("\\", "");
  const texts = [value, unescaped(value), bare, unescaped(bare)];
  const all = new Set(texts.flatMap((text) => [text, text.replaceAll(" ", "+")]));
  return [...all].filter((text) => text.length >= shortest / 2).map((text) => alone(text.split("").map(code)));
}

const alone = (symbols: readonly number[]): Sequence => ({ symbols, before: false, after: false });

/** Known values shorter than this are not looked for: too much else would look like them. */
export const shortest = 8;

export const plain: Encoding = { read: readPlain, sequences: writings };

function readPlain(text: string, take: Take): void {
  for (let at = 0; at < text.length; at++) take(text.charCodeAt(at), at, at + 1);
}

/**
 * URL percent encoding and the escapes of JSON and program text, in whole or in part, once or within each other: where
 * an escape is escaped again, only its backslashes or its `25`s grow in number. So a backslash by itself is no symbol.
 */
export const escaped: Encoding = { read: readEscaped, sequences: writings };

function readEscaped(text: string, take: Take): void {
  for (let at = 0; at < text.length; ) {
    const unit = text.charCodeAt(at);
    if (unit === BACKSLASH) at = readBackslash(text, at, take);
    else if (unit === PERCENT) at = readPercent(text, at, take);
    else take(unit, at, ++at);
  }
}

function unescaped(text: string): string {
  let out = "";
  readEscaped(text, (unit) => {
    out += String.fromCharCode(unit);
  });
  return out;
}

const LETTERS: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

function readBackslash(text: string, at: number, take: Take): number {
  let end = at;
  while (text.charCodeAt(end) === BACKSLASH) end++;
  const letter = text.charAt(end);
  const digits = letter === "u" ? 4 : letter === "x" ? 2 : 0;
  const unit = digits > 0 ? hexAt(text, end + 1, digits) : (LETTERS[letter]?.charCodeAt(0) ?? -1);
  if (unit < 0) {
    if (letter === "" || letter === "%") return end;
    // Without them, a text that quotes the character would be left with half an escape.
    take(code(letter), at, end + 1);
    return end + 1;
  }
  if (unit !== BACKSLASH) take(unit, at, end + 1 + digits);
  return end + 1 + digits;
}

function readPercent(text: string, at: number, take: Take): number {
  const first = byteAt(text, at);
  if (!first) {
    take(PERCENT, at, at + 1);
    return at + 1;
  }
  const bytes = [first.byte];
  let end = first.end;
  const more = first.byte >= 0xf0 ? 3 : first.byte >= 0xe0 ? 2 : first.byte >= 0xc0 ? 1 : 0;
  for (let next = byteAt(text, end); next && bytes.length <= more && next.byte >> 6 === 2; next = byteAt(text, end)) {
    bytes.push(next.byte);
    end = next.end;
  }
  // No more units than the bytes took characters.
  if (first.byte !== BACKSLASH) for (const unit of Buffer.from(bytes).toString().split("")) take(code(unit), at, end);
  return end;
}

/** The byte of `%41`, `%2541`, `%252541`. */
function byteAt(text: string, at: number): { readonly byte: number; readonly end: number } | null {
  if (text.charCodeAt(at) !== PERCENT) return null;
  let digits = at + 1;
  while (text.startsWith("25", digits) && hexAt(text, digits + 2, 2) >= 0) digits += 2;
  const byte = hexAt(text, digits, 2);
  return byte < 0 ? null : { byte, end: digits + 2 };
}

/** -1 where there are not `digits` of them. */
function hexAt(text: string, at: number, digits: number): number {
  let number = 0;
  for (let n = at; n < at + digits; n++) {
    const nibble = NIBBLES[text.charCodeAt(n)] ?? BREAK;
    if (nibble > 15) return -1;
    number = number * 16 + nibble;
  }
  return number;
}

/** In tables: what may be part of a line break or an escape; what may stand between symbols. */
const LOOK = 0xfffe;
const SKIP = 0xfffd;

/** The value of each character below 128: its place in an alphabet, `LOOK`, `SKIP`, or `BREAK`. */
function table(alphabets: readonly string[], skipped: string): Uint16Array {
  const values = new Uint16Array(128).fill(BREAK);
  for (const character of "\r\n\\%") values[code(character)] = LOOK;
  for (const character of skipped) values[code(character)] = SKIP;
  for (const alphabet of alphabets) for (let n = 0; n < alphabet.length; n++) values[alphabet.charCodeAt(n)] = n;
  return values;
}

const NIBBLES = table(["0123456789abcdef", "0123456789ABCDEF"], " :,\t-");
const LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SIXES = table([`${LETTERS_AND_DIGITS}+/`, `${LETTERS_AND_DIGITS}-_`], "");

/** The line breaks of wrapped output, as they are or escaped, with the indentation after them. */
const WRAP = /(?:\r?\n|(?:\\{1,4}r)?\\{1,4}n|(?:%0d)?%0a)[ \t]{0,16}/iy;

function wrapAt(text: string, at: number): number {
  WRAP.lastIndex = at;
  return WRAP.test(text) ? WRAP.lastIndex : -1;
}

/** Base64 of the value with anything before and after it, in both alphabets, wrapped or not. */
export const base64: Encoding = { read: readBase64, sequences: cores };

function readBase64(text: string, take: Take): void {
  for (let at = 0; at < text.length; ) {
    const six = SIXES[text.charCodeAt(at)] ?? BREAK;
    if (six === LOOK) at = lookForBase64(text, at, take);
    else take(six, at, ++at);
  }
}

const ESCAPED_SIX: Readonly<Record<string, number>> = { "%2b": 62, "%2f": 63, "%2d": 62, "%5f": 63 };

function lookForBase64(text: string, at: number, take: Take): number {
  const wrap = wrapAt(text, at);
  if (wrap >= 0) return wrap;
  const six = ESCAPED_SIX[text.slice(at, at + 3).toLowerCase()];
  if (six !== undefined) {
    take(six, at, at + 3);
    return at + 3;
  }
  // JSON may write `\/`.
  if (!text.startsWith("\\/", at)) take(BREAK, at, at + 1);
  return at + 1;
}

/**
 * What of the value's base64 is the same whatever is around it, for each place that it can have in three bytes; beside
 * it, the symbols that have some bits of the value.
 */
function cores(value: string): readonly Sequence[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const bits = (offset + bytes.length) * 8;
    const core = text.slice(Math.ceil((offset * 8) / 6), Math.floor(bits / 6));
    return { symbols: valuesOf(core, SIXES), before: offset > 0, after: bits % 6 > 0 };
  });
}

function valuesOf(text: string, values: Uint16Array): readonly number[] {
  return Array.from(text, (character) => values[code(character)] ?? BREAK);
}

/** Hexadecimal digits in either case, also as `67:68`, `67 68`, `0x67, 0x68` and `\x67\x68`, wrapped or not. */
export const hex: Encoding = { read: readHex, sequences: digitsOf };

function readHex(text: string, take: Take): void {
  for (let at = 0; at < text.length; ) {
    const nibble = NIBBLES[text.charCodeAt(at)] ?? BREAK;
    if (nibble === SKIP) at++;
    else if (nibble === LOOK) at = lookForHex(text, at, take);
    else if (nibble === 0 && text.charCodeAt(at + 1) === X) at += 2;
    else take(nibble, at, ++at);
  }
}

function lookForHex(text: string, at: number, take: Take): number {
  const wrap = wrapAt(text, at);
  if (wrap >= 0) return wrap;
  if (text.startsWith("\\x", at)) return at + 2;
  take(BREAK, at, at + 1);
  return at + 1;
}

function digitsOf(value: string): readonly Sequence[] {
  return [alone(valuesOf(Buffer.from(value).toString("hex"), NIBBLES))];
}
