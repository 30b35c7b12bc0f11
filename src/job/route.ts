import type { Dispatch, Forge, Runs } from "../github/forge.ts";
import type { TriggeringEvent } from "../github/triggers.ts";
import type { Job } from "./job.ts";

const triggering = ["issue_comment.created", "issues.labeled"];

/** The event that started the run, if it can ask for something. GitHub has written it, so it is what its name says. */
export function triggeringEvent({ event, run }: Job): TriggeringEvent | null {
  const { name, payload } = event;
  if (typeof payload !== "object" || payload === null || !("action" in payload)) return null;
  if (!triggering.includes(`${name}.${String(payload.action)}`)) return null;
  // Events that start runs have no number; the run's is the same however often it is run again.
  return { id: `run-${run.id}`, name, payload } as unknown as TriggeringEvent;
}

type Wake = Parameters<Runs["dispatch"]>[0];

/** A forge on which the run that is wanted is the one that goes on here, with its next job. */
export function wakeOf(forge: Forge): { readonly forge: Forge; readonly wanted: () => Wake | null } {
  let wanted: Wake | null = null;
  const dispatch = async (wake: Wake): Promise<Dispatch> => {
    wanted = wake;
    return { ok: true };
  };
  return { forge: { ...forge, runs: { ...forge.runs, dispatch } }, wanted: () => wanted };
}
