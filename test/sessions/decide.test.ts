import { describe, expect, test } from "vitest";
import {
  released as givenBack,
  lostRunsAllowed,
  open,
  queue,
  release,
  rescue,
  startTurn,
  takeLease,
} from "../../src/sessions/decide.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import type { Run } from "../../src/sessions/journal.ts";
import type { Lease, Prompt } from "../../src/sessions/session.ts";
import type { Change, Tip } from "../../src/sessions/store.ts";
import { at, comment, given, hand, newSession, opening, someCommit } from "./events.ts";
import { play, run } from "./model.ts";

const me = hand();
const opened = at(opening(newSession()));
const typesOf = (change: Change | null) => change?.facts.map(({ type }) => type) ?? null;
const stands = () => false;
const ended = () => true;

function taking(session = opened.session, by: Run = run(1), isVoid: (lease: Lease) => boolean = stands) {
  return takeLease(me, session, { holder: "runner", run: by, isVoid });
}

const takenBy = (...args: Parameters<typeof taking>) => {
  const decision = taking(...args);
  return given(decision.kind === "taken" ? decision.change : null);
};

const held = at(takenBy(), opened);

const starting = { model: "openai:gpt-5.5", base: someCommit, ask: ({ text }: Prompt) => `Do: ${text}` };
const working = at(given(startTurn(me, held.session, starting)), held);
const answered = at(given(play(me, working.session, { do: "end", outcome: "done", answer: "" })), working);
const finished = at(given(play(me, answered.session, { do: "post" })), answered);
const released = at(given(release(me, finished.session, 1)), finished);
const asking = (tip: Tip) => at(given(play(me, tip.session, { do: "ask", comment: 2, text: "one more" })), tip);

describe("opening", () => {
  test("a session is opened, asked, and woken in one append, and is the active one of its thread", () => {
    const [older, session] = [newSession(), newSession()];
    const index = { commit: "b".repeat(40) as CommitId, sessions: [older] };
    const { project, description, branch, depth } = {
      ...{ project: "octo/sample", description: "Parser", depth: 0 },
      branch: { name: "offshoot/7-parser", own: true, from: "main", base: someCommit },
    };
    const thread = { number: 7, index };
    const change = open(me, { session, opened: { project, description, branch, depth }, thread, prompt: comment("1") });
    expect(typesOf(change)).toEqual(["session.opened", "prompt.queued", "wake.requested"]);
    expect(change.threads).toEqual([{ number: 7, from: index.commit, sessions: [older, session] }]);
  });
});

describe("queueing", () => {
  test("the same source is queued once, however often it is delivered", () => {
    expect(queue(me, opened.session, comment("1", "edited meanwhile")).kind).toBe("known");
    expect(queue(me, opened.session, comment("2")).kind).toBe("queued");
  });

  test("a label and a comment of the same id are two sources", () => {
    const label = { source: { ...comment("1").source, kind: "label" as const }, text: "from the label" };
    expect(queue(me, opened.session, label).kind).toBe("queued");
  });

  test("a prompt asks for a run, but not while one holds the session", () => {
    const wakes = [opened, held].map(({ session }) => {
      const decision = queue(me, session, comment("2"));
      return decision.kind === "queued" ? typesOf(decision.change) : null;
    });
    expect(wakes).toEqual([["prompt.queued", "wake.requested"], ["prompt.queued"]]);
  });
});

describe("the lease", () => {
  test("is taken once", () => {
    expect(taking()).toMatchObject({ kind: "taken", epoch: 1 });
    expect(taking(held.session, run(2))).toEqual({ kind: "busy", lease: held.session.lease });
  });

  test("doubled wake-ups of one run do not take it twice", () => {
    expect(taking(held.session, run(1)).kind).toBe("busy");
  });

  test("is void once its run has ended: the next has a higher epoch", () => {
    expect(taking(held.session, run(2), ended)).toMatchObject({ kind: "taken", epoch: 2 });
  });

  test("of an earlier attempt of the same run is void; of a later one it stands", () => {
    expect(taking(held.session, { ...run(1), attempt: 2 })).toMatchObject({ kind: "taken", epoch: 2 });
    const second = at(takenBy(held.session, { ...run(1), attempt: 2 }), held);
    expect(taking(second.session, run(1)).kind).toBe("busy");
  });

  test("is not taken where nothing is to do", () => {
    expect(taking(released.session, run(2)).kind).toBe("idle");
  });

  test("a holder without a platform's run, at a terminal, leaves no run behind", () => {
    const decision = takeLease(me, opened.session, { holder: "ada's laptop", isVoid: stands });
    if (decision.kind !== "taken") throw new Error("not taken");
    expect(at(decision.change, opened).session.lease).not.toHaveProperty("run");
    expect(taking(at(decision.change, opened).session, run(2)).kind).toBe("busy");
  });

  test("is released when all is done, never while work is left", () => {
    expect(typesOf(release(me, finished.session, 1))).toEqual(["lease.released"]);
    const left = [held, working, answered, asking(finished)];
    expect(left.map(({ session }) => release(me, session, 1))).toEqual([null, null, null, null]);
  });
});

describe("starting a turn", () => {
  test("takes the first waiting prompt and tells the model what was asked", () => {
    const change = startTurn(me, held.session, starting);
    expect(change?.facts).toMatchObject([
      { type: "turn.started", turn: 1, prompt: held.session.queue[0]?.id, base: someCommit },
      { type: "message.added", turn: 1, step: 0, message: { role: "user", text: "Do: make the failing test pass" } },
    ]);
  });

  test("a prompt's turn starts once", () => {
    expect(startTurn(me, working.session, starting)).toBeNull();
    expect(startTurn(me, asking(working).session, starting)).toBeNull();
    expect(startTurn(me, finished.session, starting)).toBeNull();
  });
});

describe("when a run has ended", () => {
  const seen = (session = held.session, by: Run = run(1), isVoid: (lease: Lease) => boolean = stands) =>
    rescue(me, session, { ended: by, isVoid });

  test("a finished session is left alone", () => {
    expect(seen(released.session)).toEqual({ kind: "leave", why: "nothing to do" });
  });

  test("another run's lease is left alone, and so is a terminal's", () => {
    expect(seen(working.session, run(2))).toEqual({ kind: "leave", why: "another run has it" });
    const terminal = takeLease(me, opened.session, { holder: "ada's laptop", isVoid: stands });
    const { session } = at(given(terminal.kind === "taken" ? terminal.change : null), opened);
    expect(seen(session)).toEqual({ kind: "leave", why: "another run has it" });
  });

  test("a run that died before it took over a dead run's lease is followed by another", () => {
    expect(seen(working.session, run(2), ended).kind).toBe("wake");
  });

  test("the end of an earlier attempt says nothing about a later one", () => {
    const again = at(takenBy(held.session, { ...run(1), attempt: 2 }), held).session;
    expect(seen(again, run(1)).kind).toBe("leave");
    expect(seen(again, { ...run(1), attempt: 2 }).kind).toBe("wake");
  });

  test("a run that died holding the session, or before it took it, is followed by another", () => {
    const what = [working, opened].map(({ session }) => {
      const decision = seen(session, run(1));
      return decision.kind === "wake" && typesOf(decision.change);
    });
    expect(what).toEqual([["lease.released", "wake.requested"], ["wake.requested"]]);
  });

  test("one that gave the session back in order is followed by another and counts as no loss", () => {
    const left = at({ facts: [givenBack(me, 1, "job-limit")] }, working);
    const decision = seen(left.session);
    const woken = decision.kind === "wake" ? at(decision.change, left) : left;
    expect(woken.session.lost_runs).toBe(0);
    const lost = seen(woken.session);
    expect(lost.kind === "wake" && at(lost.change, woken).session.lost_runs).toBe(1);
  });

  test("too many in a row: it is given up once, and left from then on, until someone asks", () => {
    let tip = working;
    const kinds = Array.from({ length: lostRunsAllowed + 2 }, () => {
      const decision = seen(tip.session);
      if (decision.kind !== "leave") tip = at(decision.change, tip);
      return decision.kind === "leave" ? decision.why : decision.kind;
    });
    expect(kinds).toEqual(["wake", "wake", "wake", "give-up", "gave up before"]);
    expect(seen(asking(tip).session).kind).toBe("wake");
  });
});
