import type { Config } from "../config.ts";
import type { Forge } from "../github/forge.ts";
import type { Hand, Holder } from "../sessions/decide.ts";
import type { Repository } from "../sessions/git/repository.ts";
import type { CommitId, SessionId } from "../sessions/ids.ts";
import type { Fact, Problem } from "../sessions/journal.ts";
import type { Lease } from "../sessions/session.ts";
import type { SessionStore } from "../sessions/store.ts";
import type { Keeping } from "./keeping.ts";
import type { Model, ModelRef } from "./model.ts";

/** Everything that a run works with; the roots put it together. */
export interface Runner {
  readonly session: SessionId;
  readonly store: SessionStore;
  /** The clean repository in which commits are made, with the remote that they go to. */
  readonly repository: Repository;
  /** Null at a terminal: then nothing is written outside git. */
  readonly forge: Forge | null;
  readonly config: Config;
  readonly model: ModelChoice;
  readonly hand: Hand;
  readonly holder: Holder;
  readonly tree: {
    readonly path: string;
    /** The commit that the checkout is at; null for an empty folder. */
    readonly at: CommitId | null;
  };
  /** A folder of the runner's own, outside the work tree. */
  readonly scratch: string;
  /** What the agent's shells start with, beside what the session adds. */
  readonly shellEnv: Readonly<Record<string, string>>;
  readonly saveEveryMs: number;
  /** Whether it can be told from here, without the forge, that the holder of a lease is no longer there. */
  readonly isGone: (lease: Lease) => boolean | Promise<boolean>;
  readonly keeping: Keeping;
  /** What must not be written anywhere, as it is at the moment: the model's key, tokens, what the environment names so. */
  readonly secrets: () => readonly string[];
  /** How often the session is looked at while a turn runs, for who wants it to stop; null: only when it is saved. */
  readonly lookEveryMs: number | null;
  /** Aborted when whoever started the run wants it to stop. */
  readonly stop: AbortSignal;
  /** Aborted, with the reason `job-limit` or `cancelled`, when the run has to end before its work does. */
  readonly leave: AbortSignal;
  /** Told of every fact when it is written down, in order. */
  readonly watch: (fact: Fact) => void;
  readonly log: Log;
}

/** The model of a run's turns, or why there is none: every prompt is then answered with that. */
export type ModelChoice =
  | { readonly ok: true; readonly ref: ModelRef; readonly open: () => Model }
  | { readonly ok: false; readonly problem: Problem };

/** Never given prompt text or tokens. */
export type Log = (message: string, fields?: Readonly<Record<string, string | number>>) => void;
