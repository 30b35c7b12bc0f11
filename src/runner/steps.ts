import { readFile } from "node:fs/promises";
import { fact, type Hand } from "../sessions/decide.ts";
import type { Fact, Outcome, Problem } from "../sessions/journal.ts";
import type { Message, ToolCall } from "../sessions/message.ts";
import { instructions, interrupted } from "./context.ts";
import { type Model, ModelError, type StepReply } from "./model.ts";
import type { Recorder } from "./recorder.ts";
import type { Saver } from "./saver.ts";
import { type Happening, type Tools, toolSpecs } from "./tools.ts";

export interface TurnLimits {
  readonly steps: number;
  /** Tokens in and out, over all runs that worked on the turn. */
  readonly tokens: number;
}

export interface Work {
  readonly turn: number;
  /** Steps that earlier runs have done, and the tokens that they took. */
  readonly done: { readonly steps: number; readonly tokens: number };
  readonly messages: readonly Message[];
  readonly open: readonly ToolCall[];
  readonly cacheKey: string;
  readonly model: Model;
  readonly tools: Tools;
  readonly recorder: Recorder;
  readonly saver: Saver;
  readonly hand: Hand;
  readonly limits: TurnLimits;
  /** Aborts the turn at its time limit. */
  readonly deadline: AbortSignal;
}

export interface Ending {
  readonly outcome: Outcome;
  readonly answer: string;
  readonly problem?: Problem;
}

/** The longest spilled output that is kept in the journal; the tool's answer says how long the whole was. */
const longestSpill = 2_000_000;

/** Works on one prompt until the model answers or a limit ends it: ask the model, run its calls, again. */
export async function workThrough(work: Work): Promise<Ending> {
  const { turn, recorder, saver } = work;
  const messages = [...work.messages];
  const say = (step: number, message: Message, tokens?: StepReply["tokens"]) => {
    messages.push(message);
    recorder.add(fact(work.hand, "message.added", { turn, step, message, ...(tokens ? { tokens } : {}) }));
  };
  for (const { call, name } of work.open) say(work.done.steps, { role: "tool", call, name, output: interrupted });
  let { tokens } = work.done;
  for (let step = work.done.steps + 1; ; step += 1) {
    const reached = limitReached(work, { step, tokens });
    if (reached) return reached;
    const reply = await saver.during({ turn, step: step - 1 }, think(work, messages));
    if ("outcome" in reply) return reply;
    tokens += reply.tokens.input + reply.tokens.output;
    const { ref } = work.model;
    say(step, { role: "assistant", model: `${ref.provider}:${ref.model}`, parts: [...reply.parts] }, reply.tokens);
    const ending = endOf(reply);
    if (ending) return ending;
    for (const call of callsOf(reply)) {
      const { output, happened } = await work.tools.run(call, { signal: work.deadline });
      recorder.add(...(await Promise.all(happened.map((what) => journaled(work, step, what)))));
      say(step, { role: "tool", call: call.call, name: call.name, output });
    }
    await saver.saveIfDue({ turn, step });
  }
}

function limitReached({ limits, deadline }: Work, used: { step: number; tokens: number }): Ending | null {
  if (deadline.aborted) return limit("the time for one turn is over", "minutes");
  if (used.step > limits.steps) return limit(`${limits.steps} steps were taken`, "steps");
  if (used.tokens >= limits.tokens) return limit(`${used.tokens.toLocaleString("en-US")} tokens were used`, "tokens");
  return null;
}

function limit(reached: string, key: string): Ending {
  const message = `The turn ended because ${reached}. The work so far is saved.`;
  const remedy = `Comment \`/agent continue\` to go on from here, or raise \`${key}\` under \`[limits]\` in .github/offshoot.toml.`;
  return { outcome: "limit", answer: "", problem: { kind: key, message, remedy } };
}

async function think(work: Work, messages: readonly Message[]): Promise<StepReply | Ending> {
  const { model, cacheKey, deadline } = work;
  try {
    return await model.step({ instructions, messages: [...messages], tools: toolSpecs(), cacheKey, signal: deadline });
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    if (error.kind === "aborted") return limit("the time for one turn is over", "minutes");
    return {
      outcome: "failed",
      answer: "",
      problem: { kind: error.kind, message: error.message, remedy: error.remedy },
    };
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

function textOf({ parts }: StepReply): string {
  return parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
}

function callsOf({ parts }: StepReply): ToolCall[] {
  return parts.filter((part) => part.type === "tool_call");
}

/** A happening as a fact; outputs that were too long for the model's answer go into `output/`. */
async function journaled({ turn, hand, recorder }: Work, step: number, what: Happening): Promise<Fact> {
  switch (what.type) {
    case "command.ran": {
      const { type, spilled: files = [], env, ...ran } = what;
      const spilled = await Promise.all(
        files.map((file) => keep(recorder, { file, prefix: `turn-${turn}-step-${step}` })),
      );
      return fact(hand, type, {
        ...{ turn, step, ...ran, ms: Math.round(ran.ms) },
        ...(env ? { env: { set: { ...env.set }, unset: [...env.unset] } } : {}),
        ...(spilled.length > 0 ? { spilled } : {}),
      });
    }
    case "file.read":
      return fact(hand, "file.read", { turn, step, path: what.path });
    case "file.changed":
      return fact(hand, "file.changed", { turn, step, path: what.path, change: what.change, bytes: what.bytes });
  }
}

async function keep(recorder: Recorder, { file, prefix }: { file: string; prefix: string }): Promise<string> {
  const name = `${prefix}-${file.split("/").slice(-2).join("-")}`;
  const content = await readFile(file);
  recorder.keep(name, content.subarray(0, longestSpill));
  return name;
}
