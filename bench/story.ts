import { monotonicFactory, ulid } from "ulid";
import { fact, type Hand, open } from "../src/sessions/decide.ts";
import { fold } from "../src/sessions/fold.ts";
import type { CommitId, SessionId } from "../src/sessions/ids.ts";
import { type Actor, type Event, type EventOf, encode, type Fact } from "../src/sessions/journal.ts";
import { formatState, type Session } from "../src/sessions/session.ts";
import { refOf } from "../src/sessions/store.ts";
import { commitIn } from "./stream.ts";

const newId = monotonicFactory();
/** `at`: milliseconds since 1970. */
export const newSession = (at?: number) => ulid(at) as SessionId;
export const someCommit = "a".repeat(40) as CommitId;

let seconds = Date.parse("2026-11-25T00:00:00Z") / 1000;

/** A hand whose clock moves by a second at each look, after all that is in the archive. */
function handOf(by: Actor): Hand {
  return { by, now: () => new Date(seconds++ * 1000), newId };
}

export const ada = handOf({ kind: "user", login: "ada", id: 7 });
const offshoot = handOf({ kind: "app", login: "offshoot[bot]", id: 99 });

/** Events of one append. */
const perAppend = 5;
/** Events of one turn, at most. */
const perTurn = 2_000;

/** A session as it grows, as a stream for `git fast-import`. */
export interface Story {
  /** One more prompt; the first one opens the session. */
  ask(): string;
  /** Turns until the journal has so many events. */
  turns(events: number): Generator<string>;
  /** The append with which a compaction takes the session: the cut. */
  beginCompaction(): string;
  /** The append with which it ends, on top of that one. */
  compact(cut: CommitId): string;
  readonly state: Session | null;
}

/** `base`: the commit that its branch begins at. */
export function openStory(session: SessionId, base = someCommit): Story {
  let state: Session | null = null;

  function append(facts: readonly Fact[], from?: CommitId): string {
    const before = state?.seq ?? 0;
    const events = facts.map((fact, index) => ({ v: 1, seq: before + 1 + index, ...fact }) as Event);
    state = fold(state, events);
    const files = { "events.jsonl": encode(events), "state.toml": formatState(state) };
    return commitIn(refOf.session(session), { at: state.last_accessed, ...(from ? { from } : {}), files });
  }

  const epoch = () => (state?.epoch ?? 0) + 1;
  return {
    get state() {
      return state;
    },
    ask: () => append(asked(session, state, base)),
    *turns(events) {
      for (let seq = state?.seq ?? 0; seq < events; seq = state?.seq ?? events) {
        const facts = turnOf({ session, now: state, base }, Math.min(perTurn, events - seq));
        for (let at = 0; at < facts.length; at += perAppend) yield append(facts.slice(at, at + perAppend));
      }
    },
    beginCompaction: () =>
      append([
        fact(offshoot, "lease.taken", { epoch: epoch(), holder: "run-0" }),
        fact(offshoot, "compaction.started", { model: "openai:gpt-5.5" }),
      ]),
    compact(cut) {
      const summary = "All is well so far. ".repeat(200);
      const tokens = { input: 20_000, cached: 0, output: 1_000, reasoning: 0 };
      const told = {
        cut,
        since: 0,
        model: "openai:gpt-5.5",
        summary,
        shells: {},
        before: 90_000,
        after: 1_000,
        tokens,
      };
      const facts = [
        fact(offshoot, "context.compacted", told),
        fact(offshoot, "lease.released", { epoch: epoch() - 1 }),
      ];
      return append(facts, cut);
    },
  };
}

/** A session after its first turn, of a few steps. */
export function shortStory(session: SessionId): readonly Event[] {
  return turnOf({ session, now: null, base: someCommit }, 30).map(
    (fact, index) => ({ v: 1, seq: 1 + index, ...fact }) as Event,
  );
}

interface Grown {
  readonly session: SessionId;
  readonly now: Session | null;
  readonly base: CommitId;
}

/** A whole turn of about so many events, from its prompt to the release of the session. */
function turnOf({ session, now, base }: Grown, events: number): readonly Fact[] {
  const turn = (now?.usage.turns ?? 0) + 1;
  const opening = asked(session, now, base);
  const prompt = opening.find(({ type }) => type === "prompt.queued")?.id;
  if (!prompt) throw new Error("A turn without a prompt.");
  const model = "openai:gpt-5.5@high";
  const before: Fact[] = [
    ...opening,
    fact(offshoot, "lease.taken", { epoch: (now?.epoch ?? 0) + 1, holder: `run-${turn}` }),
    fact(offshoot, "turn.started", { turn, prompt, model, base }),
    fact(offshoot, "message.added", { turn, step: 0, message: { role: "user", text: "<prompt>go on</prompt>" } }),
  ];
  const steps = Math.max(0, Math.floor((events - before.length - 2) / 3));
  const done: Omit<EventOf<"turn.ended">, "v" | "seq" | "id" | "at" | "by" | "type"> = {
    ...{ turn, prompt, outcome: "done", answer: "The test passes.", notices: [], duration_ms: 60_000, peak_rss_mb: 90 },
  };
  return [
    ...before,
    ...Array.from({ length: steps }, (_, index) => stepOf(turn, index + 1)).flat(),
    fact(offshoot, "turn.ended", done),
    fact(offshoot, "lease.released", { epoch: (now?.epoch ?? 0) + 1 }),
  ];
}

function asked(session: SessionId, now: Session | null, base: CommitId): readonly Fact[] {
  return now ? [fact(ada, "prompt.queued", promptOf(now.usage.turns + 1))] : openingOf(session, base);
}

function openingOf(session: SessionId, base: CommitId): readonly Fact[] {
  const name = `offshoot/1-make-the-failing-test-pass-${session.slice(-4).toLowerCase()}`;
  const branch = { name, own: true, from: "main", base };
  const opened = { project: "octo/sample", description: "make the failing test pass", branch, depth: 0 };
  return open(ada, { session, opened, thread: { number: 1, index: null }, prompt: promptOf(1) }).facts;
}

export function promptOf(number: number) {
  const url = `https://example.test/octo/sample/issues/1#${number}`;
  return {
    source: { kind: "comment", id: String(number), thread: 1, url } as const,
    text: "make the failing test pass",
  };
}

/** The model asks for a command, which runs, and is answered. */
function stepOf(turn: number, step: number): readonly Fact[] {
  const [call, command] = [`call_${turn}_${step}`, `npm test -- --grep "case ${step}"`];
  const parts = [{ type: "tool_call" as const, call, name: "exec", arguments: JSON.stringify({ command }) }];
  const tokens = { input: 20_000, cached: 19_000, output: 200, reasoning: 100 };
  const stdout = `ok ${step} - case ${step} passes\n`.repeat(3);
  const output = JSON.stringify({ stdout, stderr: "", exit_code: 0, execution_time_ms: 1200 });
  const ran = { shell: "main", command, exit_code: 0, ms: 1200, cwd: "/work/tree", stdout_bytes: 90, stderr_bytes: 0 };
  return [
    fact(offshoot, "message.added", {
      turn,
      step,
      message: { role: "assistant", model: "openai:gpt-5.5", parts },
      tokens,
    }),
    fact(offshoot, "command.ran", { turn, step, ...ran }),
    fact(offshoot, "message.added", { turn, step, message: { role: "tool", call, name: "exec", output } }),
  ];
}
