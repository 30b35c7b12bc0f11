import { ulid } from "ulid";
import type { Hand } from "../../src/sessions/decide.ts";
import { fact, type NewPrompt, open } from "../../src/sessions/decide.ts";
import type { CommitId, SessionId } from "../../src/sessions/ids.ts";
import type { Actor, ThreadSource } from "../../src/sessions/journal.ts";
import { type Change, compose, type SessionStore, type Swap, type Tip } from "../../src/sessions/store.ts";

const ada: Actor = { kind: "user", login: "ada", id: 7 };
export const offshoot: Actor = { kind: "app", login: "offshoot[bot]", id: 99 };

/** A hand whose clock moves by one second at each look and whose ids are fresh. */
export function hand(by: Actor = ada): Hand {
  let seconds = Date.parse("2026-11-01T12:00:00Z") / 1000;
  return { by, now: () => new Date(seconds++ * 1000), newId: () => ulid() };
}

export const newSession = () => ulid() as SessionId;
export const someCommit = "a".repeat(40) as CommitId;

export function comment(id: string, text = "make the failing test pass"): NewPrompt & { source: ThreadSource } {
  return { source: { kind: "comment", id, thread: 1, url: `https://example.test/issues/1#${id}` }, text };
}

export function opening(session: SessionId, prompt = comment("1")): Change {
  return open(hand(), {
    session,
    opened: {
      project: "octo/sample",
      description: prompt.text,
      branch: { name: `offshoot/1-fix-${session.slice(-4).toLowerCase()}`, own: true, from: "main", base: someCommit },
      depth: 0,
    },
    thread: { number: 1, index: null },
    prompt,
  });
}

export async function openIn(store: SessionStore, session: SessionId = newSession()): Promise<Tip> {
  return tipOf(await store.append(compose(session, null, opening(session))));
}

/** One more prompt, appended where `tip` is. */
export function asked(id: string, text?: string): Change {
  return { facts: [fact(hand(), "prompt.queued", comment(id, text))] };
}

export function tipOf(swap: Swap): Tip {
  if (!swap.ok) throw new Error(`the swap was lost: ${swap.moved.join(", ")}`);
  return swap.tip;
}

/** A session at a commit of nobody's repository, for decisions that need no store. */
export function at(change: Change, tip: Tip | null = null, session: SessionId = newSession()): Tip {
  const { state } = compose(tip?.session.session ?? session, tip, change);
  return { commit: someCommit, session: state };
}

/** What a test builds on; throws where it is not there. */
export function given<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("what the test builds on is not there");
  return value;
}
