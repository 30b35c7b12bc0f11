import { join } from "node:path";
import { type Hand, runsPerTurn } from "../sessions/decide.ts";
import type { CommitId } from "../sessions/ids.ts";
import type { Event, Fact } from "../sessions/journal.ts";
import { refOf, type Tip } from "../sessions/store.ts";
import { contextOf } from "./context.ts";
import { deliver } from "./deliver.ts";
import { type Acting, completeEffects, describePull, promptOf, refreshStatus, showStatus } from "./effects.ts";
import { agentEnvironment } from "./environment.ts";
import { spawnDirectly } from "./processes.ts";
import type { Recorder } from "./recorder.ts";
import type { Runner } from "./runner.ts";
import { openSaver } from "./saver.ts";
import { openShells } from "./shells.ts";
import { type Ending, workThrough } from "./steps.ts";
import { openTools } from "./tools.ts";
import { alignAgentsGit, type Workspace } from "./workspace.ts";

/** What a run has in hand while it holds the session. */
export interface Held {
  readonly runner: Runner;
  readonly recorder: Recorder;
  readonly workspace: Workspace;
  readonly acting: Acting;
}

/** Bytes of each output stream of a command that the model sees. */
const outputCap = 30_000;
/** A command that names no time-out. */
const usualTimeoutMs = 120_000;
/** Status edits while a turn runs: GitHub allows few writes, and people do not read faster. */
const statusEveryMs = 20_000;

/** Works on the open turn and delivers it: afterwards it has ended, its work is pushed and its answer posted. */
export async function runTurn(run: Held, tip: Tip, notices: readonly string[]): Promise<Tip> {
  const { runner, acting } = run;
  const { turn, wip } = tip.session;
  if (!turn) throw new Error(`Session ${tip.session.session} has no open turn.`);
  const began = Date.now();
  const stored = await runner.store.journal(runner.session);
  const events = stored.flatMap(({ events }) => events);
  const prompt = promptOf(events, tip.session, turn);
  const hand = { ...runner.hand, by: { ...runner.hand.by, for: { login: prompt.by.login, id: prompt.by.id } } };
  const shown = await showStatus(acting, tip, prompt.source.thread);
  const files = wip ?? turn.base;
  await bring(runner, { wip, base: turn.base });
  await run.workspace.checkout(files);
  const ending = await work({ ...run, hand, tip: shown, events, files, thread: prompt.source.thread });
  const delivered = await deliver({
    ...{ ...runner, hand, recorder: run.recorder, workspace: run.workspace, prompt, ending, notices },
    session: shown.session,
    turn,
    events: await factsOf(run, turn.number),
    took: { ms: Date.now() - began, peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024) },
  });
  const completed = await completeEffects(acting, delivered);
  if (completed.session.head !== tip.session.head) await describePull(acting, completed.session);
  return showStatus(acting, completed, prompt.source.thread);
}

/** What the journal has of a turn, and what is about to be appended to it. */
async function factsOf({ runner, recorder }: Held, turn: number): Promise<readonly Fact[]> {
  const stored = await runner.store.journal(runner.session);
  const facts = [...stored.flatMap(({ events }): readonly Fact[] => events), ...recorder.waiting];
  return facts.filter((fact) => "turn" in fact && fact.turn === turn);
}

/** The commits that the turn needs may be on another machine's disk only. */
async function bring(
  { repository, session }: Runner,
  { wip, base }: { wip: CommitId | undefined; base: CommitId },
): Promise<void> {
  if (wip) await repository.fetch([`+${refOf.wip(session)}*:${refOf.wip(session)}*`]);
  if ((await repository.resolve(base)) === null) await repository.fetch([base], 1);
}

interface Working extends Held {
  readonly hand: Hand;
  readonly tip: Tip;
  readonly events: readonly Event[];
  readonly files: CommitId;
  readonly thread: number;
}

async function work(working: Working): Promise<Ending> {
  const { runner, recorder, workspace, hand, tip, acting, thread } = working;
  const { turn } = tip.session;
  if (!turn) throw new Error(`Session ${tip.session.session} has no open turn.`);
  if (turn.runs > runsPerTurn) return lostTooOften(turn.runs - 1);
  if (!runner.model.ok) return { outcome: "failed", answer: "", problem: runner.model.problem };
  const context = contextOf(working.events);
  const { limits } = runner.config;
  const show = every(statusEveryMs, (saved: Tip) => refreshStatus(acting, saved, thread));
  const env = agentEnvironment(tip.session, { tree: workspace.tree, scratch: runner.scratch, base: runner.shellEnv });
  await alignAgentsGit(spawnDirectly, { tree: workspace.tree, env, repository: runner.repository, commit: turn.base });
  const shells = openShells({
    env,
    ...{
      cwd: workspace.tree,
      scratch: join(runner.scratch, `shells-${turn.number}`),
      cap: outputCap,
      restore: context.shells,
    },
  });
  const saverOptions = { ...runner, recorder, workspace, hand, from: working.files, everyMs: runner.saveEveryMs };
  try {
    return await workThrough({
      ...{ turn: turn.number, done: { steps: turn.step, tokens: turn.tokens }, ...context },
      ...{ cacheKey: runner.session, recorder, hand, limits },
      model: runner.model.open(),
      tools: openTools({
        ...{ tree: workspace.tree, shells },
        timeoutMs: { usual: usualTimeoutMs, most: limits.commandSeconds * 1000 },
      }),
      saver: await openSaver({ ...saverOptions, onSaved: show }),
      deadline: AbortSignal.timeout(limits.minutes * 60_000),
    });
  } finally {
    await shells.close();
  }
}

function lostTooOften(runs: number): Ending {
  const message = `${runs} runs ended in the middle of this turn, so it was given up. The work that they saved is kept.`;
  const remedy = "Look at the logs of those runs (out of memory? a command that ends the runner?), then ask again.";
  return { outcome: "failed", answer: "", problem: { kind: "lost-runs", message, remedy } };
}

/** Lets a call through when the last one is long enough ago. */
function every<T>(ms: number, call: (value: T) => unknown): (value: T) => void {
  let last = Date.now();
  return (value) => {
    if (Date.now() - last < ms) return;
    last = Date.now();
    call(value);
  };
}
