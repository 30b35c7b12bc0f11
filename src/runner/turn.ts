import { join } from "node:path";
import { fact, type Hand, runsPerTurn } from "../sessions/decide.ts";
import { type Prompt, type Session, threadOf } from "../sessions/session.ts";
import { refOf, type Tip } from "../sessions/store.ts";
import { fetchCommit } from "./branch.ts";
import { priceOf, unpriced } from "./budgets.ts";
import { type Context, contextOf, instructions } from "./context.ts";
import { deliver } from "./deliver.ts";
import {
  type Acting,
  completeEffects,
  describePull,
  type StatusUpdates,
  showStatus,
  statusUpdates,
} from "./effects.ts";
import { agentEnvironment, withoutTerminal } from "./environment.ts";
import type { KeptLease } from "./lease.ts";
import type { Model } from "./model.ts";
import { spawnDirectly } from "./processes.ts";
import type { Recorder } from "./recorder.ts";
import type { Runner } from "./runner.ts";
import { openSaver } from "./saver.ts";
import type { Setup } from "./setup.ts";
import { openShells, type Shells } from "./shells.ts";
import { type Ending, endingFor, workThrough } from "./steps.ts";
import { openTerminals } from "./terminals.ts";
import { toolSpecs } from "./tool-specs.ts";
import { openTools, type Tools } from "./tools.ts";
import { lastRequest, type Overhead, turnCost, turnUsage } from "./usage.ts";
import { alignAgentsGit, type Workspace } from "./workspace.ts";

/** What a run has in hand while it holds the session. */
export interface Held {
  readonly runner: Runner;
  readonly recorder: Recorder;
  readonly workspace: Workspace;
  /** Null where nothing is written outside git. */
  readonly acting: Acting | null;
  readonly lease: KeptLease;
  readonly setup: Setup;
}

/** A turn that is open in the journal, and what to tell the person about where it stands. */
export interface Begun {
  readonly tip: Tip;
  readonly notices: readonly string[];
  /** The session's branch was deleted before the turn. */
  readonly again: boolean;
}

/** Bytes of each output stream of a command that the model sees. */
const outputCap = 30_000;
/** A command that names no time-out. */
const usualTimeoutMs = 120_000;
/** Until the first status edit while a turn runs. */
const statusAfterMs = 20_000;
/** The longest that a timer of Node's can be set to. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Works on the open turn and delivers it: afterwards it has ended, its work is pushed and its answer posted. Where the run
 * has to end before, the turn is still open and saved.
 */
export async function runTurn(run: Held, { tip, notices, again }: Begun): Promise<Tip> {
  const { runner, recorder, workspace, acting } = run;
  const { repository } = runner;
  const began = Date.now();
  const turn = openTurn(tip.session);
  const prompt = recorder.redact(promptOf(tip.session, turn));
  const thread = threadOf(prompt);
  const hand = onBehalfOf(prompt, runner.hand);
  const show = async (now: Tip) => acting && thread !== null && showStatus(acting, now, thread);
  const { session } = tip;
  // Both go on while the model thinks. What fails in them is thrown where they are waited for.
  const [shown, ready] = [show(tip), placeTree(run, session)];
  for (const begun of [shown, ready]) begun.catch(() => undefined);
  const context = await resume(run, session, hand);
  const worked = await workOn({ ...run, session, turn, hand, context, thread, ready });
  await Promise.all([shown, ready]);
  if (worked === null) return recorder.flush();
  const ending = recorder.redact(worked);
  const took = { ms: Date.now() - began, peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024) };
  const told = [...(await recorder.journal()), ...recorder.waiting];
  const usage = turnUsage(told, turn.number, overheadOf(runner.config.shells));
  const cost = turnCost(told, turn.number);
  const all = [...notices, ...run.setup.notices()];
  const result = { prompt, ending, notices: all, again, usage, cost, took };
  const delivered = await deliver({ repository, workspace, recorder, acting, hand, session, turn, ...result });
  if (!acting) return delivered;
  const completed = await completeEffects(acting, delivered, "us");
  if (completed.session.head !== session.head) await describePull(acting, completed.session);
  await show(completed);
  return completed;
}

/** What every request carries beside the conversation. */
function overheadOf(shells: Runner["config"]["shells"]): Overhead {
  return { system: instructions.length, tools: JSON.stringify(toolSpecs(shells)).length };
}

function promptOf({ session, queue }: Session, { number, prompt: id }: Turn): Prompt & { readonly text: string } {
  const prompt = queue.find((prompt) => prompt.id === id);
  if (prompt?.text === undefined) throw new Error(`Turn ${number} of session ${session} has no prompt.`);
  return { ...prompt, text: prompt.text };
}

function onBehalfOf({ by: { login, id } }: Prompt, hand: Hand): Hand {
  return { ...hand, by: { ...hand.by, for: { login, id } } };
}

type Turn = NonNullable<Session["turn"]>;

function openTurn({ session, turn }: Session): Turn {
  if (!turn) throw new Error(`Session ${session} has no open turn.`);
  return turn;
}

/** Puts the work tree to where the last run has saved it, at the turn's start or within it, with a git for the agent. */
async function placeTree({ runner, workspace }: Held, session: Session): Promise<void> {
  const { repository, model } = runner;
  const { base } = openTurn(session);
  const wip = refOf.wip(session.session);
  if (session.wip) await repository.fetch([`+${wip}*:${wip}*`], 1);
  await fetchCommit(repository, base);
  await workspace.checkout(session.wip ?? base);
  if (!model.ok) return;
  const { tree } = workspace;
  await alignAgentsGit(spawnDirectly, { tree, env: environmentOf(runner, session), repository, commit: base });
}

function environmentOf({ tree, scratch, shellEnv: base }: Runner, session: Session): Record<string, string> {
  return agentEnvironment(session, { tree: tree.path, scratch, base });
}

/** The conversation as the last run has saved it. */
async function resume({ recorder }: Held, session: Session, hand: Hand): Promise<Context> {
  const { number: turn, step } = openTurn(session);
  const context = contextOf(await recorder.journal());
  recorder.add(...context.interrupted.map((message) => fact(hand, "message.added", { turn, step, message })));
  return context;
}

interface Working extends Held {
  readonly session: Session;
  readonly turn: Turn;
  readonly hand: Hand;
  readonly context: Context;
  /** Where the person is who asked; null for one at a terminal. */
  readonly thread: number | null;
  /** Settles when the work tree is where the turn begins. */
  readonly ready: Promise<void>;
}

async function workOn(working: Working): Promise<Ending | null> {
  const { runner, session, turn, context } = working;
  const { tree } = working.workspace;
  if (turn.runs > runsPerTurn) return lostTooOften(turn.runs - 1);
  if (!runner.model.ok) return endingFor("failed", runner.model.problem);
  const lack = unpriced(session.budgets ?? [], priceOf(runner.config, runner.model.ref), runner.model.ref);
  if (lack) return endingFor("failed", lack);
  const { scratch } = runner;
  const env = environmentOf(runner, session);
  const shells = openShells({
    cwd: tree,
    env: { ...withoutTerminal, ...env },
    scratch: join(scratch, `shells-${turn.number}`),
    cap: outputCap,
    redact: working.recorder.redact,
    restore: context.shells,
  });
  const place = { cwd: tree, env, scratch: join(scratch, `terminals-${turn.number}`) };
  const terminals = runner.config.shells.terminal ? openTerminals(place) : null;
  const timeoutMs = { usual: usualTimeoutMs, most: runner.config.limits.commandSeconds * 1000 };
  const tools = waitingFor(working.ready, openTools({ tree, shells, terminals, timeoutMs }));
  const status = updates(working);
  try {
    return await converse(working, { model: runner.model.open(), tools, shells, status });
  } finally {
    await Promise.all([shells.close(), terminals?.close()]);
    await status.settled();
  }
}

function waitingFor(ready: Promise<void>, tools: Tools): Tools {
  return { ...tools, run: (...given) => ready.then(() => tools.run(...given)) };
}

function updates({ acting, thread }: Working): StatusUpdates {
  return acting && thread !== null ? statusUpdates(acting, thread, statusAfterMs) : noUpdates;
}

const noUpdates: StatusUpdates = { show: () => undefined, settled: async () => undefined };

interface Means {
  readonly model: Model;
  readonly tools: Tools;
  readonly shells: Shells;
  readonly status: StatusUpdates;
}

async function converse(working: Working, { model, tools, shells, status }: Means): Promise<Ending | null> {
  const { runner, recorder, workspace, ready, hand, session, turn, context } = working;
  const { repository, log, saveEveryMs: everyMs } = runner;
  const { limits } = runner.config;
  const { wip } = session;
  const stop = working.lease.stopOf(turn.number);
  working.lease.heed(working); // somebody may have asked while nobody worked on it
  return workThrough({
    turn: turn.number,
    done: { steps: turn.step, tokens: turn.tokens, usd: turn.usd },
    messages: [...context.messages, ...context.interrupted],
    prepare: (step, signal) => working.setup.once({ ready, shells, hand, turn: turn.number, step, signal }),
    cacheKey: runner.session,
    model,
    tools,
    recorder,
    saver: openSaver({
      session: runner.session,
      recorder,
      repository,
      snapshot: () => ready.then(workspace.snapshot),
      hand,
      base: turn.base,
      wip,
      everyMs,
      log,
      onSaved: (tip) => {
        working.lease.heed(tip);
        status.show(tip);
      },
    }),
    hand,
    steps: limits.steps,
    budget: {
      levels: session.budgets ?? [],
      price: priceOf(runner.config, model.ref),
      last: lastRequest(await recorder.journal()),
      thread: working.thread,
    },
    deadline: AbortSignal.timeout(Math.min(limits.minutes * 60_000, longestTimerMs)),
    stop,
    leave: runner.leave,
  });
}

function lostTooOften(runs: number): Ending {
  const message = `${runs} runs ended in the middle of this turn, so it was given up.`;
  const remedy = "Look at the logs of those runs (out of memory? a command that ends the runner?), then ask again.";
  return endingFor("failed", { kind: "lost-runs", message, remedy });
}
