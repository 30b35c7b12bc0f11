import { hasExpired } from "../sessions/decide.ts";
import type { Run } from "../sessions/journal.ts";
import type { Lease } from "../sessions/session.ts";
import type { RunSight } from "./alive.ts";
import { type Clone, isGithub } from "./clone.ts";
import { isGone } from "./holder.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Whether a lease's holder is known to be gone: it did not renew the lease, it was a process of this machine that is not
 * there any more, or a run of which GitHub, where it can be asked, says that it has ended.
 */
export async function isVoid(terminal: Terminal, clone: Clone, lease: Lease): Promise<boolean> {
  if (hasExpired(lease, clone.hand.now()) || isGone(lease)) return true;
  return lease.run !== undefined && (await sightOfRun(terminal, clone, lease.run)).kind === "ended";
}

/** What GitHub says of a run of the origin, where there is a token to ask it with. */
export async function sightOfRun(terminal: Terminal, clone: Clone, run: Run): Promise<RunSight> {
  const { GH_TOKEN, GITHUB_TOKEN, GITHUB_API_URL } = terminal.env;
  const token = GH_TOKEN || GITHUB_TOKEN;
  if (!clone.origin || !isGithub(clone.origin)) return { kind: "unknown", why: `Look at ${run.url}.` };
  if (!token) return { kind: "unknown", why: `Set GH_TOKEN, so that GitHub can be asked, or look at ${run.url}.` };
  const { askForRun } = await import("./ask-for-run.ts");
  return askForRun({ origin: clone.origin, project: clone.project, token, api: GITHUB_API_URL }, run);
}
