import type { Push } from "../git/repository.ts";
import type { CommitId } from "../ids.ts";
import { type RefUpdate, StoreError } from "../store.ts";
import { asStoreError } from "./answers.ts";
import type { GithubRepository } from "./api.ts";

type Move = RefUpdate & { readonly to: CommitId };

/** What moves together: the session's ref, and whatever has to agree with it. */
export interface Moves {
  readonly own: Move;
  readonly threads: readonly Move[];
  readonly refs: readonly RefUpdate[];
}

/** Moves refs all at once, each only from where it was read. When that fails, where they are then tells what became of it. */
export async function swap(repository: GithubRepository, moves: Moves): Promise<Push> {
  const { own, threads, refs } = moves;
  const isAlone = threads.length + refs.length === 0;
  const moving = isAlone ? repository.moveRef(own).then(() => true) : repository.moveRefs([own, ...threads, ...refs]);
  const moved = await moving.catch(asStoreError);
  if (moved instanceof StoreError) return settle(repository, moves, moved);
  return moved ? { ok: true } : swapInTurn(repository, moves);
}

/** Our commit in the chain: it was applied. Refs that are elsewhere: the swap is lost. All as before: the failure stands. */
async function settle(repository: GithubRepository, moves: Moves, failure: StoreError): Promise<Push> {
  const all = [moves.own, ...moves.threads, ...moves.refs];
  const [own, ...others] = await repository.whereabouts(all.map(({ ref }) => ref));
  if (own?.recent.includes(moves.own.to)) return { ok: true };
  const now = new Map([own, ...others].map((where, index) => [all[index]?.ref, where?.at ?? null]));
  const isOpen = ({ ref, to }: RefUpdate) => now.get(ref) !== to;
  const moved = all.filter((update) => isOpen(update) && now.get(update.ref) !== update.from);
  if (moved.length > 0) return { ok: false, moved: moved.map(({ ref }) => ref) };
  if (all.every(isOpen)) throw failure;
  return swap(repository, { ...moves, threads: moves.threads.filter(isOpen), refs: moves.refs.filter(isOpen) });
}

/**
 * Opens a session on a server that cannot move refs together: its own ref first, which nobody knows before a thread
 * lists it; when a thread's swap is lost, that ref goes again.
 */
async function swapInTurn(repository: GithubRepository, { own, threads, refs }: Moves): Promise<Push> {
  if (own.from !== null || refs.length > 0) {
    const names = [own, ...threads, ...refs].map(({ ref }) => ref).join(", ");
    const remedy = "Use a token with write access to contents, or a newer server.";
    throw new StoreError("refused", `GitHub does not move ${names} at once here (GraphQL's updateRefs). ${remedy}`);
  }
  const opened = await swap(repository, alone(own));
  if (!opened.ok) return opened;
  for (const thread of threads) {
    const swapped = await swap(repository, alone(thread));
    if (swapped.ok) continue;
    await withdraw(repository, own.ref);
    return swapped;
  }
  return { ok: true };
}

const alone = (own: Move): Moves => ({ own, threads: [], refs: [] });

/** A session that no thread lists harms nobody: should it stay, that is fine. */
async function withdraw(repository: GithubRepository, ref: string): Promise<void> {
  try {
    await repository.deleteRef(ref);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}
