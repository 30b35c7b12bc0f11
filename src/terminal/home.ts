import { join } from "node:path";
import { gitStore } from "../sessions/git/git-store.ts";
import type { Environment } from "../sessions/git/process.ts";
import type { Remote, Repository } from "../sessions/git/repository.ts";
import type { SessionId } from "../sessions/ids.ts";
import type { Session } from "../sessions/session.ts";
import type { SessionStore } from "../sessions/store.ts";
import { type Clone, definedIn } from "./clone.ts";
import { followOrigin } from "./follow.ts";
import { isShared, mustHaveOrigin } from "./origin.ts";
import type { Terminal } from "./terminal.ts";
import { openWorkshop } from "./workshop.ts";

/** Where the session lives, as a remote of another repository. */
export async function homeOf(terminal: Terminal, clone: Clone, session: SessionId): Promise<Remote> {
  const isHere = !(await isShared(clone, session));
  return isHere ? { url: clone.gitDir, authorization: async () => undefined } : originOf(terminal, clone);
}

function originOf(terminal: Terminal, clone: Clone): Remote {
  const { url } = mustHaveOrigin(clone);
  return { url, authorization: async () => undefined, environment: ownEnvironment(terminal, clone) };
}

/** How git is told to ask for a password, and to reach a server. */
const transferVariables = ["GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT"];

/** The person's environment, and the clone's own settings, for transfers that they are the ones to make. */
function ownEnvironment({ env }: Terminal, { gitDir }: Clone): Environment {
  const own = Object.entries(definedIn(env)).filter(
    ([name]) => !name.startsWith("GIT_") || transferVariables.includes(name),
  );
  const { GIT_CONFIG_GLOBAL, GIT_CONFIG_NOSYSTEM } = env;
  return {
    ...Object.fromEntries(own),
    ...{ GIT_CONFIG_NOSYSTEM, GIT_CONFIG_GLOBAL, GIT_CONFIG_COUNT: "8" },
    ...{ GIT_CONFIG_KEY_5: "include.path", GIT_CONFIG_VALUE_5: join(gitDir, "config") },
    // What the clone's settings say of its work tree and hooks is not meant for a repository without either.
    ...{ GIT_CONFIG_KEY_6: "core.bare", GIT_CONFIG_VALUE_6: "true" },
    ...{ GIT_CONFIG_KEY_7: "core.hooksPath", GIT_CONFIG_VALUE_7: "/dev/null" },
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
    changed: ({ session, branch }) => followOrigin(terminal, clone, session, branch),
    [Symbol.asyncDispose]: workshop[Symbol.asyncDispose],
  };
}
