import { fact, type Hand } from "../sessions/decide.ts";
import type { Repository } from "../sessions/git.ts";
import { signature } from "../sessions/git-commit.ts";
import type { CommitId } from "../sessions/ids.ts";
import type { Tip } from "../sessions/store.ts";
import { type Recorder, wipUpdate } from "./recorder.ts";
import { treeOf, type Workspace } from "./workspace.ts";

/** Puts journal and work tree into the remote in one push, so that they always agree. */
export interface Saver {
  /** Saves what is not saved yet. Not to be called while a tool runs: the tree would be of no step. */
  save(at: { readonly turn: number; readonly step: number }): Promise<void>;
  /** Saves if the last save is longer ago than the interval. */
  saveIfDue(at: { readonly turn: number; readonly step: number }): Promise<void>;
  /** Waits for `thinking`, saving meanwhile when it becomes due; the tools rest while the model thinks. */
  during<T>(at: { readonly turn: number; readonly step: number }, thinking: Promise<T>): Promise<T>;
}

export interface SaverOptions {
  readonly recorder: Recorder;
  readonly repository: Repository;
  readonly workspace: Workspace;
  readonly hand: Hand;
  /** The commit whose files the work tree had at the start of the turn, or at its last save. */
  readonly from: CommitId;
  readonly everyMs: number;
  readonly onSaved: (tip: Tip) => void;
}

export async function openSaver(options: SaverOptions): Promise<Saver> {
  const { recorder, repository, workspace, hand, everyMs } = options;
  let savedTree = await treeOf(repository, options.from);
  let parent = options.from;
  let savedAt = Date.now();

  async function snapshot(at: { turn: number; step: number }): Promise<CommitId | null> {
    const tree = await workspace.snapshot();
    if (tree === savedTree) return null;
    const who = signature(hand.by, hand.now());
    const message = `turn ${at.turn}, step ${at.step}`;
    parent = await repository.commit({ parents: [parent], author: who, committer: who, message, tree });
    savedTree = tree;
    return parent;
  }

  async function save(at: { turn: number; step: number }): Promise<void> {
    savedAt = Date.now();
    if (recorder.waiting.length === 0) return;
    const commit = await snapshot(at);
    if (commit) recorder.add(fact(hand, "work.saved", { ...at, commit }));
    const flushed = await recorder.flush(commit ? { refs: (tip) => wipUpdate(tip, commit) } : {});
    if (!flushed.ok) throw new Error(`The snapshot could not be saved: ${flushed.moved.join(", ")} moved.`);
    options.onSaved(flushed.tip);
  }

  return {
    save,
    async saveIfDue(at) {
      if (Date.now() - savedAt >= everyMs) await save(at);
    },
    async during(at, thinking) {
      let saving = Promise.resolve();
      const due = Math.max(0, everyMs - (Date.now() - savedAt));
      const timer = setTimeout(() => {
        saving = save(at);
        saving.catch(() => undefined); // thrown below, once the model has answered
      }, due);
      try {
        return await thinking;
      } finally {
        clearTimeout(timer);
        await saving;
      }
    },
  };
}
