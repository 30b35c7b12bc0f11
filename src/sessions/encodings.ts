import { BREAK, type Reading } from "./sequences.ts";

/**
 * How a value may be written in a text. An encoding reads the text as symbols, undoing itself, and says which sequences
 * of symbols stand for a value; so one that is encoded in part, in either case, or wrapped, is the same sequence.
 */
export interface Encoding {
  readonly read: (text: string) => Reading;
  readonly sequences: (value: string) => readonly ArrayLike<number>[];
  /** Symbols beside a sequence that hold some bits of the value. */
  readonly margin: 0 | 1;
}

interface Draft extends Reading {
  length: number;
}

function draft({ length }: string): Draft {
  const positions = () => new Int32Array(length + 1);
  return { symbols: new Uint16Array(length + 1), from: positions(), to: positions(), length: 0 };
}

function add(out: Draft, symbol: number, from: number, to: number): void {
  const n = out.length++;
  out.symbols[n] = symbol;
  out.from[n] = from;
  out.to[n] = to;
}

/** Several in a row are one. */
function interrupt(out: Draft, at: number): void {
  if (out.length > 0 && out.symbols[out.length - 1] !== BREAK) add(out, BREAK, at, at + 1);
}

const code = (character: string) => character.charCodeAt(0);
const BACKSLASH = code("\\");
const PERCENT = code("%");

/** The value as it is, as {@link escaped} reads it, and without backslashes; in each, spaces as forms send them. */
function writings(value: string): readonly ArrayLike<number>[] {
  const texts = [value, unescaped(value), value.replaceAll("\\", "")];
  const all = new Set(texts.flatMap((text) => [text, text.replaceAll(" ", "+")]));
  return [...all].filter((text) => text.length >= shortest / 2).map((text) => Uint16Array.from(text, code));
}

/** Known values shorter than this are not looked for: too much else would look like them. */
export const shortest = 8;

export const plain: Encoding = { read: readPlain, sequences: writings, margin: 0 };

function readPlain(text: string): Reading {
  const out = draft(text);
  for (let at = 0; at < text.length; at++) add(out, text.charCodeAt(at), at, at + 1);
  return out;
}

/**
 * URL percent encoding and the escapes of JSON and program text, in whole or in part, once or within each other: where
 * an escape is escaped again, only its backslashes or its `25`s grow in number. So a backslash by itself is no symbol.
 */
export const escaped: Encoding = { read: readEscaped, sequences: writings, margin: 0 };

function readEscaped(text: string): Reading {
  const out = draft(text);
  for (let at = 0; at < text.length; ) {
    const unit = text.charCodeAt(at);
    if (unit === BACKSLASH) at = readBackslash(out, text, at);
    else if (unit === PERCENT) at = readPercent(out, text, at);
    else add(out, unit, at, ++at);
  }
  return out;
}

function unescaped(text: string): string {
  const { symbols, length } = readEscaped(text);
  return Array.from(symbols.subarray(0, length), (symbol) => String.fromCharCode(symbol)).join("");
}

const LETTERS: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

function readBackslash(out: Draft, text: string, at: number): number {
  let end = at;
  while (text.charCodeAt(end) === BACKSLASH) end++;
  const letter = text.charAt(end);
  const digits = letter === "u" ? 4 : letter === "x" ? 2 : 0;
  const unit = digits > 0 ? hexAt(text, end + 1, digits) : (LETTERS[letter]?.charCodeAt(0) ?? -1);
  if (unit < 0) return end;
  if (unit !== BACKSLASH) add(out, unit, at, end + 1 + digits);
  return end + 1 + digits;
}

function readPercent(out: Draft, text: string, at: number): number {
  const first = byteAt(text, at);
  if (!first) {
    add(out, PERCENT, at, at + 1);
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
  if (first.byte !== BACKSLASH)
    for (const unit of Buffer.from(bytes).toString().split("")) add(out, code(unit), at, end);
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
    if (nibble === BREAK) return -1;
    number = number * 16 + nibble;
  }
  return number;
}

function table(...alphabets: readonly string[]): Uint16Array {
  const values = new Uint16Array(128).fill(BREAK);
  for (const alphabet of alphabets) for (let n = 0; n < alphabet.length; n++) values[alphabet.charCodeAt(n)] = n;
  return values;
}

const NIBBLES = table("0123456789abcdef", "0123456789ABCDEF");
const LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SIXES = table(`${LETTERS_AND_DIGITS}+/`, `${LETTERS_AND_DIGITS}-_`);

/** The line breaks of wrapped output, as they are or escaped, with the indentation after them. */
const WRAP = /(?:\r?\n|(?:\\{1,4}r)?\\{1,4}n|(?:%0d)?%0a)[ \t]{0,16}/iy;

function wrapAt(text: string, at: number): number {
  WRAP.lastIndex = at;
  return WRAP.test(text) ? WRAP.lastIndex : -1;
}

/** Base64 of the value with anything before and after it, in both alphabets, wrapped or not. */
export const base64: Encoding = { read: readBase64, sequences: cores, margin: 1 };

function readBase64(text: string): Reading {
  const out = draft(text);
  for (let at = 0; at < text.length; ) {
    const six = SIXES[text.charCodeAt(at)] ?? BREAK;
    if (six === BREAK) at = readBesideBase64(out, text, at);
    else add(out, six, at, ++at);
  }
  return out;
}

const ESCAPED_SIX: Readonly<Record<string, number>> = { "%2b": 62, "%2f": 63, "%2d": 62, "%5f": 63 };

function readBesideBase64(out: Draft, text: string, at: number): number {
  const character = text.charAt(at);
  if (!/[\r\n\\%]/.test(character)) {
    interrupt(out, at);
    return at + 1;
  }
  const wrap = wrapAt(text, at);
  if (wrap >= 0) return wrap;
  const six = character === "%" ? ESCAPED_SIX[text.slice(at, at + 3).toLowerCase()] : undefined;
  if (six !== undefined) {
    add(out, six, at, at + 3);
    return at + 3;
  }
  // JSON may write `\/`.
  if (!text.startsWith("\\/", at)) interrupt(out, at);
  return at + 1;
}

/** What of the value's base64 is the same whatever is around it: for each place that it can have in three bytes. */
function cores(value: string): readonly ArrayLike<number>[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const core = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return Uint16Array.from(core, (character) => SIXES[code(character)] ?? BREAK);
  });
}

/** Hexadecimal digits in either case, also as `67:68`, `67 68`, `0x67, 0x68` and `\x67\x68`, wrapped or not. */
export const hex: Encoding = { read: readHex, sequences: digitsOf, margin: 0 };

function readHex(text: string): Reading {
  const out = draft(text);
  for (let at = 0; at < text.length; ) {
    const nibble = NIBBLES[text.charCodeAt(at)] ?? BREAK;
    const isPrefix = nibble === 0 && text.charAt(at + 1) === "x";
    if (isPrefix) at += 2;
    else if (nibble === BREAK) at = readBesideHex(out, text, at);
    else add(out, nibble, at, ++at);
  }
  return out;
}

function readBesideHex(out: Draft, text: string, at: number): number {
  const character = text.charAt(at);
  if (/[ :,\t-]/.test(character)) return at + 1;
  if (/[\r\n\\%]/.test(character)) {
    const wrap = wrapAt(text, at);
    if (wrap >= 0) return wrap;
    if (text.startsWith("\\x", at)) return at + 2;
  }
  interrupt(out, at);
  return at + 1;
}

function digitsOf(value: string): readonly ArrayLike<number>[] {
  return [Uint16Array.from(Buffer.from(value).toString("hex"), (digit) => NIBBLES[code(digit)] ?? BREAK)];
}
