import { fact, type Hand } from "../sessions/decide.ts";
import { signature } from "../sessions/git/commit.ts";
import type { Repository } from "../sessions/git/repository.ts";
import type { CommitId, SessionId } from "../sessions/ids.ts";
import { refOf, type Tip } from "../sessions/store.ts";
import { isRefusal, leftSnapshot, type Recorder } from "./recorder.ts";
import type { Log } from "./runner.ts";
import { treeOf, type Workspace } from "./workspace.ts";

export interface At {
  readonly turn: number;
  readonly step: number;
}

/**
 * Puts journal and work tree into the remote in one push, so that they agree; at most once in an interval, and
 * only while no tool runs: the tree would be of no step.
 */
export interface Saver {
  /** Saves what is not saved. */
  save(at: At): Promise<void>;
  /** Saves if something is not saved and the last save is longer ago than the interval. */
  saveIfDue(at: At): Promise<void>;
  /** Waits for `thinking`, saving meanwhile when it becomes due; the tools rest while the model thinks. */
  during<T>(at: At, thinking: Promise<T>): Promise<T>;
}

export interface SaverOptions {
  readonly session: SessionId;
  readonly recorder: Recorder;
  readonly repository: Repository;
  /** Of the work tree as it is now. */
  readonly snapshot: Workspace["snapshot"];
  readonly hand: Hand;
  /** The commit that the turn stands on. */
  readonly base: CommitId;
  /** The turn's last snapshot, by an earlier run. */
  readonly wip: CommitId | undefined;
  readonly everyMs: number;
  readonly onSaved: (tip: Tip) => void;
  readonly log: Log;
}

export function openSaver(options: SaverOptions): Saver {
  const { session, recorder, repository, snapshot, hand, base, wip, everyMs, log, onSaved } = options;
  let saved: Saved | null = null;
  let savedAt = Date.now();

  async function saveAll(at: At): Promise<void> {
    savedAt = Date.now();
    const { tree } = await snapshot();
    saved ??= { commit: wip ?? null, tree: await treeOf(repository, wip ?? base) };
    if (tree === saved.tree) return onSaved(await recorder.flush());
    const who = signature(hand.by, hand.now());
    const message = `turn ${at.turn}, step ${at.step}`;
    const parents = saved.commit ? [saved.commit] : [];
    const commit = await repository.commit({ parents, author: who, committer: who, message, tree });
    const from = saved.commit ?? (await leftSnapshot(repository, session));
    const refs = [{ ref: refOf.wip(session), from, to: commit }];
    const tip = await recorder.flush({ refs: () => refs }, () => [fact(hand, "work.saved", { ...at, commit })]);
    saved = { commit, tree };
    onSaved(tip);
  }

  /**
   * What the remote refuses now it may take at the end of the turn, where a person is told what it says; the journal,
   * which it may still take alone, is not held up by it.
   */
  async function save(at: At): Promise<void> {
    try {
      await saveAll(at);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      log(`The work of this turn is not saved yet: ${error.message}`, { ...at });
      onSaved(await recorder.flush());
    }
  }

  async function saveIfDue(at: At): Promise<void> {
    if (recorder.waiting.length > 0 && Date.now() - savedAt >= everyMs) await save(at);
  }

  return {
    save,
    saveIfDue,
    async during(at, thinking) {
      let saving = Promise.resolve();
      const due = Math.max(0, everyMs - (Date.now() - savedAt));
      const timer = setTimeout(() => {
        saving = saveIfDue(at);
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

interface Saved {
  /** Null before a turn's first snapshot, which has no parent: git refuses what stands on a base that is on no branch. */
  readonly commit: CommitId | null;
  readonly tree: string;
}
