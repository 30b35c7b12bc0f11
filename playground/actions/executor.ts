import { addAbortListener } from "node:events";
import type { Run, World } from "../world.ts";
import { runJobs } from "./jobs.ts";
import { openLanes } from "./lanes.ts";
import { atFirst, fields, resolve, type Scope, text } from "./language.ts";
import { addJob, addRun, beginRun, completeRun, failRun, githubContext } from "./records.ts";
import { type Start, startsOfComment, startsOfDispatch, startsOfIssue, startsOfPull, startsOfPush } from "./starts.ts";
import { readInputs, type Workflow } from "./workflow.ts";

export interface ExecutorOptions {
  /** Its `secrets` and `variables` are what workflows see as `secrets` and `vars`. */
  readonly world: World;
  /** Folders of actions by `owner/repo`, whatever the version asked for. */
  readonly actions: Readonly<Record<string, string>>;
  /** Told what goes wrong in the executor itself; what goes wrong in a workflow is in the job's log. */
  readonly log: (message: string) => void;
}

export interface Executor {
  /** Resolves once every run that was asked for so far is there. */
  settled(): Promise<void>;
  /** Kills everything that was started and waits until it is gone; runs end as cancelled. */
  close(): Promise<void>;
}

/** Runs the repository's own workflows on this machine, as events on the world's bus ask for it. */
export function startExecutor({ world, actions, log }: ExecutorOptions): Executor {
  const closing = new AbortController();
  /** By run id, from the run's first moment to its last. */
  const cancels = new Map<number, AbortController>();
  const inTurn = openLanes();
  const perform = async (start: Start): Promise<void> => {
    const run = addRun(world, start);
    const cancel = new AbortController();
    cancels.set(run.id, cancel);
    try {
      const plan = planRun(world, run, start);
      world.bus.emit("run", { action: "requested", run });
      if (!plan.ok) return failRun(world, run, plan.problems);
      if (start.needsApproval && !(await approved(world, run, closing.signal))) return;
      const stop = { gently: cancel.signal, now: closing.signal };
      const done = await inTurn(plan.group, cancel.signal, async () => {
        beginRun(world, run);
        completeRun(world, run, await runJobs({ ...plan, world, run, actions, inTurn, stop }));
      });
      if (!done) completeRun(world, run, "cancelled");
    } catch (error) {
      failRun(world, run, [messageOf(error)]);
      throw error;
    } finally {
      cancels.delete(run.id);
    }
  };

  const tasks = new Set<Promise<void>>();
  const follow = (work: Promise<void>) => {
    const task = work.catch((error: unknown) => log(error instanceof Error ? `${error.stack}` : String(error)));
    tasks.add(task);
    void task.then(() => tasks.delete(task));
    return task;
  };
  // Runs are made one after another, in the order of the events, and then go their own ways.
  let intake = Promise.resolve();
  const accept = (starts: () => Promise<readonly Start[]>) => {
    const make = async () => {
      const wanted = closing.signal.aborted ? [] : await starts();
      if (!closing.signal.aborted) for (const start of wanted) void follow(perform(start));
    };
    intake = follow(intake.then(make));
  };

  world.bus
    .on("ref", (event) => accept(() => startsOfPush(world, event)))
    .on("pull", (event) => accept(() => startsOfPull(world, event)))
    .on("dispatch", (event) => accept(() => startsOfDispatch(world, event)))
    .on("comment", (event) => accept(() => startsOfComment(world, event)))
    .on("issue", (event) => accept(() => startsOfIssue(world, event)))
    .on("cancel", ({ runId }) => cancels.get(runId)?.abort());
  return {
    settled: () => intake,
    close: async () => {
      closing.abort();
      for (const cancel of cancels.values()) cancel.abort();
      while (tasks.size > 0) await Promise.all(tasks);
    },
  };
}

/** False when the playground ends before somebody has let the run begin. */
async function approved(world: World, run: Run, closing: AbortSignal): Promise<boolean> {
  Object.assign(run, { status: "completed", conclusion: "action_required" });
  const approved = Promise.withResolvers<boolean>();
  const listen = ({ runId }: { runId: number }) => runId === run.id && approved.resolve(true);
  world.bus.on("approve", listen);
  using _closing = addAbortListener(closing, () => approved.resolve(false));
  const begins = await approved.promise;
  world.bus.off("approve", listen);
  if (begins) Object.assign(run, { status: "queued", conclusion: null });
  return begins;
}

type Plan =
  | { readonly ok: true; readonly workflow: Workflow; readonly contexts: Scope["contexts"]; readonly group: string }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Names the run and its jobs, and evaluates what else has to be known before it starts. */
function planRun(world: World, run: Run, start: Start): Plan {
  const { file, given } = start;
  if (!file.ok) return file;
  const { workflow } = file;
  const inputs = start.event === "workflow_dispatch" ? readInputs(workflow, given) : { problems: [], values: {} };
  if (inputs.problems.length > 0) return { ok: false, problems: inputs.problems };
  const github = githubContext(world, run, start);
  const contexts = { github, inputs: inputs.values, vars: Object.fromEntries(world.variables) };
  const scope = { contexts, status: atFirst };
  try {
    run.title = text(resolve(workflow.body.find("run-name"), scope)).trim() || run.title;
    for (const { key, body } of workflow.jobs)
      addJob(world, run, { key, name: text(resolve(body.find("name"), scope)) || key });
    const concurrency = resolve(workflow.body.find("concurrency"), scope);
    const group = text(fields(concurrency).group ?? concurrency) || `run ${run.id}`;
    return { ok: true, workflow, contexts, group };
  } catch (error) {
    return { ok: false, problems: [`${file.path}: ${messageOf(error)}`] };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
