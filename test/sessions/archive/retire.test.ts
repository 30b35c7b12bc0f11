import { describe, expect, test } from "vitest";
import {
  explainKept,
  keptByRule,
  keptFromCleaning,
  keptFromDeletion,
  retirement,
} from "../../../src/sessions/archive/retire.ts";
import { queue, takeLease } from "../../../src/sessions/decide.ts";
import { fold } from "../../../src/sessions/fold.ts";
import { number } from "../../../src/sessions/journal.ts";
import type { Session } from "../../../src/sessions/session.ts";
import { asked, at, comment, hand, newSession, opening } from "../events.ts";
import { run } from "../model.ts";
import { start, turn } from "./archive-world.ts";

const opened = at(opening(newSession()));
const used = at(turn(opened, "openai:gpt-5.5@high"), opened).session;
const days = (count: number) => new Date(Date.parse(start) + count * 86_400_000);
const taken = (session: Session): Session => {
  const decision = takeLease(hand(), session, { holder: "runner-1", run: run(4711), isVoid: () => false });
  if (decision.kind !== "taken") throw new Error("there is nothing to do");
  return at(decision.change, { commit: opened.commit, session }).session;
};
const end = (session: Session, as: "retired" | "deleted") =>
  fold(session, number(retirement(hand(), session, as), session.seq));

describe("CS18: which sessions a cleaning takes", () => {
  const rule = { days: 30, models: [] };

  test("those to which nothing happened for so many days, to the second", () => {
    const past = new Date(Date.parse(used.last_accessed) + 30 * 86_400_000);
    expect(keptByRule(used, rule, past)).toBeNull();
    expect(keptByRule(used, rule, new Date(past.getTime() - 1))).toEqual({
      kind: "recent",
      last_accessed: used.last_accessed,
    });
  });

  test.each([
    [["openai:gpt-5.5@high"], true],
    [["openai:gpt-5.5"], true],
    [["gpt-5.5"], true],
    [["openai"], true],
    [["claude", "gpt-5.5"], true],
    [["gpt-5"], false],
    [["openai:"], false],
    [[""], false],
    [["gpt-5.5@low"], false],
    [["anthropic:gpt-5.5"], false],
    [["5.5"], false],
  ])("of models %j: %s", (models, isTaken) => {
    const kept = isTaken ? null : { kind: "other model", model: "openai:gpt-5.5@high" };
    expect(keptByRule(used, { days: 30, models }, days(31))).toEqual(kept);
  });

  test("of a model, none that has not run yet", () => {
    expect(keptByRule(opened.session, { days: 30, models: ["openai"] }, days(31))).toEqual({
      kind: "other model",
      model: null,
    });
  });

  test("never one that somebody works on, that has not ended its turn, or where a prompt waits", () => {
    const waiting = at(asked("2"), { commit: opened.commit, session: used }).session;
    const held = taken(waiting);
    const [first, ...rest] = turn(opened, "m:m").facts;
    const cut = rest.findIndex(({ type }) => type === "turn.ended");
    const lost = at({ facts: [first, ...rest.slice(0, cut)] }, opened).session;
    const kept = (session: Session, isHeld: boolean) => keptFromCleaning(session, rule, days(31), isHeld);
    expect(kept(held, true)).toEqual({ kind: "held", lease: held.lease });
    expect(kept(lost, false)).toEqual({ kind: "open turn", turn: 1 });
    expect(kept(held, false)).toEqual({ kind: "waiting", prompts: 1 });
    expect(kept(used, false)).toBeNull();
  });
});

describe("CS27: active, available, retired", () => {
  test("an active session and one whose context is compacted may both be retired, and nothing follows that", () => {
    for (const session of [used, { ...used, status: "available" as const }]) {
      const retired = end(session, "retired");
      expect(retired.status).toBe("retired");
      expect(() => end(retired, "deleted")).toThrow("session.deleted cannot stand here: the session is retired");
      expect(queue(hand(), retired, comment("9"))).toEqual({ kind: "retired" });
      expect(() => fold(retired, number(asked("9").facts, retired.seq))).toThrow("the session is retired");
    }
  });

  test("one that is held or has not ended its turn may not, whoever tries", () => {
    const waiting = at(asked("2"), { commit: opened.commit, session: used }).session;
    expect(() => fold(taken(waiting), number(retirement(hand(), used, "retired"), taken(waiting).seq))).toThrow(
      "runner-1 holds the session",
    );
    expect(keptFromDeletion(taken(waiting), true)).toMatchObject({ kind: "held" });
  });

  test("a lease whose holder is gone ends with the session; prompts that waited stay visible in the tombstone", () => {
    const waiting = at(asked("2", "and the docs"), { commit: opened.commit, session: used }).session;
    const stale = taken(waiting);
    expect(keptFromDeletion(stale, false)).toBeNull();
    const deleted = end(stale, "deleted");
    expect(deleted).toMatchObject({ status: "retired", deleted: "deleted" });
    expect(deleted.lease).toBeUndefined();
    expect(deleted.queue.at(-1)).toMatchObject({ status: "queued", text: "and the docs" });
  });
});

test("who is told why a session stays is told what to do", () => {
  const id = newSession();
  const lease = { epoch: 1, holder: "laptop:77", taken_at: start };
  expect(explainKept(id, { kind: "held", lease: { ...lease, run: run(4711) } })).toBe(
    `Session ${id} is at work: run 4711 (https://example.test/runs/4711) holds it. Stop it, or wait until it has ended.`,
  );
  expect(explainKept(id, { kind: "held", lease })).toContain("laptop:77 holds it");
  expect(explainKept(id, { kind: "waiting", prompts: 1 })).toContain("has 1 waiting prompt.");
  expect(explainKept(id, { kind: "waiting", prompts: 2 })).toContain("has 2 waiting prompts.");
  expect(explainKept(id, { kind: "open turn", turn: 3 })).toContain("has not ended its turn 3");
  expect(explainKept(id, { kind: "recent", last_accessed: start })).toContain(`was last used at ${start}`);
  expect(explainKept(id, { kind: "other model", model: null })).toContain("has not run yet");
  expect(explainKept(id, { kind: "other model", model: "m:m" })).toContain("last ran with m:m");
  expect(explainKept(id, { kind: "corrupt", reason: "The journal is corrupt at …" })).toContain(
    "cannot be read. The journal",
  );
});
