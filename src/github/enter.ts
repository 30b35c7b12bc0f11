import { branchName } from "../sessions/branch-name.ts";
import { type Hand, isKnown, type NewPrompt, open, queue } from "../sessions/decide.ts";
import type { Clock, SessionId } from "../sessions/ids.ts";
import type { EventOf } from "../sessions/journal.ts";
import { compose, type SessionStore, StoreError, type ThreadIndex, type Tip } from "../sessions/store.ts";
import { backOff, NoSession, patiently, transact } from "../sessions/transact.ts";
import { type Account, type Forge, ForgeError, type Thread } from "./forge.ts";

/** What putting a prompt into a journal needs. */
export interface Entrance {
  readonly forge: Forge;
  readonly store: SessionStore;
  readonly clock: Clock;
  readonly defaultBranch: string;
}

export interface Asked {
  readonly prompt: NewPrompt;
  readonly by: Account;
  readonly on: Thread;
}

/** `isNew`: false where the same source has asked before. `opened`: whether the session was opened for the prompt. */
export interface Entered {
  readonly tip: Tip;
  readonly isNew: boolean;
  readonly opened: boolean;
}

/**
 * Puts the prompt into the thread's active session, into the latest before it where that one is deleted or retired, or
 * opens one; of two first comments one opens and one joins. Null where it is to go on with a session and there is none. Throws {@link JournalError} rather than write on top of a corrupt journal.
 */
export async function enter(entrance: Entrance, { prompt, by, on }: Asked): Promise<Entered | null> {
  const hand: Hand = { ...entrance.clock, by: { kind: "user", login: by.login, id: by.id } };
  for (let attempt = 1; ; attempt += 1) {
    const index = await patiently(() => entrance.store.thread(on.number));
    const joined = await joinLatest(entrance, await candidates(entrance.store, on, index), { hand, prompt });
    if (joined || prompt.continues) return joined;
    const tip = await openOn(entrance, { hand, on, index, prompt });
    if (tip) return { tip, isNew: true, opened: true };
    await backOff(attempt);
  }
}

/** The sessions of a thread, the active one first; those that are deleted or retired are found out when they are joined. */
async function candidates(store: SessionStore, on: Thread, index: ThreadIndex | null): Promise<readonly SessionId[]> {
  if (index) return index.sessions.toReversed();
  const session = await sessionOfPull(store, on);
  return session ? [session] : [];
}

async function joinLatest(
  entrance: Entrance,
  sessions: readonly SessionId[],
  asked: { hand: Hand; prompt: NewPrompt },
): Promise<Entered | null> {
  const [active, ...others] = sessions;
  if (!active) return null;
  // It may have been delivered before, when another session was the active one.
  for (const session of others) {
    const tip = await patiently(() => entrance.store.tip(session));
    if (tip && isKnown(tip.session, asked.prompt.source)) return { tip, isNew: false, opened: false };
  }
  for (const session of sessions) {
    const joined = await join(entrance, { ...asked, session });
    if (joined) return joined;
  }
  return null;
}

/** The session that opened this pull request, a moment ago: the thread does not list it yet. */
async function sessionOfPull(store: SessionStore, { pull }: Thread): Promise<SessionId | null> {
  const [, origin, ending] = /^offshoot\/(\d+)-.*-([0-9a-z]{4})$/.exec(pull?.head ?? "") ?? [];
  if (!origin || !ending) return null;
  const sessions = (await patiently(() => store.thread(Number(origin))))?.sessions ?? [];
  return sessions.find((session) => session.toLowerCase().endsWith(ending)) ?? null;
}

/** Null when the session is no longer there, or retired. */
async function join(
  { store }: Entrance,
  { hand, session, prompt }: { hand: Hand; session: SessionId; prompt: NewPrompt },
): Promise<Entered | null> {
  const done = await transact({ store, session, pause: backOff }, ({ session: now }) => {
    const queued = queue(hand, now, prompt);
    return { change: queued.kind === "queued" ? queued.change : null, result: queued.kind };
  }).catch((error: unknown) => {
    if (error instanceof NoSession) return null;
    throw error;
  });
  if (!done || (done.ok && done.result === "retired")) return null;
  if (!done.ok) throw new StoreError("invalid", `${done.moved.join(", ")} moved and came back`);
  return { tip: done.tip, isNew: done.result === "queued", opened: false };
}

/** Null when the thread is no longer at `index`: somebody else opened a session on it meanwhile. */
async function openOn(
  { forge, store, clock, defaultBranch }: Entrance,
  { hand, on, index, prompt }: { hand: Hand; on: Thread; index: ThreadIndex | null; prompt: NewPrompt },
): Promise<Tip | null> {
  const session = clock.newId() as SessionId;
  const branch = await branchFor({ forge, defaultBranch }, on, session);
  const change = open(hand, {
    session,
    opened: { project: forge.repo.name, description: on.title, branch, depth: 0 },
    thread: { number: on.number, index },
    prompt,
  });
  const append = compose(session, null, change);
  const swap = await patiently(() => store.append(append));
  return swap.ok ? swap.tip : null;
}

/** A pull request's session works on the pull request's own branch, any other on one of its own. */
async function branchFor(
  { forge, defaultBranch }: Pick<Entrance, "forge" | "defaultBranch">,
  { number, title, pull }: Thread,
  session: SessionId,
): Promise<EventOf<"session.opened">["branch"]> {
  if (pull) return { name: pull.head, own: false, from: pull.base, base: pull.headCommit };
  const base = await forge.repo.branch(defaultBranch);
  if (!base) throw new ForgeError(404, `the default branch ${defaultBranch} has no commit yet`);
  return { name: branchName({ session, title, thread: number }), own: true, from: defaultBranch, base };
}
