import type { Amount, BudgetLevel } from "../../src/sessions/budget.ts";
import { compacted } from "../../src/sessions/compaction.ts";
import { fact, goOn, type Hand, queue, release, rescue, startTurn, takeLease } from "../../src/sessions/decide.ts";
import type { EventOf, Fact, Outcome, Run } from "../../src/sessions/journal.ts";
import type { Session } from "../../src/sessions/session.ts";
import type { Change } from "../../src/sessions/store.ts";
import { comment, someCommit } from "./events.ts";

/** What people, runs and the model may do to a session. */
export type Move =
  | { readonly do: "ask"; readonly comment: number; readonly text: string; readonly budget?: Amount }
  | { readonly do: "continue"; readonly comment: number; readonly budget?: Amount }
  | { readonly do: "take"; readonly run: number }
  | { readonly do: "start" }
  | { readonly do: "think"; readonly text: string; readonly tokens: number; readonly usd?: number }
  | { readonly do: "exec"; readonly command: string; readonly exitCode: number }
  | { readonly do: "read" | "write"; readonly path: string }
  | { readonly do: "save" }
  | { readonly do: "compact"; readonly summary: string }
  | { readonly do: "end"; readonly outcome: Outcome; readonly answer: string; readonly budget?: BudgetLevel }
  | { readonly do: "post" }
  | { readonly do: "release" }
  | { readonly do: "lose" };

export const run = (id: number): Run => ({ id, attempt: 1, url: `https://example.test/runs/${id}` });

/** The change that a move makes to a session, by the same decisions as the program's; null where it cannot be made. */
export function play(hand: Hand, session: Session, move: Move): Change | null {
  switch (move.do) {
    case "ask":
    case "continue": {
      const { source, text } = comment(String(move.comment), move.do === "ask" ? move.text : goOn);
      const budget = move.budget ? { budget: move.budget } : {};
      const continues = move.do === "continue" ? { continues: true as const } : {};
      const queued = queue(hand, session, { source, text, ...budget, ...continues });
      return queued.kind === "queued" ? queued.change : null;
    }
    case "take": {
      const claim = { holder: `runner-${move.run}`, run: run(move.run), isVoid: () => true };
      const taken = takeLease(hand, session, claim);
      return taken.kind === "taken" ? taken.change : null;
    }
    case "lose": {
      const decision = rescue(hand, session, { ended: session.lease?.run ?? run(0), isVoid: () => true });
      return decision.kind === "leave" ? null : decision.change;
    }
    default:
      return session.lease ? playAsHolder(hand, session, move) : null;
  }
}

type HolderMove = Exclude<Move, { do: "ask" | "continue" | "take" | "lose" }>;

function playAsHolder(hand: Hand, session: Session, move: HolderMove): Change | null {
  switch (move.do) {
    case "start":
      if (session.turn) return null;
      return startTurn(hand, session, {
        ...{ model: "openai:gpt-5.5", base: someCommit, ask: ({ text }) => text ?? "" },
        budgets: ({ budget }) => (budget ? [{ level: "turn", ...budget, used_tokens: 0, used_usd: 0 }] : []),
      });
    case "post":
      return post(hand, session);
    case "compact":
      return session.turn ? null : { facts: [compaction(hand, session, move.summary)] };
    case "release":
      return release(hand, session, session.epoch);
    default:
      return session.turn ? { facts: work(hand, session.turn, move) } : null;
  }
}

function compaction(hand: Hand, session: Session, summary: string): Fact {
  const tip = { commit: someCommit, session };
  const told = { model: "openai:gpt-5.5", summary, shells: {}, before: 900, after: 90 };
  return compacted(
    hand,
    { cut: tip, now: tip },
    { ...told, tokens: { input: 900, cached: 0, output: 80, reasoning: 9 } },
  );
}

function post(hand: Hand, { effects }: Session): Change | null {
  const planned = effects.find(({ done }) => !done);
  if (!planned) return null;
  const url = `https://example.test/${planned.kind}/${planned.key}`;
  return { facts: [fact(hand, "effect.done", { effect: planned.id, number: 12, url })] };
}

type WorkMove = Exclude<HolderMove, { do: "start" | "post" | "compact" | "release" }>;

function work(hand: Hand, turn: NonNullable<Session["turn"]>, move: WorkMove): [Fact, ...Fact[]] {
  const at = { turn: turn.number, step: turn.step };
  switch (move.do) {
    case "think":
      return [thought(hand, { turn: turn.number, step: turn.step + 1 }, move)];
    case "exec":
      return [fact(hand, "command.ran", { ...at, ...quiet, command: move.command, exit_code: move.exitCode })];
    case "read":
      return [fact(hand, "file.read", { ...at, path: move.path })];
    case "write":
      return [fact(hand, "file.changed", { ...at, path: move.path, change: "edited", bytes: 120 })];
    case "save":
      return [fact(hand, "work.saved", { ...at, commit: someCommit })];
    case "end":
      return end(hand, turn, move);
  }
}

const quiet = { shell: "main", ms: 40, cwd: "/work", stdout_bytes: 0, stderr_bytes: 0 };

function thought(hand: Hand, at: { turn: number; step: number }, move: Extract<Move, { do: "think" }>): Fact {
  const parts: EventOf<"message.added">["message"] = {
    role: "assistant",
    model: "openai:gpt-5.5",
    parts: [{ type: "text", text: move.text }],
  };
  const tokens = { input: move.tokens, cached: 0, output: 9, reasoning: 3 };
  const cost = move.usd === undefined ? {} : { cost_usd: move.usd };
  return fact(hand, "message.added", { ...at, message: parts, tokens, ...cost });
}

function end(
  hand: Hand,
  { number: turn, prompt }: NonNullable<Session["turn"]>,
  { outcome, answer, budget }: Extract<Move, { do: "end" }>,
): [Fact, ...Fact[]] {
  const key = String(turn);
  return [
    fact(hand, "checkpoint.made", { turn, commit: someCommit }),
    fact(hand, "effect.planned", { kind: "answer", key, thread: 1 }),
    fact(hand, "turn.ended", {
      ...{ turn, prompt, outcome, answer },
      ...{ commit: someCommit, notices: [], duration_ms: 1200, peak_rss_mb: 90 },
      ...(budget ? { budget } : {}),
    }),
  ];
}
