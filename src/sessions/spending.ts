import { plusUsd, type Spent } from "./budget.ts";
import type { EventOf } from "./journal.ts";
import type { Tokens } from "./message.ts";
import type { Prompt, Session } from "./session.ts";

/** What a reply of a model took, and when. Without `cost_usd`, its price was not known. */
interface Reply {
  readonly at: string;
  readonly tokens: Tokens;
  readonly cost_usd?: number | undefined;
}

type Counted = Pick<Session, "usage" | "spent">;

export const nothingSpent: Session["spent"] = { tokens: 0, usd: 0 };

/** Counts a reply, in all that the session took and in what its budgets are held against. */
export function count({ usage, spent }: Counted, reply: Reply): Counted {
  const { input, cached, output, reasoning } = reply.tokens;
  const took = spentBy(reply);
  const date = reply.at.slice(0, 10);
  const before = spent.day?.date === date ? spent.day : nothingSpent;
  return {
    usage: {
      ...usage,
      input: usage.input + input,
      cached: usage.cached + cached,
      output: usage.output + output,
      reasoning: usage.reasoning + reasoning,
      cost_usd: plusUsd(usage.cost_usd, took.usd),
      unpriced: usage.unpriced + (reply.cost_usd === undefined ? took.tokens : 0),
    },
    spent: { ...plus(spent, took), day: { date, ...plus(before, took) } },
  };
}

export function spentBy({ tokens, cost_usd = 0 }: Omit<Reply, "at">): Spent {
  return { tokens: tokens.input + tokens.output, usd: cost_usd };
}

export function plus(one: Spent, other: Spent): Spent {
  return { tokens: one.tokens + other.tokens, usd: plusUsd(one.usd, other.usd) };
}

/** What a session has used on a day (YYYY-MM-DD, UTC): its state knows the last one on which it used anything. */
export function spentOn({ day }: Session["spent"], date: string): Spent {
  return day?.date === date ? { tokens: day.tokens, usd: day.usd } : nothingSpent;
}

/** What turns cost together, in US dollars; null where it is not known of one of them. */
export function costOfTurns(ended: readonly Pick<EventOf<"turn.ended">, "cost_usd" | "usage">[]): number | null {
  return ended.reduce<number | null>((sum, { cost_usd, usage }) => {
    const cost = cost_usd ?? (usage?.input === 0 ? 0 : null);
    return sum === null || cost === null ? null : plusUsd(sum, cost);
  }, 0);
}

/** The budgets of a turn that has ended, with what it took counted into what is used of them. */
export function settled({ budgets, turn }: Session): Pick<Session, "budgets"> {
  if (!budgets || !turn) return {};
  return {
    budgets: budgets.map((budget) => {
      const { tokens, usd } = plus({ tokens: budget.used_tokens, usd: budget.used_usd }, turn);
      return { ...budget, used_tokens: tokens, used_usd: usd };
    }),
  };
}

/** A raise stays with the session; the prompt that it came with may use it up whatever else is reached. */
export function raised({ raised, queue }: Session, event: EventOf<"budget.raised">): Pick<Session, "raised" | "queue"> {
  const { tokens = 0, usd = 0 } = raised ?? {};
  const amount = event.tokens === undefined ? { usd: event.usd ?? 0 } : { tokens: event.tokens };
  return {
    raised: { tokens: tokens + (event.tokens ?? 0), usd: plusUsd(usd, event.usd ?? 0) },
    queue: queue.map(
      (prompt): Prompt => (prompt.id === event.prompt ? { ...prompt, budget: amount, raises: true } : prompt),
    ),
  };
}
