import fc from "fast-check";
import { expect, test } from "vitest";
import { type Amount, budgetLevels } from "../../src/sessions/budget.ts";
import { replay } from "../../src/sessions/fold.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import { decode, encode, type Stored } from "../../src/sessions/journal.ts";
import { formatState, parseState, type Session } from "../../src/sessions/session.ts";
import { compose, type Tip } from "../../src/sessions/store.ts";
import { hand, newSession, opening } from "./events.ts";
import { type Move, play } from "./model.ts";

const text = fc.string({ unit: "binary", maxLength: 80 });

const usd = fc.integer({ min: 1, max: 9_000_000 }).map((millionths) => millionths / 1_000_000);
const budget: fc.Arbitrary<Amount> = fc.oneof(
  usd.map((usd) => ({ usd })),
  fc.integer({ min: 1 }).map((tokens) => ({ tokens })),
);

const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record(
    { do: fc.constant("ask" as const), comment: fc.nat(12), text, budget },
    { requiredKeys: ["do", "comment", "text"] },
  ),
  fc.record({ do: fc.constant("continue" as const), comment: fc.nat(12), budget }, { requiredKeys: ["do", "comment"] }),
  fc.record({ do: fc.constant("take" as const), run: fc.nat(3) }),
  { arbitrary: fc.constant<Move>({ do: "start" }), weight: 3 },
  fc.record(
    { do: fc.constant("think" as const), text, tokens: fc.nat(9000), usd },
    { requiredKeys: ["do", "text", "tokens"] },
  ),
  fc.record({ do: fc.constant("exec" as const), command: text, exitCode: fc.integer({ min: -1, max: 255 }) }),
  fc.record({ do: fc.constantFrom("read" as const, "write" as const), path: text }),
  fc.constant<Move>({ do: "save" }),
  fc.record({ do: fc.constant("compact" as const), summary: text }),
  {
    arbitrary: fc.record(
      {
        do: fc.constant("end" as const),
        outcome: fc.constantFrom("done" as const, "stopped" as const, "failed" as const, "limit" as const),
        answer: text,
        budget: fc.constantFrom(...budgetLevels),
      },
      { requiredKeys: ["do", "outcome", "answer"] },
    ),
    weight: 2,
  },
  { arbitrary: fc.constant<Move>({ do: "post" }), weight: 2 },
  { arbitrary: fc.constant<Move>({ do: "release" }), weight: 2 },
  fc.constant<Move>({ do: "lose" }),
);

interface Line {
  readonly stored: Stored;
  readonly stateToml: string;
  readonly state: Session;
}

/** Plays the moves on a new session; each that is possible becomes an append. */
function chain(moves: readonly Move[]): Line[] {
  const actor = hand();
  const session = newSession();
  const lines: Line[] = [];
  let tip: Tip | null = null;
  for (const next of [null, ...moves]) {
    const change = tip && next ? play(actor, tip.session, next) : tip ? null : opening(session);
    if (!change) continue;
    const { events, state } = compose(session, tip, change);
    const commit = lines.length.toString(16).padStart(40, "0") as CommitId;
    const stored = { commit, events: decode(encode(events), { commit, after: tip?.session.seq ?? 0 }) };
    lines.push({ stored, stateToml: formatState(state), state });
    tip = { commit, session: state };
  }
  return lines;
}

test("whatever happens to a session, refolding its journal gives the bytes of state.toml at every append", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
      const lines = chain(moves);
      for (const [index, { stateToml, state }] of lines.entries()) {
        const refolded = replay(lines.slice(0, index + 1).map(({ stored }) => stored));
        expect(refolded && formatState(refolded)).toBe(stateToml);
        expect(parseState(stateToml)).toEqual(state);
      }
    }),
    { numRuns: 60 },
  );
});

test("whatever happens, one turn at most is open, no source is queued twice, and epochs only grow", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      let epoch = 0;
      for (const { state } of chain(moves)) {
        const running = state.queue.filter(({ status }) => status === "running");
        expect(running.map(({ id }) => id)).toEqual(state.turn ? [state.turn.prompt] : []);
        const sources = state.queue.map(({ source }) => source.id);
        expect(new Set(sources).size).toBe(sources.length);
        expect(state.epoch).toBeGreaterThanOrEqual(epoch);
        expect(state.lease?.epoch ?? state.epoch).toBe(state.epoch);
        const waits = state.queue.some(({ status }) => status === "queued");
        expect(state.turn ? ["working"] : waits ? ["queued", "held"] : ["idle"]).toContain(state.phase);
        epoch = state.epoch;
      }
    }),
    { numRuns: 60 },
  );
});

test("the random moves do reach every part of the fold", () => {
  const seen = new Set<string>();
  for (const moves of fc.sample(fc.array(move, { minLength: 40, maxLength: 60 }), { numRuns: 60, seed: 7 })) {
    for (const { stored } of chain(moves)) for (const { type } of stored.events) seen.add(type);
  }
  expect([...seen].sort()).toEqual([
    "budget.raised",
    "checkpoint.made",
    "command.ran",
    "context.compacted",
    "effect.done",
    "effect.planned",
    "file.changed",
    "file.read",
    "lease.released",
    "lease.taken",
    "message.added",
    "prompt.queued",
    "session.opened",
    "turn.ended",
    "turn.started",
    "wake.requested",
    "work.saved",
  ]);
});
