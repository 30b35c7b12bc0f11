import type { CommitId, SessionId } from "../sessions/ids.ts";
import type { Run } from "../sessions/journal.ts";

/** An account; `id` is what counts, logins can be given up and taken by someone else. */
export interface Account {
  readonly login: string;
  readonly id: number;
  readonly bot: boolean;
}

/** Whom GitHub names where an account is gone. */
export const ghost: Account = { login: "ghost", id: 10137, bot: false };

export interface Comment {
  readonly id: number;
  /** The platform's other id of it, as of threads and of what is written. */
  readonly node: string;
  readonly thread: number;
  readonly author: Account;
  readonly body: string;
  readonly url: string;
}

/** An issue or pull request. */
export interface Thread {
  readonly number: number;
  readonly node: string;
  readonly title: string;
  readonly body: string;
  readonly author: Account;
  /** For a pull request; `fork`: its head is in another repository. */
  readonly pull?: {
    readonly head: string;
    readonly headCommit: CommitId;
    readonly base: string;
    readonly fork: boolean;
  };
}

/** Something written on the forge: a comment's id or a pull request's number, and where it is. */
export interface Written {
  readonly number: number;
  readonly url: string;
  readonly node?: string;
}

export type Reaction = "eyes" | "confused" | "rocket";

/** The ids are those that are called `node`. */
export interface Receipt {
  readonly comment: string;
  readonly reaction: Reaction;
  readonly body: string;
  readonly where: { readonly edit: string } | { readonly thread: string };
}

/** Comments on issues and pull requests. */
export interface Conversation {
  thread(number: number): Promise<Thread | null>;
  /** The comment as it is now; null when it is gone. */
  comment(id: number): Promise<Comment | null>;
  react(comment: number, reaction: Reaction): Promise<void>;
  /**
   * Reacts to a comment, and writes on its thread or edits what was written there, in one request. False where the latter
   * is gone: then nothing was done.
   */
  receive(receipt: Receipt): Promise<boolean>;
  post(thread: number, body: string): Promise<Written>;
  /** False when the comment is gone. */
  edit(comment: number, body: string): Promise<boolean>;
  /** Comments of bots that begin with the marker, oldest first, among those changed since then. */
  find(thread: number, marker: string, since: string): Promise<readonly Written[]>;
  remove(comment: number): Promise<void>;
}

export type OpenedPull =
  | ({ readonly ok: true } & Written)
  /** The repository does not let this token open pull requests; a person can, at `compareUrl`. */
  | { readonly ok: false; readonly compareUrl: string };

export interface PullRequests {
  /** The open pull request from a branch of this repository. */
  from(branch: string): Promise<(Written & { readonly body: string }) | null>;
  open(pull: { head: string; base: string; title: string; body: string }): Promise<OpenedPull>;
  describe(number: number, body: string): Promise<void>;
}

export type Dispatch =
  | { readonly ok: true }
  /** `problem` and `remedy` are for the person who is waiting. */
  | { readonly ok: false; readonly problem: string; readonly remedy: string };

/** Workflow runs that work on sessions. */
export interface Runs {
  dispatch(wake: { session: SessionId; nonce: string; branch: string }): Promise<Dispatch>;
  /** Whether the platform says that the run's attempt is over; a run that it does not know is. */
  hasEnded(run: Run): Promise<boolean>;
  /** Whether a run for the session is queued or running, other than one that is known to have `ended`. */
  isUnderWay(session: SessionId, ended?: Run): Promise<boolean>;
}

/** What somebody may do in the repository, each with all that is before it. */
export const levels = ["none", "write", "maintain", "admin"] as const;
export type Standing = (typeof levels)[number];
export type Level = Exclude<Standing, "none">;

export interface Repo {
  /** Where the repository is for people, `https://github.com/owner/name`. */
  readonly url: string;
  /** `owner/name` */
  readonly name: string;
  /** Asked live, of the account with this id. Throws {@link ForgeError} when it cannot be told. */
  standing(person: Account): Promise<Standing>;
  branch(name: string): Promise<CommitId | null>;
  /** A file's text on a branch; null when it is not there. */
  file(path: string, branch: string): Promise<string | null>;
}

/** The platform, as far as sessions need it. Methods throw {@link ForgeError} when it gives no usable answer. */
export interface Forge {
  readonly conversation: Conversation;
  readonly pulls: PullRequests;
  readonly runs: Runs;
  readonly repo: Repo;
}

export class ForgeError extends Error {
  /** The HTTP status, 0 where there was no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ForgeError";
    this.status = status;
  }
}
