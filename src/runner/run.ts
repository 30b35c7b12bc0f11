import { release, startTurn, takeLease } from "../sessions/decide.ts";
import type { Lease } from "../sessions/session.ts";
import type { Change, Tip } from "../sessions/store.ts";
import { backOff, transact } from "../sessions/transact.ts";
import { startOfTurn } from "./branch.ts";
import { ask } from "./context.ts";
import { completeEffects } from "./effects.ts";
import { formatModelRef } from "./model.ts";
import { Fenced, openRecorder } from "./recorder.ts";
import type { Runner } from "./runner.ts";
import { type Held, runTurn } from "./turn.ts";
import { openWorkspace } from "./workspace.ts";

export type RunReport =
  | { readonly kind: "drained"; readonly turns: number; readonly tip: Tip }
  /** Another run holds the session and will see all that is queued. */
  | { readonly kind: "busy"; readonly lease: Lease }
  /** Nothing is to do: another run was faster. */
  | { readonly kind: "idle" };

/** Takes the session, works on its prompts until none is left, and releases it. */
export async function runSession(runner: Runner): Promise<RunReport> {
  const lease = await claim(runner);
  if (lease.kind !== "taken") return lease;
  const { epoch } = lease;
  const recorder = openRecorder({ ...runner, epoch });
  const workspace = await openWorkspace({ ...runner, tree: runner.tree.path, at: runner.tree.at });
  const run: OpenRun = { runner, recorder, workspace, epoch, acting: { ...runner, recorder } };
  return drain(run, await completeEffects(run.acting, lease.tip));
}

interface OpenRun extends Held {
  readonly epoch: number;
}

type Claim =
  | { readonly kind: "taken"; readonly epoch: number; readonly tip: Tip }
  | Extract<RunReport, { kind: "busy" | "idle" }>;

async function claim(runner: Runner): Promise<Claim> {
  const { store, session, hand, holder, forge } = runner;
  const ended = new Set<number>();
  for (;;) {
    const claimed = await transact({ store, session, pause: backOff }, ({ session: now }) => {
      const isVoid = ({ run, epoch }: Lease) => run !== undefined && ended.has(epoch);
      const decision = takeLease(hand, now, { ...holder, isVoid });
      return { change: decision.kind === "taken" ? decision.change : null, result: decision };
    });
    if (!claimed.ok) throw new Error(`The session could not be taken: ${claimed.moved.join(", ")} moved.`);
    const { result, tip } = claimed;
    if (result.kind === "taken") return { kind: "taken", epoch: result.epoch, tip };
    if (result.kind === "idle") return result;
    const { lease } = result;
    if (!lease.run || ended.has(lease.epoch) || !(await forge.runs.hasEnded(lease.run))) return result;
    ended.add(lease.epoch);
  }
}

async function drain(run: OpenRun, taken: Tip): Promise<RunReport> {
  let tip = taken;
  for (let turns = 0; ; ) {
    if (tip.session.phase === "idle") {
      const released = await decideAsHolder(run, ({ session }) => release(run.runner.hand, session, run.epoch));
      if (released.written) return { kind: "drained", turns, tip: released.tip };
      tip = released.tip;
    } else {
      const started = tip.session.turn ? { tip, notices: [] } : await start(run, tip);
      tip = await runTurn(run, started.tip, started.notices);
      turns += 1;
    }
  }
}

async function start(run: OpenRun, { session }: Tip): Promise<{ tip: Tip; notices: readonly string[] }> {
  const { repository, forge, hand, model } = run.runner;
  const { base, notices } = await startOfTurn(repository, session);
  const isFirst = session.usage.turns === 0;
  const thread = isFirst && session.thread !== undefined ? await forge.conversation.thread(session.thread) : null;
  const { tip } = await decideAsHolder(run, ({ session: now }) =>
    startTurn(hand, now, {
      model: model.ok ? formatModelRef(model.ref) : "none",
      base,
      ask: (prompt) => ask(prompt, now, thread),
    }),
  );
  return { tip, notices };
}

async function decideAsHolder(
  run: OpenRun,
  decide: (tip: Tip) => Change | null,
): Promise<{ tip: Tip; written: boolean }> {
  const { store, session } = run.runner;
  const decided = await transact({ store, session, pause: async () => undefined }, (tip) => {
    if (tip.session.lease?.epoch !== run.epoch) throw new Fenced(session, run.epoch);
    const change = decide(tip);
    return { change, result: change !== null };
  });
  if (!decided.ok) throw new Error(`The session could not go on: ${decided.moved.join(", ")} moved.`);
  return { tip: decided.tip, written: decided.result };
}
