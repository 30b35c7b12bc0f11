import type { Octokit } from "@octokit/rest";
import { recover, type Waker } from "../github/wake.ts";
import { readStates } from "../sessions/github/states.ts";
import type { SessionId } from "../sessions/ids.ts";
import { hasWork, type Session } from "../sessions/session.ts";
import { type Installed, openLists } from "./repositories.ts";

export interface ReconcilerOptions {
  readonly app: () => Promise<Pick<Octokit, "request">>;
  readonly client: (installation: number) => Promise<Pick<Octokit, "request" | "graphql">>;
  readonly waker: (at: Installed) => Promise<Waker>;
  readonly now: () => Date;
}

/** What happened less than this ago, somebody may be at work on. */
const patienceMs = 120_000;

/** A run that nobody has: for a session whose run never started. */
const noRun = { id: 0, attempt: 0, url: "" };

/** Pure: whether the session waits for something, and nothing has happened for a while. */
function isStuck(session: Session, now: Date): boolean {
  const isOpen = hasWork(session) || session.lease !== undefined;
  return isOpen && now.getTime() - Date.parse(session.last_accessed) >= patienceMs;
}

/**
 * Looks through all sessions for those whose run died, was cancelled or never started, and has them go on. Repeated, it
 * reads only the sessions that have moved, or that waited the last time. Gives how many were woken.
 */
export function reconciler({ app, client, waker, now }: ReconcilerOptions): () => Promise<number> {
  const lists = openLists();
  /** Where sessions were that wait for nothing. */
  const settled = new Map<SessionId, string>();

  async function look(at: Installed): Promise<number> {
    const octokit = await client(at.installation);
    const refs = await lists.sessions(octokit, at);
    const open = [...refs.keys()].filter((session) => settled.get(session) !== refs.get(session));
    let woken = 0;
    for (const { commit, session } of await readStates({ octokit, ...at }, open)) {
      if (hasWork(session) || session.lease) settled.delete(session.session);
      else settled.set(session.session, commit);
      if (!isStuck(session, now())) continue;
      const done = await recover(await waker(at), session.session, session.lease?.run ?? noRun);
      if (done === "woken") woken += 1;
    }
    return woken;
  }

  return async () => {
    let woken = 0;
    for (const installation of await lists.installations(await app())) {
      for (const at of await lists.repositories(await client(installation), installation)) woken += await look(at);
    }
    return woken;
  };
}
