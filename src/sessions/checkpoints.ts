import { fact, type Hand } from "./decide.ts";
import type { Repository } from "./git/repository.ts";
import type { CommitId, SessionId } from "./ids.ts";
import { type Note, noteUpdate, readNotes, withCheckpoint } from "./notes.ts";
import type { SessionStore } from "./store.ts";
import { backOff, NoSession, transact } from "./transact.ts";

/** A commit that a session made, or that was given a name later. What is not known is null. */
export interface Checkpoint {
  readonly session: SessionId;
  readonly commit: CommitId;
  /** The turn that made the commit, or the last one when it was named. */
  readonly turn: number | null;
  readonly label: string | null;
  /** `provider:model[@effort]` that the commit was made with. */
  readonly model: string | null;
  /** RFC 3339. */
  readonly at: string | null;
}

export type Checkpointed =
  | { readonly kind: "made"; readonly checkpoint: Checkpoint }
  /** The session has no commit yet. */
  | { readonly kind: "nothing-written" }
  | { readonly kind: "retired" };

/**
 * Gives the last commit of a session a name: in the commit's note, below what is there, and in the journal, in one push.
 * May be done while a turn runs.
 */
export async function makeCheckpoint(
  repository: Repository,
  store: SessionStore,
  { session, label, hand }: { readonly session: SessionId; readonly label: string; readonly hand: Hand },
): Promise<Checkpointed> {
  for (let attempt = 1; ; attempt += 1) {
    const tip = await store.tip(session);
    if (!tip) throw new NoSession(session);
    const { status, head: commit, usage, model = null } = tip.session;
    if (status === "retired") return { kind: "retired" };
    if (!commit) return { kind: "nothing-written" };
    if ((await repository.resolve(commit)) === null) await repository.fetch([commit], 1);
    const made = fact(hand, "checkpoint.made", { turn: usage.turns, commit, label });
    const { turn, at } = made;
    const text = (before: string) => withCheckpoint(before, session, { label, turn, at, by: hand.by.login });
    const note = await noteUpdate(repository, hand, { session, commit, text });
    const done = await transact({ store, session, pause: backOff }, ({ session: now }) => {
      const isThere = now.head === commit && now.status !== "retired";
      return { change: isThere ? { facts: [made], refs: [note] } : null, result: isThere };
    });
    if (done.ok && done.result) return { kind: "made", checkpoint: { session, commit, turn, label, model, at } };
    await backOff(attempt);
  }
}

/** All checkpoints of a session, or of all sessions that are not archived, the oldest first. */
export async function listCheckpoints(
  repository: Repository,
  store: SessionStore,
  session?: SessionId,
): Promise<readonly Checkpoint[]> {
  const checkpoints = (await readNotes(repository, session)).flatMap(checkpointsOf);
  const undated = new Set(checkpoints.filter(({ at }) => at === null).map(({ session }) => session));
  const times = new Map<string, string>();
  for (const id of undated) {
    for (const event of (await store.journal(id)).flatMap(({ events }) => events)) {
      if (event.type === "checkpoint.made" && event.label === undefined) times.set(`${id} ${event.commit}`, event.at);
    }
  }
  const dated = checkpoints.map((checkpoint) => ({
    ...checkpoint,
    at: checkpoint.at ?? times.get(`${checkpoint.session} ${checkpoint.commit}`) ?? null,
  }));
  return dated.sort(({ at: a }, { at: b }) => Number((a ?? "") > (b ?? "")) - Number((a ?? "") < (b ?? "")));
}

type Noted = Pick<Checkpoint, "session" | "commit"> & { readonly note: Note | null };

/** The commit's own, unless it was none of the session's, and those that were made of it by hand. */
function checkpointsOf({ note, ...where }: Noted): Checkpoint[] {
  const { turn = null, label = null, model = null, at = null, checkpoints = [] } = note ?? {};
  const own = { ...where, turn, label, model, at };
  const byHand = checkpoints.map(({ label, turn, at }) => ({ ...where, turn, label, model, at }));
  return note && turn === null && label === null ? byHand : [own, ...byHand];
}
