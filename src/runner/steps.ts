import { createReadStream } from "node:fs";
import { fact, type Hand } from "../sessions/decide.ts";
import type { Fact, Outcome, Problem } from "../sessions/journal.ts";
import type { Message, ToolCall } from "../sessions/message.ts";
import { instructions } from "./context.ts";
import { type Model, ModelError, type StepReply } from "./model.ts";
import type { Recorder } from "./recorder.ts";
import type { Saver } from "./saver.ts";
import { errorCode } from "./system-error.ts";
import type { Happening, Tools } from "./tools.ts";

export interface TurnLimits {
  readonly steps: number;
  /** Tokens in and out, over all runs that worked on the turn. */
  readonly tokens: number;
}

export interface Work {
  readonly turn: number;
  /** Steps that earlier runs have done, and the tokens that they took. */
  readonly done: { readonly steps: number; readonly tokens: number };
  /** Every call in them is answered. */
  readonly messages: readonly Message[];
  readonly cacheKey: string;
  readonly model: Model;
  readonly tools: Tools;
  readonly recorder: Recorder;
  readonly saver: Saver;
  readonly hand: Hand;
  readonly limits: TurnLimits;
  /** Aborts the turn at its time limit. */
  readonly deadline: AbortSignal;
  /** Aborts the turn because somebody wants it to stop. */
  readonly stop: AbortSignal;
  /** Aborted when the run has to end before the turn does. */
  readonly leave: AbortSignal;
}

export interface Ending {
  readonly outcome: Outcome;
  readonly answer: string;
  readonly problem?: Problem;
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
  const { turn, recorder, saver, model, leave } = work;
  const signal = AbortSignal.any([work.deadline, work.stop, leave]);
  const messages = [...work.messages];
  const say = (step: number, said: Message, reply?: StepReply) => {
    const message = recorder.redact(said);
    messages.push(message);
    recorder.add(fact(work.hand, "message.added", { turn, step, message, ...(reply && counted(reply)) }));
  };
  let { tokens } = work.done;
  for (let step = work.done.steps + 1; ; step += 1) {
    const before = { turn, step: step - 1 };
    const reached = leave.aborted ? null : limitReached(work, { step, tokens });
    if (reached) return reached;
    const reply = leave.aborted ? "aborted" : await saver.during(before, think(work, messages, signal));
    if (leave.aborted) {
      await saver.save(before);
      return null;
    }
    if (reply === "aborted") return interrupted(work);
    if ("outcome" in reply) return reply;
    tokens += reply.tokens.input + reply.tokens.output;
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

function counted({ tokens, id }: StepReply) {
  return { tokens, ...(id === undefined ? {} : { reply: id }) };
}

function limitReached(work: Work, used: { step: number; tokens: number }): Ending | null {
  const { limits, deadline, stop } = work;
  if (deadline.aborted || stop.aborted) return interrupted(work);
  if (used.step > limits.steps) return limit(`${limits.steps} steps were taken`, "steps");
  if (used.tokens >= limits.tokens) return limit(`${used.tokens.toLocaleString("en-US")} tokens were used`, "tokens");
  return null;
}

function interrupted({ stop }: Work): Ending {
  if (!stop.aborted) return limit("the time for one turn is over", "minutes");
  return endingFor("stopped", {
    kind: "stopped",
    message:
      "The turn was asked to stop. What it had changed until then is kept; the step that it was in is not finished.",
    remedy: "Ask again with what should be done instead, or ask to go on. Prompts that wait start with the next one.",
  });
}

function limit(reached: string, key: string): Ending {
  return endingFor("limit", {
    kind: key,
    message: `The turn ended because ${reached}.`,
    remedy: `Comment \`/agent continue\` to go on from here, or raise \`${key}\` under \`[limits]\` in .github/offshoot.toml.`,
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

export function textOf({ parts }: StepReply): string {
  return parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n\n");
}

function callsOf({ parts }: StepReply): ToolCall[] {
  return parts.filter((part) => part.type === "tool_call");
}

/** A happening as a fact; outputs that were too long for the model's answer go into `output/`. */
async function journaled({ turn, hand, recorder }: Work, step: number, what: Happening): Promise<Fact> {
  const at = { turn, step };
  switch (what.type) {
    case "command.ran": {
      const { type, spilled: files = [], env, ms, ...ran } = what;
      const kept = await Promise.all(files.map((file) => keep(recorder, file, at)));
      const spilled = kept.filter((name) => name !== null);
      return fact(hand, type, {
        ...at,
        ...ran,
        ms: Math.round(ms),
        ...(env ? { env: { set: { ...env.set }, unset: [...env.unset] } } : {}),
        ...(spilled.length > 0 ? { spilled } : {}),
      });
    }
    case "file.read":
      return fact(hand, "file.read", { ...at, path: what.path });
    case "file.changed":
      return fact(hand, "file.changed", { ...at, path: what.path, change: what.change, bytes: what.bytes });
  }
}

/** Bytes of a spilled output that the journal keeps; the tool's answer says how long the whole was. */
const longestSpill = 2_000_000;

/** Null where the file is there no longer: it lies where the agent's commands may delete it. */
async function keep(
  recorder: Recorder,
  file: string,
  { turn, step }: { turn: number; step: number },
): Promise<string | null> {
  const start = await readStart(file, longestSpill);
  if (start === null) return null;
  // The last line that is cut may end in half of what must not be kept.
  const content = start.length < longestSpill ? start : start.subarray(0, start.lastIndexOf("\n") + 1);
  const name = `turn-${turn}-step-${step}-${file.split("/").slice(-2).join("-")}`;
  recorder.keep(name, content);
  return name;
}

async function readStart(file: string, bytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file, { end: bytes - 1 })) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}
