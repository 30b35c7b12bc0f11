import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Session } from "../sessions/session.ts";

/** The whole environment of the agent's shells, built from nothing: what the root allows, and the session's own five. */
export function agentEnvironment(
  session: Session,
  { tree, scratch, base }: { tree: string; scratch: string; base: Readonly<Record<string, string>> },
): Record<string, string> {
  const home = join(scratch, "home");
  const output = join(scratch, "session");
  for (const folder of [home, output]) mkdirSync(folder, { recursive: true });
  return {
    ...base,
    HOME: home,
    OFFSHOOT_SESSION_ID: session.session,
    OFFSHOOT_DEPTH: String(session.genealogy.depth),
    OFFSHOOT_PROJECT_ROOT: tree,
    OFFSHOOT_PARENT_SESSION: session.genealogy.parent_session_id ?? "",
    OFFSHOOT_SESSION_DIR: output,
  };
}
