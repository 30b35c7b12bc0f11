import type { Tokens } from "./message.ts";

/** So many tokens, in and out, or so many US dollars. */
export type Amount =
  | { readonly tokens: number; readonly usd?: undefined }
  | { readonly usd: number; readonly tokens?: undefined };

/** What a budget is for, from the narrowest to the widest. */
export const budgetLevels = ["turn", "session", "tree", "day"] as const;
export type BudgetLevel = (typeof budgetLevels)[number];

/** Tokens, in and out, and what is known of their cost in US dollars. */
export interface Spent {
  readonly tokens: number;
  readonly usd: number;
}

/** US dollars for a million tokens; `cached` is input from the provider's cache. */
export interface Price {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
}

const millionths = 1_000_000;

/** What tokens cost, in US dollars, to the millionth. */
export function costOf({ input, cached, output }: Tokens, price: Price): number {
  return rounded(((input - cached) * price.input + cached * price.cached + output * price.output) / millionths);
}

/** Both in US dollars; sums stay exact to the millionth. */
export function plusUsd(one: number, other: number): number {
  return rounded(one + other);
}

function rounded(usd: number): number {
  return Math.round(usd * millionths) / millionths;
}

/** The most that somebody may give at once. */
const most = { tokens: 1_000_000_000_000, usd: 1_000_000 };

/** Reads `$5`, `5.50usd`, `500k`, `2M` or `300000`; null for what is none of these, or nothing. */
export function parseAmount(text: string): Amount | null {
  const dollars = /^\$(\d+(?:\.\d{1,6})?)$/.exec(text) ?? /^(\d+(?:\.\d{1,6})?)usd$/i.exec(text);
  if (dollars) return within({ usd: Number(dollars[1]) });
  const [, count = "", unit = ""] = /^(\d[\d_]*|\d+\.\d{1,3}(?=k)|\d+\.\d{1,6}(?=m))([km]?)$/i.exec(text) ?? [];
  const thousands = { k: 1_000, m: 1_000_000 }[unit.toLowerCase()] ?? 1;
  return within({ tokens: Math.round(Number(count.replaceAll("_", "")) * thousands) });
}

function within(amount: Amount): Amount | null {
  const isWithin = amount.usd === undefined ? amount.tokens <= most.tokens : amount.usd <= most.usd;
  return isWithin && (amount.usd ?? amount.tokens) > 0 ? amount : null;
}

/** An amount as it is read back, the shortest that is exact: `$5`, `500k`, `2M`, `300500`. */
export function formatAmount(amount: Amount): string {
  if (amount.usd !== undefined) return `$${plain(amount.usd)}`;
  const { tokens } = amount;
  if (tokens % 1_000_000 === 0) return `${tokens / 1_000_000}M`;
  return tokens % 1_000 === 0 ? `${tokens / 1_000}k` : String(tokens);
}

/** Without an exponent, and without zeros that say nothing. */
function plain(usd: number): string {
  return usd.toFixed(6).replace(/\.?0+$/, "");
}

/** US dollars for people: in cents, or as many digits as an amount below a cent needs to be seen. */
export function usdText(usd: number): string {
  const isTiny = usd > 0 && usd < 0.01;
  return isTiny ? `$${plain(Number(usd.toPrecision(2)))}` : `$${grouped(usd, 2)}`;
}

/** What is known of a cost, for people; null where nothing is. `unpriced`: tokens whose price was not known. */
export function costText({
  cost_usd,
  unpriced,
}: {
  readonly cost_usd: number;
  readonly unpriced: number;
}): string | null {
  if (unpriced === 0) return usdText(cost_usd);
  return cost_usd > 0 ? `at least ${usdText(cost_usd)}` : null;
}

/** What is used of a limit, for people: `$0.42 of $5.00`, `120,000 of 500,000 tokens`. */
export function partText(unit: keyof Spent, used: number, limit: number): string {
  return unit === "usd" ? `${usdText(used)} of ${usdText(limit)}` : `${grouped(used, 0)} of ${tokensText(limit)}`;
}

export function tokensText(tokens: number): string {
  return `${grouped(tokens, 0)} tokens`;
}

function grouped(number: number, digits: number): string {
  return number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
