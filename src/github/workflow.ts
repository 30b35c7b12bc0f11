import { parseSessionId, type SessionId } from "../sessions/ids.ts";

/** The workflow that runs sessions, in the repository's `.github/workflows`. */
export const workflowFile = "offshoot.yml";

/** The session that a run of it was dispatched for: its `run-name` puts the id last in the run's title. */
export function sessionOfRun(title: string): SessionId | null {
  return parseSessionId(/^Offshoot (\w{26})$/.exec(title)?.[1] ?? "");
}
