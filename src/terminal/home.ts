import { homedir } from "node:os";
import { join } from "node:path";
import type { Remote, Repository } from "../sessions/git.ts";
import { gitStore } from "../sessions/git-store.ts";
import type { SessionId } from "../sessions/ids.ts";
import type { Session } from "../sessions/session.ts";
import { refOf, type SessionStore } from "../sessions/store.ts";
import { type Clone, definedIn } from "./clone.ts";
import { Failure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";
import { openWorkshop } from "./workshop.ts";

/** The origin's session as it was when it was last fetched or pushed; without one, the session is only here. */
export const originRef = (session: SessionId) => `refs/offshoot-origin/sessions/${session}`;

/** Whether the session lives on the origin: then everything that is appended to it is decided there. */
export async function isShared({ repository }: Clone, session: SessionId): Promise<boolean> {
  return (await repository.resolve(originRef(session))) !== null;
}

/** Where the session lives, as a remote of another repository. */
export async function homeOf(terminal: Terminal, clone: Clone, session: SessionId): Promise<Remote> {
  const authorization = async () => undefined;
  if (!(await isShared(clone, session))) return { url: clone.gitDir, authorization };
  if (!clone.origin) {
    throw new Failure(
      "missing",
      `Session ${session} lives on an origin, and this clone has none any more.`,
      "Add it again with `git remote add origin <url>`.",
    );
  }
  return { url: clone.origin.url, authorization, environment: ownEnvironment(terminal, clone) };
}

/** The person's environment, and the clone's own settings, for transfers that they are the ones to make. */
function ownEnvironment({ env }: Terminal, { gitDir }: Clone): Record<string, string> {
  const own = Object.entries(definedIn(env)).filter(([name]) => !name.startsWith("GIT_"));
  const global = env.GIT_CONFIG_GLOBAL ?? join(env.HOME ?? homedir(), ".gitconfig");
  return {
    ...Object.fromEntries(own),
    ...{ GIT_CONFIG_NOSYSTEM: "0", GIT_CONFIG_GLOBAL: global, GIT_CONFIG_COUNT: "6" },
    ...{ GIT_CONFIG_KEY_5: "include.path", GIT_CONFIG_VALUE_5: join(gitDir, "config") },
  };
}

export interface Home extends AsyncDisposable {
  readonly repository: Repository;
  readonly store: SessionStore;
  /** To be called after something was appended: the clone's own copy follows. */
  readonly changed: (session: Session) => Promise<void>;
}

/** Where the session lives, for commands that append to it without working on it. */
export async function openHome(terminal: Terminal, clone: Clone, session: SessionId): Promise<Home> {
  if (!(await isShared(clone, session))) {
    const { repository, store } = clone;
    return { repository, store, changed: async () => undefined, [Symbol.asyncDispose]: async () => undefined };
  }
  const workshop = await openWorkshop(terminal, clone, { session, home: await homeOf(terminal, clone, session) });
  const { repository } = workshop;
  const changed = ({ branch }: Session) => followOrigin(clone, session, branch);
  return { repository, store: gitStore(repository), changed, [Symbol.asyncDispose]: workshop[Symbol.asyncDispose] };
}

/** After something was appended on the origin: the clone's copy of the session follows. */
export async function followOrigin(clone: Clone, session: SessionId, branch: string): Promise<void> {
  const [ref, notes] = [refOf.session(session), refOf.notes(session)];
  const specs = [`+${ref}*:${originRef(session)}*`, `+${ref}*:${ref}*`, `+${notes}*:${notes}*`];
  const tracking = `+refs/heads/${branch}*:refs/remotes/origin/${branch}*`;
  await clone.git(["fetch", "--quiet", "--no-tags", "origin", ...specs, tracking]);
}
