import { join } from "node:path";
import type { Asked } from "../github/comments.ts";
import { fact, type Hand, runsPerTurn } from "../sessions/decide.ts";
import type { Session } from "../sessions/session.ts";
import { refOf, type Tip } from "../sessions/store.ts";
import { fetchCommit } from "./branch.ts";
import { type Context, contextOf } from "./context.ts";
import { deliver } from "./deliver.ts";
import {
  type Acting,
  askedIn,
  completeEffects,
  describePull,
  type StatusUpdates,
  showStatus,
  statusUpdates,
} from "./effects.ts";
import { agentEnvironment } from "./environment.ts";
import type { Model } from "./model.ts";
import { spawnDirectly } from "./processes.ts";
import type { Recorder } from "./recorder.ts";
import type { Runner } from "./runner.ts";
import { openSaver } from "./saver.ts";
import { openShells, type Shells } from "./shells.ts";
import { type Ending, endingFor, workThrough } from "./steps.ts";
import { openTools } from "./tools.ts";
import { alignAgentsGit, type Workspace } from "./workspace.ts";

/** What a run has in hand while it holds the session. */
export interface Held {
  readonly runner: Runner;
  readonly recorder: Recorder;
  readonly workspace: Workspace;
  readonly acting: Acting;
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
/** Status edits while a turn runs: GitHub allows few writes, and people do not read faster. */
const statusEveryMs = 20_000;
/** The longest that a timer of Node's can be set to. */
const longestTimerMs = 2 ** 31 - 1;

/** Works on the open turn and delivers it: afterwards it has ended, its work is pushed and its answer posted. */
export async function runTurn(run: Held, { tip, notices, again }: Begun): Promise<Tip> {
  const { runner, recorder, workspace, acting } = run;
  const { repository } = runner;
  const began = Date.now();
  const turn = openTurn(tip.session);
  const prompt = askedIn(await recorder.journal(), { turn: turn.number, prompt: turn.prompt });
  const { thread } = prompt.source;
  const hand = onBehalfOf(prompt, runner.hand);
  const { session } = await showStatus(acting, tip, thread);
  const context = await resume(run, session, hand);
  const ending = await workOn({ ...run, session, turn, hand, context, thread });
  const took = { ms: Date.now() - began, peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024) };
  const result = { prompt, ending, notices, again, took };
  const delivered = await deliver({ repository, workspace, recorder, acting, hand, session, turn, ...result });
  const completed = await completeEffects(acting, delivered);
  if (completed.session.head !== session.head) await describePull(acting, completed.session);
  return showStatus(acting, completed, thread);
}

function onBehalfOf({ by: { login, id } }: Asked, hand: Hand): Hand {
  return { ...hand, by: { ...hand.by, for: { login, id } } };
}

type Turn = NonNullable<Session["turn"]>;

function openTurn({ session, turn }: Session): Turn {
  if (!turn) throw new Error(`Session ${session} has no open turn.`);
  return turn;
}

/** Puts the work tree, and the conversation, to where the last run has saved them: at the turn's start, or within it. */
async function resume({ runner, recorder, workspace }: Held, session: Session, hand: Hand): Promise<Context> {
  const { repository } = runner;
  const { number: turn, base, step } = openTurn(session);
  const wip = refOf.wip(session.session);
  if (session.wip) await repository.fetch([`+${wip}*:${wip}*`], 1);
  await fetchCommit(repository, base);
  await workspace.checkout(session.wip ?? base);
  const context = contextOf(await recorder.journal());
  recorder.add(...context.interrupted.map((message) => fact(hand, "message.added", { turn, step, message })));
  return context;
}

interface Working extends Held {
  readonly session: Session;
  readonly turn: Turn;
  readonly hand: Hand;
  readonly context: Context;
  /** Where the person is who asked. */
  readonly thread: number;
}

async function workOn(working: Working): Promise<Ending> {
  const { runner, session, turn, context } = working;
  const { tree } = working.workspace;
  if (turn.runs > runsPerTurn) return lostTooOften(turn.runs - 1);
  if (!runner.model.ok) return endingFor("failed", runner.model.problem);
  const { scratch, repository } = runner;
  const env = agentEnvironment(session, { tree, scratch, base: runner.shellEnv });
  await alignAgentsGit(spawnDirectly, { tree, env, repository, commit: turn.base });
  const folder = join(scratch, `shells-${turn.number}`);
  const shells = openShells({ cwd: tree, env, scratch: folder, cap: outputCap, restore: context.shells });
  const status = statusUpdates(working.acting, working.thread, statusEveryMs);
  try {
    return await converse(working, { model: runner.model.open(), shells, status });
  } finally {
    await shells.close();
    await status.settled();
  }
}

interface Means {
  readonly model: Model;
  readonly shells: Shells;
  readonly status: StatusUpdates;
}

async function converse(working: Working, { model, shells, status }: Means): Promise<Ending> {
  const { runner, recorder, workspace, hand, session, turn, context } = working;
  const { repository, log, saveEveryMs: everyMs } = runner;
  const { limits } = runner.config;
  const { wip } = session;
  const timeoutMs = { usual: usualTimeoutMs, most: limits.commandSeconds * 1000 };
  return workThrough({
    turn: turn.number,
    done: { steps: turn.step, tokens: turn.tokens },
    messages: [...context.messages, ...context.interrupted],
    cacheKey: runner.session,
    model,
    tools: openTools({ tree: workspace.tree, shells, timeoutMs }),
    recorder,
    saver: await openSaver({
      session: runner.session,
      recorder,
      repository,
      workspace,
      hand,
      base: turn.base,
      wip,
      everyMs,
      log,
      onSaved: status.show,
    }),
    hand,
    limits,
    deadline: AbortSignal.timeout(Math.min(limits.minutes * 60_000, longestTimerMs)),
  });
}

function lostTooOften(runs: number): Ending {
  const message = `${runs} runs ended in the middle of this turn, so it was given up.`;
  const remedy = "Look at the logs of those runs (out of memory? a command that ends the runner?), then ask again.";
  return endingFor("failed", { kind: "lost-runs", message, remedy });
}
