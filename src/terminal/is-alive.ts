import type * as v from "valibot";
import type { Lease } from "../sessions/session.ts";
import { brief, plain } from "../sessions/words.ts";
import { type aliveSchema, isRecent, judge, lastWorkAt, type RunSight, type Sight, type Verdict } from "./alive.ts";
import { readSession } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { exitCodes } from "./failure.ts";
import { localProcess } from "./holder.ts";
import { sightOfRun } from "./is-void.ts";
import { lookAt } from "./process.ts";
import { painter, print, printJson, type Terminal } from "./terminal.ts";

export interface IsAliveOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session is-alive`. Gives the exit code: 0 where somebody is at work on the session. */
export async function isAlive(terminal: Terminal, clone: Clone, options: IsAliveOptions): Promise<number> {
  const { session, events } = await readSession(clone, options.session);
  const { lease } = session;
  const lastAt = lastWorkAt(events);
  const now = terminal.now();
  const verdict: Verdict = lease
    ? judge(lease, await sightOf(terminal, clone, { lease, isRecent: isRecent(lastAt, now) }), { lastAt, now })
    : { state: "idle", reason: "Nobody holds the session." };
  const alive: v.InferOutput<typeof aliveSchema> = {
    session: session.session,
    ...verdict,
    phase: session.phase,
    holder: lease?.holder ?? null,
    run: lease?.run?.url ?? null,
    until: lease?.until ?? null,
    last_event_at: lastAt,
  };
  if (options.json) printJson(terminal, alive);
  else {
    const who = alive.run ?? alive.holder;
    const head = `${painter(terminal.stdout)("bold", alive.state)}${who ? `  ${brief(who)}` : ""}`;
    print(terminal, `${head}\n${plain(alive.reason)}`);
  }
  return verdict.state === "live" || verdict.state === "quiet" ? exitCodes.done : exitCodes.failed;
}

async function sightOf(
  terminal: Terminal,
  clone: Clone,
  { lease, isRecent }: { lease: Lease; isRecent: boolean },
): Promise<Sight> {
  if (lease.run) {
    // GitHub is asked only where the journal does not tell.
    const run: RunSight = isRecent ? { kind: "unknown", why: "" } : await sightOfRun(terminal, clone, lease.run);
    return { at: "platform", run };
  }
  const pid = localProcess(lease);
  return pid === null ? { at: "elsewhere" } : { at: "here", pid, process: lookAt(pid) };
}
