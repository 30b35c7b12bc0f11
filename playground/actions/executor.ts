import type { Run, World, WorldEvents } from "../world.ts";
import { githubContext } from "./cause.ts";
import { type Lanes, openLanes } from "./lanes.ts";
import { isRecord, type Json, type Scope } from "./language.ts";
import { killMarked } from "./processes.ts";
import { addRun, beginRun, completeRun, failRun, fillRun } from "./records.ts";
import { commitSubject } from "./repository.ts";
import { inLane, runJobs } from "./run.ts";
import { type Start, startsOfDispatch, startsOfPull, startsOfPush } from "./starts.ts";
import { checkInputs } from "./triggers.ts";
import type { Workflow } from "./workflow.ts";

export interface ExecutorOptions {
  /** Its `secrets` and `variables` are what workflows see as `secrets` and `vars`. */
  readonly world: World;
  /** Folders of actions by `owner/repo`, whatever the version asked for. */
  readonly actions: Readonly<Record<string, string>>;
  /** Told what goes wrong in the executor itself; what goes wrong in a workflow is in the job's log. */
  readonly log: (message: string) => void;
}

export interface Executor {
  /** Kills everything that was started and waits until it is gone; runs end as cancelled. */
  close(): Promise<void>;
}

/** How many runs go on at once; more of them wait as queued. */
const parallelRuns = 20;

/** Runs the repository's own workflows on this machine, as events on the world's bus ask for it. */
export function startExecutor({ world, actions, log }: ExecutorOptions): Executor {
  const closing = new AbortController();
  const shop: Shop = {
    world,
    actions,
    lanes: openLanes(),
    place: openPlaces(parallelRuns),
    closing,
    cancels: new Map(),
  };
  const tasks = new Set<Promise<void>>();
  const follow = (work: Promise<void>) => {
    const task = work.catch((error: unknown) =>
      log(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    tasks.add(task);
    void task.then(() => tasks.delete(task));
    return task;
  };

  // Runs are made one after another, in the order of the events, and then go their own ways.
  let intake = Promise.resolve();
  const accept = (starts: () => Promise<readonly Start[]>) => {
    const make = async () => {
      if (closing.signal.aborted) return;
      for (const start of await starts()) follow(performRun(shop, await makeRun(shop, start)));
    };
    intake = follow(intake.then(make));
  };

  const onRef = (event: WorldEvents["ref"][0]) => accept(() => startsOfPush(world, event));
  const onPull = (event: WorldEvents["pull"][0]) => accept(() => startsOfPull(world, event));
  const onDispatch = (event: WorldEvents["dispatch"][0]) => accept(() => startsOfDispatch(world, event));
  const onCancel = ({ runId }: WorldEvents["cancel"][0]) => shop.cancels.get(runId)?.abort();
  world.bus.on("ref", onRef).on("pull", onPull).on("dispatch", onDispatch).on("cancel", onCancel);
  return {
    close: async () => {
      world.bus.off("ref", onRef).off("pull", onPull).off("dispatch", onDispatch).off("cancel", onCancel);
      closing.abort();
      for (const cancel of shop.cancels.values()) cancel.abort();
      while (tasks.size > 0) await Promise.all(tasks);
    },
  };
}

/** What all runs share. */
interface Shop {
  readonly world: World;
  readonly actions: Readonly<Record<string, string>>;
  readonly lanes: Lanes;
  readonly place: <Result>(work: () => Promise<Result>) => Promise<Result>;
  readonly closing: AbortController;
  /** By run id, from the run's first moment to its last. */
  readonly cancels: Map<number, AbortController>;
}

interface Made {
  readonly run: Run;
  readonly cancel: AbortController;
  /** Null when the run has failed already. */
  readonly work: { readonly workflow: Workflow; readonly scope: Scope } | null;
}

async function makeRun({ world, cancels }: Shop, start: Start): Promise<Made> {
  const { cause, path, file } = start;
  const name = file.ok ? file.workflow.name : path;
  const title = cause.pull?.title ?? (cause.event === "push" ? await commitSubject(world, cause.sha) : name);
  const run = addRun(world, cause, { id: start.runId ?? world.nextId(), path, name, title });
  const cancel = new AbortController();
  cancels.set(run.id, cancel);
  world.bus.emit("run", { action: "requested", run });

  const inputs =
    file.ok && start.given ? checkInputs(file.workflow.events, start.given) : { ok: true as const, values: {} };
  const problems = [file, inputs].flatMap((part) => (part.ok ? [] : part.problems));
  if (!file.ok || !inputs.ok) {
    failRun(world, run, problems);
    return { run, cancel, work: null };
  }
  const scope = runScope(world, githubContext(world, run, cause), inputs.values);
  fillRun(world, run, file.workflow, scope);
  return { run, cancel, work: { workflow: file.workflow, scope } };
}

function runScope(world: World, github: Record<string, Json>, inputs: Record<string, Json>): Scope {
  const event = isRecord(github.event) ? { ...github.event, inputs } : {};
  const vars = Object.fromEntries(world.variables);
  const contexts = { github: { ...github, event }, inputs, vars };
  return { contexts, status: { success: true, failure: false, cancelled: false } };
}

async function performRun(shop: Shop, { run, cancel, work }: Made): Promise<void> {
  const { world, lanes, place, cancels } = shop;
  try {
    if (!work) return;
    const who = { name: `run ${run.id}`, cancel };
    const concurrency = work.workflow.body.find("concurrency");
    const ended = await inLane(lanes, concurrency, work.scope, who, () =>
      place(() => runToEnd(shop, { run, cancel }, work)),
    );
    if (ended === null) completeRun(world, run, "cancelled");
  } catch (error) {
    failRun(world, run, [error instanceof Error ? error.message : String(error)]);
  } finally {
    cancels.delete(run.id);
  }
}

/** The run is complete when nothing of it is left and before anyone takes its place. */
async function runToEnd(
  { world, lanes, actions, closing }: Shop,
  { run, cancel }: { readonly run: Run; readonly cancel: AbortController },
  { workflow, scope }: { readonly workflow: Workflow; readonly scope: Scope },
): Promise<true> {
  if (cancel.signal.aborted) {
    completeRun(world, run, "cancelled");
    return true;
  }
  beginRun(world, run);
  const stop = { gently: cancel.signal, now: closing.signal };
  const conclusion = await runJobs({ world, run, workflow, contexts: scope.contexts, actions, lanes, stop });
  await killMarked({ sessions: new Set(), variable: `GITHUB_RUN_ID=${run.id}`, folder: null });
  completeRun(world, run, conclusion);
  return true;
}

/** Lets so many pieces of work go on at once; the others wait in line. */
function openPlaces(count: number): Shop["place"] {
  let free = count;
  const line: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => line.push(resolve));
    try {
      return await work();
    } finally {
      const next = line.shift();
      if (next) next();
      else free++;
    }
  };
}
