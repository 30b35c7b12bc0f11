import { type Files, type NewCommit, type Signature, signature } from "./git/commit.ts";
import { type CommitId, parseSessionId, type SessionId } from "./ids.ts";
import { decode, encode, JournalError, type Stored } from "./journal.ts";
import type { Sign } from "./secrets/signatures.ts";
import { formatState, parseState, type Session } from "./session.ts";
import { type Append, refOf, StoreError, sessionsRef, type ThreadIndex } from "./store.ts";

/** An append as its commit holds it; null where a file is not there. */
export interface Link {
  readonly commit: CommitId;
  /** `events.jsonl` */
  readonly events: string | null;
}

/** A commit to write, and the ref to move to it from where it was read. */
export interface Step {
  readonly ref: string;
  readonly from: CommitId | null;
  readonly commit: NewCommit<Files>;
}

/** The commits of an append: the session's own first, then those of its threads. */
export function stepsOf(append: Append, sign: Sign = () => null): readonly [Step, ...Step[]] {
  const who = signature(append.by, new Date(append.state.last_accessed));
  const { from, parent } = append;
  const own = step(
    { ref: refOf.session(append.session), from, parent },
    who,
    append.subject,
    appendFiles(append, sign),
  );
  return [own, ...append.threads.map((thread) => threadStep(thread, who))];
}

/** The commit that lists the sessions of a thread. */
export function threadStep({ number, from, sessions }: Append["threads"][number], who: Signature): Step {
  const files = { sessions: Buffer.from(sessions.map((session) => `${session}\n`).join("")) };
  const place = { ref: refOf.thread(number), from, parent: from };
  return step(place, who, `${sessions.at(-1)} is the active session`, files);
}

function step(
  { ref, from, parent }: { ref: string; from: CommitId | null; parent: CommitId | null },
  who: Signature,
  message: string,
  tree: Files,
): Step {
  return { ref, from, commit: { parents: parent ? [parent] : [], author: who, committer: who, message, tree } };
}

function appendFiles(append: Append, sign: Sign): Record<string, Buffer> {
  const events = Buffer.from(encode(append.events));
  const signed = sign(append, events);
  const output = Object.entries(append.output).map(([name, content]) => [`output/${name}`, content] as const);
  return {
    "events.jsonl": events,
    "state.toml": Buffer.from(formatState(append.state)),
    ...(signed === null ? {} : { hmac: Buffer.from(`${signed}\n`) }),
    ...Object.fromEntries(output),
  };
}

/** The state that a commit holds; null where it is of another version, or is not the one after the events beside it. */
export function cachedState({ commit, events, state }: Link & { readonly state: string | null }): Session | null {
  const session = state === null ? null : parseState(state);
  return session && events !== null && endsAt(events, { commit, seq: session.seq }) ? session : null;
}

function endsAt(text: string, { commit, seq }: { commit: CommitId; seq: number }): boolean {
  const count = text.split("\n").length - 1;
  try {
    return decode(text, { commit, after: seq - count }).length > 0;
  } catch (error) {
    if (error instanceof JournalError) return false;
    throw error;
  }
}

/**
 * Decodes appends that follow one another, oldest first: a whole chain from its root, or its end, of which the first
 * event tells where in the count it is. Throws {@link JournalError} at the first thing that is not as it must be.
 */
export function decodeChain(links: readonly Link[], part: "whole" | "end"): readonly Stored[] {
  let seq = part === "whole" ? 0 : seqBefore(links[0]?.events ?? "");
  return links.map(({ commit, events: text }) => {
    if (text === null)
      throw new JournalError("malformed", { commit, line: 1, reason: "no events.jsonl in this commit" });
    const events = decode(text, { commit, after: seq });
    seq += events.length;
    return { commit, events };
  });
}

/** The `seq` before these events; where their first line does not tell it, decoding will say what is wrong there. */
function seqBefore(text: string): number {
  const [, seq = "1"] = /^\{"v":1,"seq":(\d+),/.exec(text) ?? [];
  return Number(seq) - 1;
}

/** Reads a thread's `sessions`; null: the commit has none. */
export function parseThread(number: number, commit: CommitId, text: string | null): ThreadIndex {
  const lines = (text ?? "").split("\n").filter(Boolean);
  const sessions = lines.map(parseSessionId);
  if (sessions.length === 0 || !sessions.every((session) => session !== null)) {
    throw new StoreError("invalid", `${refOf.thread(number)} at ${commit} does not list session ids, one a line`);
  }
  return { commit, sessions };
}

/** What the refs of sessions whose ids begin with the prefix begin with; null where no id can begin so. */
export function refPrefix(prefix: string): string | null {
  return /^[0-9a-z]*$/i.test(prefix) ? `${sessionsRef}${prefix.toUpperCase()}` : null;
}

/** The sessions among some refs, in order of creation. */
export function sessionsIn(refs: readonly string[]): readonly SessionId[] {
  return refs.flatMap((name) => parseSessionId(name.slice(sessionsRef.length)) ?? []).sort();
}
