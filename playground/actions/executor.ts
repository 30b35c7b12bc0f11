import type { Run, World, WorldEvents } from "../world.ts";
import { githubContext } from "./cause.ts";
import { type Lanes, openLanes, openPlaces, type Places } from "./lanes.ts";
import { type Scope, text } from "./language.ts";
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
  readonly place: Places;
  readonly closing: AbortController;
  /** By run id, from the run's first moment to its last. */
  readonly cancels: Map<number, AbortController>;
}

interface Made {
  readonly run: Run;
  readonly cancel: AbortController;
  readonly plan: Plan;
}

type Plan =
  | { readonly ok: true; readonly workflow: Workflow; readonly scope: Scope }
  | { readonly ok: false; readonly problems: readonly string[] };

async function makeRun({ world, cancels, closing }: Shop, start: Start): Promise<Made> {
  const { cause, path, file } = start;
  const name = file.ok ? file.workflow.name : path;
  const title = cause.pull?.title ?? (cause.event === "push" ? await commitSubject(world, cause.sha) : name);
  const run = addRun(world, cause, { id: start.runId ?? world.nextId(), path, name, title });
  const cancel = new AbortController();
  if (closing.signal.aborted) cancel.abort();
  cancels.set(run.id, cancel);
  const plan = planRun(world, run, start);
  world.bus.emit("run", { action: "requested", run });
  return { run, cancel, plan };
}

function planRun(world: World, run: Run, { cause, file, given }: Start): Plan {
  if (!file.ok) return file;
  const { workflow } = file;
  const inputs = given ? checkInputs(workflow.events, given) : { ok: true as const, values: {} };
  if (!inputs.ok) return inputs;
  const asText = Object.entries(inputs.values).map(([name, value]) => [name, text(value)]);
  const event = given ? { ...cause.payload, inputs: Object.fromEntries(asText) } : cause.payload;
  const github = { ...githubContext(world, run, cause), event };
  const contexts = { github, inputs: inputs.values, vars: Object.fromEntries(world.variables) };
  const scope = { contexts, status: { success: true, failure: false, cancelled: false } };
  try {
    fillRun(world, run, workflow, scope);
    return { ok: true, workflow, scope };
  } catch (error) {
    return { ok: false, problems: [`${run.workflowPath}: ${error instanceof Error ? error.message : String(error)}`] };
  }
}

async function performRun(shop: Shop, { run, cancel, plan }: Made): Promise<void> {
  const { world, lanes, place, cancels } = shop;
  try {
    if (!plan.ok) return failRun(world, run, plan.problems);
    const who = { name: `run ${run.id}`, cancel };
    const concurrency = plan.workflow.body.find("concurrency");
    const start = () => place(() => runToEnd(shop, { run, cancel }, plan));
    if ((await inLane(lanes, concurrency, plan.scope, who, start)) === null) completeRun(world, run, "cancelled");
  } catch (error) {
    failRun(world, run, [error instanceof Error ? error.message : String(error)]);
    throw error;
  } finally {
    cancels.delete(run.id);
  }
}

/** The run is complete before anyone takes its place. */
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
  completeRun(world, run, conclusion);
  return true;
}
