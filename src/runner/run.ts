import { writeStatus } from "../github/status.ts";
import { fact, type Leaving, release, released, startTurn, takeLease } from "../sessions/decide.ts";
import type { CommitId } from "../sessions/ids.ts";
import type { Fact } from "../sessions/journal.ts";
import { hasTurns, hasWork, isWaiting, type Lease, type Prompt, type Session, threadOf } from "../sessions/session.ts";
import type { Change, Tip } from "../sessions/store.ts";
import { startOfTurn } from "./branch.ts";
import { turnBudgets } from "./budgets.ts";
import { claim, openPen, type Taken, takenFrom } from "./claim.ts";
import { ask, reference } from "./context.ts";
import { completeEffects, showStatus } from "./effects.ts";
import { spentElsewhere } from "./elsewhere.ts";
import { examine, type Seen } from "./examine.ts";
import { type Keeper, openKeeper } from "./keeper.ts";
import { keepLease } from "./lease.ts";
import { formatModelRef } from "./model.ts";
import { Fenced, type Recorder } from "./recorder.ts";
import type { Runner } from "./runner.ts";
import { openSetup } from "./setup.ts";
import { type Begun, type Held, runTurn } from "./turn.ts";
import { openWorkspace } from "./workspace.ts";

export type RunReport =
  | Drained
  /** Another run holds the session and will see all that is queued. */
  | { readonly kind: "busy"; readonly lease: Lease }
  /** Nothing is to do: another run was faster. */
  | { readonly kind: "idle" };

export interface Drained {
  readonly kind: "drained";
  readonly turns: number;
  readonly tip: Tip;
  /** Why the run ended with something left to do; null: nothing is left. */
  readonly left: Leaving | null;
}

/**
 * Takes the session, works on its prompts until none is left or the run has to end, and releases it. Where what the turns would read of the
 * journal is corrupt it throws a `JournalError` before anything is written.
 */
export async function runSession(runner: Runner, examined: Promise<Seen> = examine(runner)): Promise<RunReport> {
  const seen = await examined;
  const { hand, holder } = runner;
  const first = await openingOf(runner, seen);
  const take = (now: Session, isVoid: (lease: Lease) => boolean) => {
    const result = takeLease(hand, now, { ...holder, isVoid });
    if (result.kind !== "taken" || now !== seen.session || !first) return result;
    return { ...result, change: withFacts(result.change, first.facts.map(first.keeper.close)) };
  };
  const { result, tip } = await claim(runner, take, seen);
  if (result.kind !== "taken") return result;
  const taken = takenFrom(seen, result, tip);
  const hasBegun = result.change.facts.some(({ type }) => type === "turn.started");
  if (!first || !hasBegun) return workOff(runner, taken);
  first.facts.forEach(runner.watch);
  return workOff(runner, { ...taken, keeper: first.keeper }, { ...first.start, tip });
}

interface Opening {
  readonly start: Omit<Begun, "tip">;
  readonly keeper: Keeper;
  readonly facts: readonly Fact[];
}

/** The first turn, to be begun in the same append that takes the session; null where that has to be looked at first. */
async function openingOf(runner: Runner, { session }: Seen): Promise<Opening | null> {
  const { hand, keeping, secrets, leave } = runner;
  const isFree = !session.lease && !session.turn && hasTurns(session) && !leave.aborted;
  if (!isFree) return null;
  const keeper = openKeeper({ session: session.session, keys: session.keys, keeping, secrets });
  const { facts, ...start } = await prepare({ runner, keeper }, session);
  const keyed = keeper.newRing ? [fact(hand, "journal.keyed", { ring: keeper.newRing })] : [];
  return { start, keeper, facts: [...keyed, ...facts(session)].map(keeper.redact) };
}

function withFacts({ facts: [first, ...others], ...change }: Change, more: readonly Fact[]): Change {
  return { ...change, facts: [first, ...others, ...more] };
}

/** Works on the prompts of a session that is taken until none is left, and releases it. `begun`: the turn that it was taken with. */
export async function workOff(runner: Runner, taken: Taken, begun: Begun | null = null): Promise<Drained> {
  const { epoch, tip } = taken;
  const { recorder, keeper } = openPen(runner, taken);
  const acting = runner.forge && { ...runner, forge: runner.forge, recorder };
  const lease = keepLease({ ...runner, recorder, epoch });
  try {
    const workspace = await openWorkspace({ ...runner, tree: runner.tree.path, at: runner.tree.at });
    const setup = openSetup({ setup: runner.config.setup, recorder, holder: runner.holder });
    const run: OpenRun = { runner, recorder, keeper, workspace, epoch, acting, lease, setup };
    const completed = acting ? await completeEffects(acting, tip, "others") : tip;
    const drained = await drain(run, completed, begun && { ...begun, tip: completed });
    await lease.end();
    return drained;
  } catch (error) {
    await lease.end();
    if (runner.holder.forMs !== undefined && !(error instanceof Fenced)) await letGo(runner, recorder, epoch);
    throw error;
  }
}

/** So that nobody has to wait until the lease expires; what stopped the run may stop this, too. */
async function letGo({ hand, log }: Runner, recorder: Recorder, epoch: number): Promise<void> {
  try {
    await recorder.append(({ session }) => release(hand, session, epoch, () => false)?.facts ?? []);
  } catch (error) {
    log(`The session could not be given back: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface OpenRun extends Held {
  readonly epoch: number;
  readonly keeper: Keeper;
}

async function drain(run: OpenRun, taken: Tip, first: Begun | null): Promise<Drained> {
  const { runner, recorder, epoch, acting } = run;
  const isLeft = acting ? hasWork : hasTurns;
  let tip = taken;
  let begun = first;
  for (let turns = 0; ; ) {
    if (!hasTurns(tip.session)) {
      await showElsewhere(run, tip, turns);
      tip = await recorder.flush({}, ({ session }) => release(runner.hand, session, epoch, isLeft)?.facts ?? []);
      if (!tip.session.lease) return { kind: "drained", turns, tip, left: null };
    } else if (runner.leave.aborted) {
      return { kind: "drained", turns, ...(await giveBack(run)) };
    } else {
      tip = await runTurn(run, begun ?? (await begin(run, tip)));
      begun = null;
      turns += tip.session.turn ? 0 : 1;
    }
  }
}

/** With something left to do: whoever looks after the session wakes it again, and its status says so. */
async function giveBack({ runner, recorder, epoch }: OpenRun): Promise<Pick<Drained, "tip" | "left">> {
  const { leave, hand, forge, log } = runner;
  const left = leave.reason === "job-limit" ? "job-limit" : "cancelled";
  const tip = await recorder.flush({}, () => [released(hand, epoch, left)]);
  const { queue } = tip.session;
  const prompt = queue.find(({ status }) => status === "running") ?? queue.find(isWaiting);
  const thread = prompt ? threadOf(prompt) : null;
  if (forge && thread !== null) {
    await writeStatus(forge, tip.session, thread).catch((error: Error) =>
      log(`The status comment could not be written: ${error.message}`, { thread }),
    );
  }
  return { tip, left };
}

/** The status comments that the last turn of this run did not bring up to date: on other threads, or all of them. */
async function showElsewhere({ acting }: OpenRun, tip: Tip, turns: number): Promise<void> {
  const { effects, queue, usage } = tip.session;
  const last = turns > 0 ? queue.find(({ turn }) => turn === usage.turns) : undefined;
  const shown = last && threadOf(last);
  for (const { kind, thread } of effects) {
    if (acting && kind === "status" && thread !== shown) await showStatus(acting, tip, thread);
  }
}

function begin(run: OpenRun, tip: Tip): Promise<Begun> {
  const { turn } = tip.session;
  return turn ? takeUp(run, tip, turn) : start(run, tip);
}

/** A turn that another run has begun; what it knew of the branch is found out again. */
async function takeUp({ runner }: OpenRun, tip: Tip, turn: { readonly base: CommitId }): Promise<Begun> {
  const { base, notices, again } = await startOfTurn(runner.repository, tip.session);
  return base === turn.base ? { tip, notices, again } : { tip, notices: [], again: false };
}

async function start({ runner, recorder, keeper }: OpenRun, { session }: Tip): Promise<Begun> {
  const { facts, ...start } = await prepare({ runner, keeper }, session);
  return { ...start, tip: await recorder.flush({}, ({ session: now }) => facts(now)) };
}

interface Prepared extends Omit<Begun, "tip"> {
  /** What begins the turn of the first prompt that waits now; none where none does. */
  readonly facts: (now: Session) => readonly Fact[];
}

/** Finds out all that the next turn begins with. */
async function prepare({ runner, keeper }: Pick<OpenRun, "runner" | "keeper">, session: Session): Promise<Prepared> {
  const { repository, forge, hand, model } = runner;
  const isFirst = session.usage.turns === 0;
  const date = hand.now().toISOString().slice(0, 10);
  const [{ base, notices, again }, thread, elsewhere] = await Promise.all([
    startOfTurn(repository, session),
    forge && isFirst && session.thread ? forge.conversation.thread(session.thread) : null,
    spentElsewhere(runner, session, date),
  ]);
  const { budgets } = runner.config;
  const facts = (now: Session) => {
    const name = model.ok ? formatModelRef(model.ref) : "none";
    const turn = { model: name, base, ask: (prompt: Prompt) => ask(prompt, now, thread) };
    const references = thread ? [reference(thread)] : [];
    const { visibility } = keeper;
    const kept = visibility === "full" ? {} : { visibility };
    const allowed = (prompt: Prompt) => turnBudgets(prompt, now, { budgets, elsewhere, date });
    return startTurn(hand, now, { ...turn, references, ...kept, budgets: allowed })?.facts ?? [];
  };
  return { facts, notices: [...notices, ...aboutKeeping(keeper, isFirst ? runner.keeping.notice : null)], again };
}

function aboutKeeping({ lack }: Keeper, first: string | null): string[] {
  return [first, lack].filter((notice) => notice !== null);
}
