import type { Span } from "./sequences.ts";

/** Something that looks like a secret, `context` and all; what is from `start` to `end` gives it away. */
export interface Likely extends Span {
  /** Where that begins which tells the secret from other text: its prefix, or a header's name. */
  readonly context: number;
}

/**
 * Group 1 of `shape`, where there is one, is context that stays. No shape may take more than linear time: it begins with
 * a literal or a bounded context, and what can be long in it is the last thing that can fail.
 */
interface Pattern {
  readonly shape: RegExp;
  readonly holds?: (secret: string, context: string) => boolean;
}

/** Not within a word; but what ends a colour, a JSON escape or a percent escape belongs to no word. */
const EDGE = String.raw`(?<=^|[^\w-]|\\[bfnrt]|\\u[\da-fA-F]{4}|%[\da-fA-F]{2}|\[[\d;]{0,20}m)`;

/** Of a shape that is too long to come up by chance in text of random characters. */
const anywhere = (shape: string): Pattern => ({ shape: new RegExp(shape, "g") });
const word = (shape: string): Pattern => ({ shape: new RegExp(EDGE + shape, "g") });

const SEGMENT = String.raw`[\w-]{8,}`;
const JWT = String.raw`eyJ${SEGMENT}\.eyJ${SEGMENT}(?:\.[\w-]+){0,3}`;
const AWS_SECRET = "[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])";

/** Tokens that say what they are. */
const tokens: readonly Pattern[] = [
  // GitHub: personal, OAuth, user, server and refresh tokens; an installation token may be its app's id and a JWT.
  word(String.raw`gh[pousr]_(?:[A-Za-z0-9]{36,}|\d{1,12}_eyJ[\w-]{16,}(?:\.[\w-]+){0,3})`),
  anywhere("github_pat_[A-Za-z0-9_]{36,}"),
  anywhere(String.raw`glpat-[\w-]{20,}(?:\.[\w-]+){0,2}`),
  // OpenAI, Anthropic, OpenRouter and all that took over the prefix.
  word(String.raw`sk-(?:(?:proj|svcacct|admin|ant|or)-[\w-]{20,}|[A-Za-z0-9]{32,})`),
  word("(?:gsk_|xai-|hf_|r8_)[A-Za-z0-9]{30,}"),
  // AWS: the id of a key, with the key where it follows as in a table.
  word(String.raw`(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])(?:[,:|\t ]{1,2}${AWS_SECRET})?`),
  // Google: API keys, OAuth clients and access tokens.
  word(String.raw`(?:AIza[\w-]{35}(?![\w-])|GOCSPX-[\w-]{28,}|ya29\.[\w-]{30,})`),
  // Slack: tokens, app tokens, incoming web hooks.
  word(String.raw`xox[a-z]-\d[A-Za-z0-9-]{9,}`),
  anywhere(String.raw`xapp-\d-[A-Za-z0-9-]{20,}`),
  anywhere(String.raw`(hooks\.slack\.com/services/)[A-Z0-9]{8,}/[A-Z0-9]{8,}/[A-Za-z0-9]{20,}`),
  // Stripe: secret and restricted keys, signing secrets of web hooks.
  anywhere("[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
  word("whsec_[A-Za-z0-9+/]{24,}"),
  // Package registries.
  word("npm_[A-Za-z0-9]{36,}"),
  anywhere(String.raw`pypi-AgE[\w-]{32,}`),
  anywhere(String.raw`dckr_(?:pat|oat)_[\w-]{20,}`),
  // SendGrid, DigitalOcean, Vault, age.
  word(String.raw`SG\.[\w-]{22}\.[\w-]{43,}`),
  word("do[opr]_v1_[a-f0-9]{64,}"),
  word(String.raw`hv[sb]\.[\w-]{24,}`),
  word("AGE-SECRET-KEY-1[A-Z0-9]{58,}"),
  word(JWT),
];

const QUOTES = String.raw`["'\\]{0,3}`;

/** Secrets that only what stands before them gives away. */
const named: readonly Pattern[] = [
  { shape: new RegExp(String.raw`(secret_?access_?key${QUOTES}[ \t:=>,]{1,8}${QUOTES})${AWS_SECRET}`, "gi") },
  { shape: new RegExp(String.raw`(session_?token${QUOTES}[ \t:=>,]{1,8}${QUOTES})[A-Za-z0-9/+]{100,}`, "gi") },
  {
    shape: new RegExp(
      String.raw`(authorization${QUOTES}[ \t]{0,4}[:=,][ \t]{0,4}${QUOTES}(?:bearer|token)[ \t]{1,4})[\w.~+/-]{16,}`,
      "gi",
    ),
    holds: (secret) => /\d/.test(secret),
  },
  {
    shape: new RegExp(
      String.raw`(authorization${QUOTES}[ \t]{0,4}[:=,][ \t]{0,4}${QUOTES}basic[ \t]{1,4})[\w+/-]{8,}={0,2}`,
      "gi",
    ),
    holds: (secret) => Buffer.from(secret, "base64").includes(":"),
  },
  {
    // `user:password@` in a URL, but no reference to where a password would be, and no `postgres:postgres`.
    shape: /(:\/\/[^\0\s/?#@:"'`<>\\]{0,128}:)[^\0\s/?#@"'`<>\\]{1,256}(?=@)/g,
    holds: (secret, context) => context !== `://${secret}:` && !/^(?:[${]|%[s({]|(?:\*|x|X|\.)+$)/.test(secret),
  },
];

const patterns = [...tokens, ...named];

/** In no order; they may overlap. Takes time linear in the text. */
export function likelySecrets(text: string): Likely[] {
  return [...patterns.flatMap((pattern) => matches(text, pattern)), ...privateKeys(text)];
}

function matches(text: string, { shape, holds }: Pattern): Likely[] {
  const found: Likely[] = [];
  for (const { 0: whole, 1: context = "", index } of text.matchAll(shape)) {
    if (holds && !holds(whole.slice(context.length), context)) continue;
    found.push({ context: index, start: index + context.length, end: index + whole.length });
  }
  return found;
}

const BEGIN = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;

/** Longer ones than any key's text has; up to there an end is looked for. */
const longestBlock = 16 * 1024;

/** Blocks of keys, whole or without an end; not the words by which a program finds them. */
function privateKeys(text: string): Likely[] {
  const begins = [...text.matchAll(BEGIN)];
  const ends = begins.length > 0 ? [...text.matchAll(END)] : [];
  const found: Likely[] = [];
  let next = 0;
  for (const [n, { 0: label, index }] of begins.entries()) {
    const body = index + label.length;
    while ((ends[next]?.index ?? Infinity) < body) next++;
    const limit = Math.min(begins[n + 1]?.index ?? Infinity, body + longestBlock);
    const end = ends[next];
    const to = end && end.index <= limit ? end.index + end[0].length : endOfLines(text, body);
    if (/[A-Za-z0-9+/]{24}/.test(text.slice(body, to))) found.push({ context: index, start: index, end: to });
  }
  return found;
}

/** Where a key's block begins whose end the text does not have, though it may come; `Infinity` where none does. */
export function openKey(text: string): number {
  const begin = [...text.matchAll(BEGIN)].at(-1)?.index;
  if (begin === undefined || text.length - begin > longestBlock) return Infinity;
  return text.slice(begin).search(END) < 0 ? begin : Infinity;
}

/** Headers, then base64 in lines, with what tools put before lines; at last a short one. */
const LINES =
  /(?:\s{0,2}[A-Z][\w-]{1,20}: [^\n]{1,80}){0,3}(?:[\s\\:|>,#\d-]{0,24}[A-Za-z0-9+/=]{16,}){0,400}(?:\r?\n[A-Za-z0-9+/=]{1,15}(?=\s|$))?/y;

/** Without its end, a block goes as far as its text can. */
function endOfLines(text: string, body: number): number {
  LINES.lastIndex = body;
  return LINES.test(text) ? LINES.lastIndex : body;
}
