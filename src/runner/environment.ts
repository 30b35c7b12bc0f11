import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Session } from "../sessions/session.ts";

/** For shells, in which nobody can answer: programs that would ask or page go on, or fail at once. */
export const withoutTerminal = {
  PAGER: "cat",
  GIT_PAGER: "cat",
  // A merge, a rebase or an amended commit goes on with the text that it has.
  GIT_EDITOR: "true",
  EDITOR: "false",
  GIT_TERMINAL_PROMPT: "0",
  DEBIAN_FRONTEND: "noninteractive",
};

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
