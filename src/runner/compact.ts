import { costOf } from "../sessions/budget.ts";
import { beginCompaction, compacted, compactionFailed, type NotCompacted } from "../sessions/compaction.ts";
import { release } from "../sessions/decide.ts";
import type { EventOf, Fact, Problem } from "../sessions/journal.ts";
import type { Message, Tokens } from "../sessions/message.ts";
import type { Lease, Session } from "../sessions/session.ts";
import type { Tip } from "../sessions/store.ts";
import { priceOf } from "./budgets.ts";
import { claim, openPen, type Taken } from "./claim.ts";
import { contextOf, summaryMessage } from "./context.ts";
import { examine } from "./examine.ts";
import { keepLease } from "./lease.ts";
import { formatModelRef, ModelError, type StepReply } from "./model.ts";
import type { Recorder } from "./recorder.ts";
import type { ModelChoice, Runner } from "./runner.ts";
import type { ShellState } from "./shell-state.ts";
import { textOf } from "./steps.ts";
import { summaryInstructions, summaryOf, summaryRequest, tokensOf } from "./summary.ts";

export type Compaction =
  | {
      readonly kind: "compacted";
      /** Tokens of the context, estimated by length. */
      readonly before: number;
      readonly after: number;
      readonly left: Left;
    }
  /** There is no summary, and the context is as it was. */
  | { readonly kind: "failed"; readonly problem: Problem; readonly left: Left }
  /** There is no model that could be asked; nothing was written. */
  | { readonly kind: "unsupported"; readonly problem: Problem }
  | { readonly kind: "busy"; readonly lease: Lease }
  | { readonly kind: "refused"; readonly why: NotCompacted };

/**
 * Null: the session was given back. Else prompts came meanwhile that nobody asked for a run for: the session is still
 * held, and its holder works on them (`workOff`).
 */
type Left = Taken | null;

/**
 * Compacts the context of a session at rest: its turns go on from a summary by its own model, and read nothing of the
 * journal before it. `hint` is what the summary has to tell of. A corrupt journal throws before anything is written.
 */
export async function compactSession(runner: Runner, { hint }: { readonly hint?: string } = {}): Promise<Compaction> {
  const { hand, holder, model } = runner;
  if (!model.ok) return { kind: "unsupported", problem: model.problem };
  const seen = await examine(runner);
  const asked = { model: formatModelRef(model.ref), ...(hint ? { hint } : {}) };
  const begin = (now: Session, isVoid: (lease: Lease) => boolean) =>
    beginCompaction(hand, now, { ...holder, isVoid }, asked);
  const { result, tip } = await claim(runner, begin, seen);
  if (result.kind !== "taken") return result;
  const { epoch } = result;
  const { recorder } = openPen(runner, { epoch, tip });
  const lease = keepLease({ ...runner, recorder, epoch });
  try {
    return await compact({ runner, recorder, model, epoch, cut: tip, stop: lease.stopOf(0), hint });
  } finally {
    await lease.end();
  }
}

interface Compacting {
  readonly runner: Runner;
  readonly recorder: Recorder;
  readonly model: Extract<ModelChoice, { ok: true }>;
  readonly epoch: number;
  /** The session as it was taken: the summary tells of all until then. */
  readonly cut: Tip;
  /** Aborts when the session is somebody else's, or whoever asked wants it to stop. */
  readonly stop: AbortSignal;
  readonly hint: string | undefined;
}

async function compact(compacting: Compacting): Promise<Compaction> {
  const { runner, recorder, model, cut } = compacting;
  const { hand, config } = runner;
  const { messages, shells } = contextOf(await recorder.journal());
  const written = await write(compacting, messages);
  if (!written.ok) {
    const { problem } = written;
    return { kind: "failed", problem, left: await end(compacting, () => compactionFailed(hand, problem)) };
  }
  const most = Math.floor(config.compaction.window * config.compaction.target);
  const text = recorder.redact(written.text);
  const summary = summaryOf(cut.session, await recorder.journal(), { text, tokens: most });
  const [before, after] = [tokensOf(messages), tokensOf([summaryMessage(summary)])];
  const { tokens } = written;
  const price = priceOf(config, model.ref);
  const cost = price ? { cost_usd: costOf(tokens, price) } : {};
  const told = { model: formatModelRef(model.ref), summary, shells: copy(shells), before, after, tokens, ...cost };
  const left = await end(compacting, (now) => compacted(hand, { cut, now }, told));
  return { kind: "compacted", before, after, left };
}

/** Appends how it came out, and gives the session back unless there is something to do in it. */
async function end({ runner, recorder, epoch }: Compacting, outcome: (now: Tip) => Fact): Promise<Left> {
  const tip = await recorder.flush({}, (now) => [
    outcome(now),
    ...(release(runner.hand, now.session, epoch)?.facts ?? []),
  ]);
  return tip.session.lease ? { epoch, tip } : null;
}

/** A summary is one reply; a model that takes longer than this for it will not come to an end. */
const longestWaitMs = 15 * 60_000;

type Written =
  | { readonly ok: true; readonly text: string; readonly tokens: Tokens }
  | { readonly ok: false; readonly problem: Problem };

async function write({ runner, model, stop, hint }: Compacting, said: readonly Message[]): Promise<Written> {
  const { window, target } = runner.config.compaction;
  const tokens = Math.floor(window * (1 - target));
  const request = summaryRequest(said, { tokens, ...(hint ? { hint } : {}) });
  const deadline = AbortSignal.timeout(longestWaitMs);
  try {
    const reply = await model.open().step({
      instructions: summaryInstructions,
      messages: [request],
      tools: [],
      cacheKey: runner.session,
      signal: AbortSignal.any([stop, deadline]),
    });
    const text = textOf(reply).trim();
    const isWhole = reply.stop === "end" && text !== "";
    return isWhole ? { ok: true, text, tokens: reply.tokens } : { ok: false, problem: noSummary(reply.stop) };
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const { kind, message, remedy } = error;
    return { ok: false, problem: kind === "aborted" ? stopped(stop) : { kind, message, remedy } };
  }
}

function noSummary(stop: StepReply["stop"]): Problem {
  const why = { end: "said nothing", tools: "called tools that it does not have", length: "ran into its output limit" };
  const message = `The model ${stop === "refusal" ? "refused to write a summary" : why[stop]}, so the context is as it was.`;
  return { kind: "no-summary", message, remedy: "Try again, or choose another model for this session." };
}

function stopped({ aborted }: AbortSignal): Problem {
  const [kind, why] = aborted ? ["stopped", "It was asked to stop"] : ["minutes", "The time for it was over"];
  const message = `${why} before there was a summary, so the context is as it was.`;
  return { kind, message, remedy: "Compact the session again when there is time for it." };
}

/** Plain data of its own, as the journal takes it. */
function copy(shells: Readonly<Record<string, ShellState>>): EventOf<"context.compacted">["shells"] {
  return Object.fromEntries(
    Object.entries(shells).map(([name, { env, ...state }]) => {
      return [name, { ...state, env: { set: { ...env.set }, unset: [...env.unset] } }];
    }),
  );
}
