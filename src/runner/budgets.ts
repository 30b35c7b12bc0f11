import type { Config } from "../config.ts";
import {
  type Amount,
  type BudgetLevel,
  costOf,
  formatAmount,
  type Price,
  partText,
  type Spent,
  tokensText,
  usdText,
} from "../sessions/budget.ts";
import type { Problem, TurnBudget } from "../sessions/journal.ts";
import type { Tokens } from "../sessions/message.ts";
import type { Prompt, Session } from "../sessions/session.ts";
import { nothingSpent, plus, spentOn } from "../sessions/spending.ts";
import { formatModelRef, type ModelRef } from "./model.ts";

/** What other sessions have used: of the same tree, and on the same day. */
export interface Elsewhere {
  readonly tree: Spent;
  readonly day: Spent;
}

export const nothingElsewhere: Elsewhere = { tree: nothingSpent, day: nothingSpent };

type Limit = { readonly tokens: number | null; readonly usd: number | null };

export interface Circumstances {
  readonly budgets: Config["budgets"];
  readonly elsewhere: Elsewhere;
  /** YYYY-MM-DD, UTC. */
  readonly date: string;
}

/** What the turn of a prompt may take, by every level that is limited, with what was used there before it. */
export function turnBudgets(
  prompt: Prompt,
  session: Session,
  { budgets, elsewhere, date }: Circumstances,
): TurnBudget[] {
  const { spent, raised } = session;
  const limits: readonly [BudgetLevel, Limit, Spent][] = [
    ["turn", prompt.budget ? limitOf(prompt.budget) : budgets.turn, nothingSpent],
    ["session", added(budgets.session, raised ?? nothingSpent), { tokens: spent.tokens, usd: spent.usd }],
    ["tree", budgets.tree, plus(spent, elsewhere.tree)],
    ["day", budgets.day, plus(spentOn(spent, date), elsewhere.day)],
  ];
  return limits.flatMap(([level, given, used]) => {
    const { tokens, usd } = prompt.raises && prompt.budget ? lifted(given, used, prompt.budget) : given;
    if (tokens === null && usd === null) return [];
    const most = { ...(tokens === null ? {} : { tokens }), ...(usd === null ? {} : { usd }) };
    return [{ level, ...most, used_tokens: used.tokens, used_usd: used.usd }];
  });
}

function limitOf({ tokens, usd }: NonNullable<Prompt["budget"]>): Limit {
  return { tokens: tokens ?? null, usd: usd ?? null };
}

function added({ tokens, usd }: Limit, more: Spent): Limit {
  return { tokens: tokens === null ? null : tokens + more.tokens, usd: usd === null ? null : usd + more.usd };
}

/** So that as much as somebody gave can be used; what it is not given in does not count then. */
function lifted(limit: Limit, used: Spent, { tokens, usd }: NonNullable<Prompt["budget"]>): Limit {
  return {
    tokens: limit.tokens === null || tokens === undefined ? null : Math.max(limit.tokens, used.tokens + tokens),
    usd: limit.usd === null || usd === undefined ? null : Math.max(limit.usd, used.usd + usd),
  };
}

export function priceOf({ models }: Config, { provider, model }: ModelRef): Price | null {
  const name = formatModelRef({ provider, model });
  return (Object.hasOwn(models, name) && models[name]) || null;
}

/** Why a turn cannot be held to its budgets; null: it can. */
export function unpriced(
  budgets: readonly TurnBudget[],
  price: Price | null,
  { provider, model }: ModelRef,
): Problem | null {
  const inUsd = budgets.filter(({ usd }) => usd !== undefined);
  if (price || inUsd.length === 0) return null;
  const name = formatModelRef({ provider, model });
  return {
    kind: "unknown-price",
    message: `There is a budget in US dollars (${inUsd.map(({ level }) => `of the ${level}`).join(", ")}), but what \`${name}\` costs is not known, so nothing was asked of it.`,
    remedy: `Add \`[models."${name}"]\` with its prices, \`input\`, \`cached\` and \`output\` in US dollars per million tokens, to .github/offshoot.toml; or give the budget in tokens.`,
  };
}

/** The least that a request takes that carries all of the last one, and its reply: most of it may come from the cache. */
export function leastOf(last: Tokens, price: Price | null): Spent {
  const tokens = { input: last.input + last.output, cached: last.input + last.output, output: 0, reasoning: 0 };
  return { tokens: tokens.input, usd: price ? costOf(tokens, price) : 0 };
}

/** A budget that is used up, or that the next request would go over by itself. */
export interface Reached {
  readonly level: BudgetLevel;
  readonly unit: "tokens" | "usd";
  readonly limit: number;
  readonly used: number;
  /** What the next request takes at least, as far as that is known. */
  readonly next: number;
}

/** The first budget that leaves no room for another request after what the turn has taken. */
export function reachedBudget(budgets: readonly TurnBudget[], turn: Spent, least: Spent): Reached | null {
  for (const budget of budgets) {
    const now = plus({ tokens: budget.used_tokens, usd: budget.used_usd }, turn);
    for (const unit of ["tokens", "usd"] as const) {
      const limit = budget[unit] ?? Number.POSITIVE_INFINITY;
      const [used, next] = [now[unit], least[unit]];
      if (used >= limit || used + next > limit) return { level: budget.level, unit, limit, used, next };
    }
  }
  return null;
}

/** Where somebody asks to go on. */
export interface Place {
  /** Null where it was asked at a terminal. */
  readonly thread: number | null;
  readonly session: string;
}

/** The words that go on, with as much more as `amount` where it is given. */
export function waysOn({ thread, session }: Place, amount?: Amount): string {
  const flag = amount ? ` --budget ${formatAmount(amount)}` : "";
  if (thread !== null) return `Comment \`/agent continue${flag}\``;
  // A shell would take $5 for a variable.
  return `Run \`offshoot run --session ${session} --continue${flag.replace(/\$(.*)/, "$1usd")}\``;
}

/** What is left to say of a turn that a budget has ended. */
export interface Unfinished extends Place {
  readonly steps: number;
  /** What the turn took itself. */
  readonly turn: Spent;
  /** What the agent said last, if anything. */
  readonly lastWords: string;
}

/** What a budget ended, and the words that go on. */
export function budgetProblem(reached: Reached, unfinished: Unfinished): Problem {
  const { level, unit, used, limit, next } = reached;
  const { steps, turn, lastWords } = unfinished;
  const text = (amount: number) => (unit === "usd" ? usdText(amount) : tokensText(amount));
  const isUsedUp = used >= limit;
  const state = isUsedUp ? "is used up" : "has no room for another step";
  const own = level === "turn" || turn[unit] === 0 ? "" : `, ${text(turn[unit])} of it by this turn`;
  const over = isUsedUp ? "" : `, and the next request alone takes about ${text(next)}`;
  const done =
    steps === 0
      ? "Nothing of what was asked is done."
      : `The agent has not come to its answer: it took ${steps} ${steps === 1 ? "step" : "steps"}, so what is there is unfinished.`;
  const words = lastWords ? ` Last it said: “${lastWords}”` : "";
  return {
    kind: "budget",
    message: `The budget ${of[level]} ${state}: ${partText(unit, used, limit)} were used${own}${over}. ${done}${words}`,
    remedy: remedy(reached, unfinished),
  };
}

const of: Readonly<Record<BudgetLevel, string>> = {
  turn: "of this turn",
  session: "of this session",
  tree: "of this session and all that belong to the same one",
  day: "of this repository for today (UTC)",
};

function remedy(reached: Reached, place: Place): string {
  const { level, unit, limit, next } = reached;
  // A turn's budget is a new one in the next turn; where not even a request fits into it, that is of no use.
  const isEnough = level === "turn" && 2 * next <= limit;
  const words = isEnough ? waysOn(place) : waysOn(place, enough(reached));
  const what = isEnough ? "with as much again" : "with as much as you want to add";
  const wait = level === "day" ? " Tomorrow (UTC) the budget is a new one." : "";
  return `${words} to go on from here, ${what}, or raise \`${unit}\` under \`[budgets.${level}]\` in .github/offshoot.toml. What waits is kept, and starts with that.${wait}`;
}

/** As much again, and at least what two requests take. */
function enough({ unit, limit, next }: Reached): Amount {
  const least = Math.max(limit, 2 * next);
  if (least === limit) return unit === "usd" ? { usd: limit } : { tokens: limit };
  return unit === "usd" ? { usd: Math.ceil(least * 100) / 100 } : { tokens: Math.ceil(least / 1_000) * 1_000 };
}
