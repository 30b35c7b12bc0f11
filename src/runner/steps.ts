import { type BudgetLevel, costOf, type Price, type Spent } from "../sessions/budget.ts";
import { fact, type Hand } from "../sessions/decide.ts";
import type { Outcome, Problem, TurnBudget } from "../sessions/journal.ts";
import type { Message, Tokens, ToolCall } from "../sessions/message.ts";
import { nothingSpent, plus, spentBy } from "../sessions/spending.ts";
import { budgetProblem, leastOf, reachedBudget, waysOn } from "./budgets.ts";
import { instructions } from "./context.ts";
import { journaled } from "./happened.ts";
import { type Model, ModelError, type StepReply } from "./model.ts";
import type { Recorder } from "./recorder.ts";
import type { At, Saver } from "./saver.ts";
import type { Tools } from "./tools.ts";

export interface Work {
  readonly turn: number;
  /** Steps that earlier runs have done, and what they took. */
  readonly done: Spent & { readonly steps: number };
  /** Every call in them is answered. */
  readonly messages: readonly Message[];
  /** What is done before a request: gives what is to be said first. */
  readonly prepare: (step: number, signal: AbortSignal) => Promise<readonly Message[]>;
  readonly cacheKey: string;
  readonly model: Model;
  readonly tools: Tools;
  readonly recorder: Recorder;
  readonly saver: Saver;
  readonly hand: Hand;
  /** The most steps. */
  readonly steps: number;
  readonly budget: WorkBudget;
  /** Aborts the turn at its time limit. */
  readonly deadline: AbortSignal;
  /** Aborts the turn because somebody wants it to stop. */
  readonly stop: AbortSignal;
  /** Aborted when the run has to end before the turn does. */
  readonly leave: AbortSignal;
}

export interface WorkBudget {
  readonly levels: readonly TurnBudget[];
  /** Null: what the model costs is not known. */
  readonly price: Price | null;
  /** The last request of the conversation, which the next one carries; null: not known. */
  readonly last: Tokens | null;
  /** Where the person is who asked; null for one at a terminal. */
  readonly thread: number | null;
}

export interface Ending {
  readonly outcome: Outcome;
  readonly answer: string;
  readonly problem?: Problem;
  /** The budget that ended the turn. */
  readonly budget?: BudgetLevel;
}

/** An ending without an answer of the model's. */
export function endingFor(outcome: Outcome, problem: Problem): Ending {
  return { outcome, answer: "", problem };
}

/**
 * Works on one prompt until the model answers or a limit ends it: ask the model, run its calls, again. Null where the run
 * has to end before: all until then is saved, for another run to go on from.
 */
export async function workThrough(work: Work): Promise<Ending | null> {
  const { turn, recorder, saver, model, leave, budget } = work;
  const signal = AbortSignal.any([work.deadline, work.stop, leave]);
  const messages = [...work.messages];
  const say = (step: number, said: Message, reply?: StepReply) => {
    const message = recorder.redact(said);
    messages.push(message);
    recorder.add(fact(work.hand, "message.added", { turn, step, message, ...(reply && counted(reply, budget.price)) }));
  };
  let spent: Spent = work.done;
  let { last } = budget;
  for (let step = work.done.steps + 1; ; step += 1) {
    const before = { turn, step: step - 1 };
    const reached = leave.aborted ? null : limitReached(work, { step, spent, last, messages });
    if (reached) return reached;
    const reply = leave.aborted ? "aborted" : await ask(work, before, { messages, say, signal });
    if (leave.aborted) {
      await saver.save(before);
      return null;
    }
    if (reply === "aborted") return interrupted(work);
    if ("outcome" in reply) return reply;
    last = reply.tokens;
    spent = plus(spent, spentBy(counted(reply, budget.price)));
    const by = `${model.ref.provider}:${model.ref.model}`;
    say(step, { role: "assistant", model: by, parts: [...reply.parts] }, reply);
    const ending = endOf(reply);
    if (ending) return ending;
    for (const call of callsOf(reply)) {
      await saver.saveIfDue({ turn, step });
      const { output, happened } = await work.tools.run(call, { signal });
      recorder.add(...(await Promise.all(happened.map((what) => journaled(work, step, what)))));
      say(step, { role: "tool", call: call.call, name: call.name, output });
    }
    await saver.saveIfDue({ turn, step });
  }
}

interface Talk {
  readonly messages: readonly Message[];
  readonly say: (step: number, said: Message) => void;
  readonly signal: AbortSignal;
}

async function ask(work: Work, before: At, { messages, say, signal }: Talk): Promise<StepReply | Ending | "aborted"> {
  for (const message of await work.prepare(before.step, signal)) say(before.step, message);
  return work.saver.during(before, think(work, messages, signal));
}

function counted({ tokens, id }: StepReply, price: Price | null) {
  return { tokens, ...(price ? { cost_usd: costOf(tokens, price) } : {}), ...(id === undefined ? {} : { reply: id }) };
}

/** Where the work is, before a step. */
interface Standing {
  readonly step: number;
  readonly spent: Spent;
  readonly last: Tokens | null;
  readonly messages: readonly Message[];
}

function limitReached(work: Work, { step, spent, last, messages }: Standing): Ending | null {
  const { steps, budget, deadline, stop, cacheKey: session } = work;
  if (deadline.aborted || stop.aborted) return interrupted(work);
  if (step > steps) return limit(work, `${steps} steps were taken`, "steps");
  const reached = reachedBudget(budget.levels, spent, last ? leastOf(last, budget.price) : nothingSpent);
  if (!reached) return null;
  const unfinished = { steps: step - 1, turn: spent, lastWords: lastSaid(messages), thread: budget.thread, session };
  return { ...endingFor("limit", budgetProblem(reached, unfinished)), budget: reached.level };
}

/** The beginning of what the agent said last in this turn beside its calls. */
function lastSaid(messages: readonly Message[]): string {
  const since = messages.slice(messages.findLastIndex(({ role }) => role === "user") + 1);
  const texts = since.flatMap((message) => (message.role === "assistant" ? [textOf(message)] : []));
  const last = texts.findLast((text) => text !== "")?.replace(/\s+/g, " ") ?? "";
  return last.length > longestWords ? `${last.slice(0, longestWords).toWellFormed()}…` : last;
}

const longestWords = 300;

function interrupted(work: Work): Ending {
  if (!work.stop.aborted) return limit(work, "the time for one turn is over", "minutes");
  return endingFor("stopped", {
    kind: "stopped",
    message:
      "The turn was asked to stop. What it had changed until then is kept; the step that it was in is not finished.",
    remedy: "Ask again with what should be done instead, or ask to go on. Prompts that wait start with the next one.",
  });
}

function limit({ budget: { thread }, cacheKey: session }: Work, reached: string, key: string): Ending {
  return endingFor("limit", {
    kind: key,
    message: `The turn ended because ${reached}.`,
    remedy: `${waysOn({ thread, session })} to go on from here, or raise \`${key}\` under \`[limits]\` in .github/offshoot.toml.`,
  });
}

async function think(
  work: Work,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<StepReply | Ending | "aborted"> {
  const { model, cacheKey } = work;
  try {
    return await model.step({ instructions, messages: [...messages], tools: work.tools.specs, cacheKey, signal });
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const { kind, message, remedy } = error;
    return kind === "aborted" ? kind : endingFor("failed", { kind, message, remedy });
  }
}

function endOf(reply: StepReply): Ending | null {
  const answer = textOf(reply);
  switch (reply.stop) {
    case "refusal":
      return { outcome: "refused", answer };
    case "length": {
      const message = "The model ran into its output limit in the middle of a reply.";
      const remedy = "Ask for the work in smaller pieces, or choose a model with a higher output limit.";
      return { outcome: "limit", answer, problem: { kind: "length", message, remedy } };
    }
    case "end":
    case "tools":
      return callsOf(reply).length === 0 ? { outcome: "done", answer } : null;
  }
}

export function textOf({ parts }: Pick<StepReply, "parts">): string {
  return parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
}

function callsOf({ parts }: StepReply): ToolCall[] {
  return parts.filter((part) => part.type === "tool_call");
}
