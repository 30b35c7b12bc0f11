import { homedir } from "node:os";
import { join } from "node:path";
import { gitStore } from "../sessions/git/git-store.ts";
import type { Remote, Repository } from "../sessions/git/repository.ts";
import { parseSessionId, type SessionId } from "../sessions/ids.ts";
import type { Session } from "../sessions/session.ts";
import { refOf, type SessionStore } from "../sessions/store.ts";
import { type Clone, definedIn, type Origin } from "./clone.ts";
import { Failure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";
import { openWorkshop } from "./workshop.ts";

/** Where what is on the origin is kept as it was when it was last fetched or pushed. */
export const originSessionsRef = "refs/offshoot-origin/sessions/";
export const originArchiveRef = "refs/offshoot-origin/archive";
export const originRef = (session: SessionId) => `${originSessionsRef}${session}`;

/** Whether the session lives on the origin: then everything that is appended to it is decided there. */
export async function isShared({ repository }: Clone, session: SessionId): Promise<boolean> {
  if (await repository.resolve(originRef(session))) return true;
  const { code } = await repository.ask(["cat-file", "-e", `${originArchiveRef}:${session}.toml`]);
  return code === 0;
}

/** The sessions that are on the origin and not retired, as far as the clone knows. */
export async function originSessions({ repository }: Clone): Promise<readonly SessionId[]> {
  const refs = [...(await repository.refs(originSessionsRef)).keys()];
  return refs.flatMap((ref) => parseSessionId(ref.slice(originSessionsRef.length)) ?? []);
}

/** Where the session lives, as a remote of another repository. */
export async function homeOf(terminal: Terminal, clone: Clone, session: SessionId): Promise<Remote> {
  const isHere = !(await isShared(clone, session));
  return isHere ? { url: clone.gitDir, authorization: async () => undefined } : originOf(terminal, clone);
}

function originOf(terminal: Terminal, clone: Clone): Remote {
  const { url } = mustHaveOrigin(clone);
  return { url, authorization: async () => undefined, environment: ownEnvironment(terminal, clone) };
}

export function mustHaveOrigin({ origin }: Clone): Origin {
  if (origin) return origin;
  throw new Failure("missing", "This clone has no remote named origin.", "Add it with `git remote add origin <url>`.");
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
  readonly isOrigin: boolean;
  readonly repository: Repository;
  readonly store: SessionStore;
  /** To be called after something was appended: the clone's own copy follows. */
  readonly changed: (session: Session) => Promise<void>;
}

/** Where the session lives, for commands that append to it without working on it. */
export async function openHome(terminal: Terminal, clone: Clone, session: SessionId): Promise<Home> {
  if (!(await isShared(clone, session))) {
    const { repository, store } = clone;
    const nothing = async () => undefined;
    return { isOrigin: false, repository, store, changed: nothing, [Symbol.asyncDispose]: nothing };
  }
  return openOrigin(terminal, clone);
}

/** The origin, for commands that append to sessions there. */
export async function openOrigin(terminal: Terminal, clone: Clone): Promise<Home> {
  const workshop = await openWorkshop(terminal, clone, { name: "origin", home: originOf(terminal, clone) });
  const { repository } = workshop;
  return {
    isOrigin: true,
    repository,
    store: gitStore(repository),
    changed: ({ session, branch }) => followOrigin(clone, session, branch),
    [Symbol.asyncDispose]: workshop[Symbol.asyncDispose],
  };
}

/** After something was appended on the origin: the clone's copy of the session follows. */
export async function followOrigin(clone: Clone, session: SessionId, branch: string): Promise<void> {
  const [ref, notes] = [refOf.session(session), refOf.notes(session)];
  const specs = [`+${ref}*:${originRef(session)}*`, `+${ref}*:${ref}*`, `+${notes}*:${notes}*`];
  const tracking = `+refs/heads/${branch}*:refs/remotes/origin/${branch}*`;
  await clone.git(["fetch", "--quiet", "--no-tags", "origin", ...specs, tracking]);
}
