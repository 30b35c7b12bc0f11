import * as v from "valibot";
import { type Compaction, compactSession } from "../runner/compact.ts";
import { workOff } from "../runner/run.ts";
import { NoSession } from "../sessions/transact.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { followOrigin } from "./follow.ts";
import { busy } from "./holder.ts";
import { openRunner } from "./local-runner.ts";
import { isShared } from "./origin.ts";
import { progress } from "./progress.ts";
import { selectSession } from "./select.ts";
import { note, print, printJson, type Terminal } from "./terminal.ts";
import { withoutSecrets } from "./without-secrets.ts";

export interface CompactOptions {
  readonly session?: string;
  readonly hint?: string;
  readonly json?: boolean;
}

/** What `session compact --json` prints: tokens of the context, estimated by length. */
export const compactedSchema = v.strictObject({ session: v.string(), before: v.number(), after: v.number() });

/** `offshoot session compact`: turns go on from a summary by the session's own model; the journal keeps everything. */
export async function compact(terminal: Terminal, clone: Clone, options: CompactOptions): Promise<void> {
  const session = await selectSession(clone, options.session);
  const tip = await clone.store.tip(session);
  if (!tip) throw new NoSession(session);
  const wanted = { session, model: tip.session.model, watch: progress(terminal) };
  await using runner = await openRunner(terminal, clone, wanted);
  note(terminal, `Compacting session ${session} with ${tip.session.model ?? "its model"}`);
  const { hint } = options;
  const compaction = await compactSession(runner, hint === undefined ? {} : { hint: withoutSecrets(terminal, hint) });
  if ("left" in compaction && compaction.left) {
    await runner.sweep();
    await workOff(runner, compaction.left);
  }
  if (await isShared(clone, session)) await followOrigin(terminal, clone, session, tip.session.branch);
  const { before, after } = mustBeDone(compaction, session);
  if (options.json) return printJson(terminal, { session, before, after });
  print(terminal, `The context of session ${session} is about ${after} tokens long now; it was ${before}.`);
}

function mustBeDone(compaction: Compaction, session: string): Extract<Compaction, { kind: "compacted" }> {
  switch (compaction.kind) {
    case "compacted":
      return compaction;
    case "failed":
    case "unsupported":
      throw new Failure("failed", compaction.problem.message, compaction.problem.remedy);
    case "busy":
      throw busy(session, compaction.lease);
    case "refused":
      throw new Failure("refused", `Session ${session} ${reasons[compaction.why]}.`, "The context stays as it is.");
  }
}

const reasons = {
  retired: "is retired",
  "not-started": "has not begun: there is nothing to compact",
  waiting: "has prompts that wait, which come first",
  compacted: "was compacted, and no turn has run since",
} as const;
