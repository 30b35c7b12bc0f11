import { describe, expect, test } from "vitest";
import { fact, queue } from "../../src/sessions/decide.ts";
import { FoldError, fold, replay } from "../../src/sessions/fold.ts";
import type { CommitId, EventId } from "../../src/sessions/ids.ts";
import { JournalError, number } from "../../src/sessions/journal.ts";
import { formatState, parseHead, parseState, type Session } from "../../src/sessions/session.ts";
import { type Change, compose, type Tip } from "../../src/sessions/store.ts";
import { asked, at, comment, given, hand, newSession, opening, someCommit } from "./events.ts";
import { type Move, play } from "./model.ts";

const me = hand();
const opened = at(opening(newSession()));

/** The session after moves that must all be possible. */
function played(tip: Tip, ...moves: readonly Move[]): Tip {
  return moves.reduce((now, move) => at(given(play(me, now.session, move)), now), tip);
}

const taken = played(opened, { do: "take", run: 1 });
const started = played(taken, { do: "start" });
const done: Move = { do: "end", outcome: "done", answer: "It passes now." };

test("phases: queued until a turn starts, working until it ends, then queued or idle", () => {
  const asking = played(started, { do: "ask", comment: 2, text: "and the docs" });
  const phases = [opened, taken, started, asking, played(asking, done), played(started, done)];
  expect(phases.map(({ session }) => session.phase)).toEqual([
    "queued",
    "queued",
    "working",
    "working",
    "queued",
    "idle",
  ]);
});

test("a turn's prompt keeps its text while it is open, and its outcome afterwards", () => {
  const prompts = [opened, started, played(started, done)].map(({ session }) => session.queue[0]);
  expect(prompts.map((prompt) => [prompt?.status, prompt?.turn, prompt?.text])).toEqual([
    ["queued", undefined, "make the failing test pass"],
    ["running", 1, "make the failing test pass"],
    ["done", 1, undefined],
  ]);
});

test("usage counts steps, tokens, and turns; the turn counts its own tokens", () => {
  const think: Move = { do: "think", text: "…", tokens: 100 };
  const { session } = played(started, think, think);
  expect(session.turn).toMatchObject({ step: 2, tokens: 218, runs: 1 });
  expect(played(started, think, think, done).session.usage).toEqual({
    turns: 1,
    steps: 2,
    input: 200,
    cached: 0,
    output: 18,
    reasoning: 6,
    ...{ cost_usd: 0, unpriced: 218 },
    duration_ms: 1200,
    peak_rss_mb: 90,
    breakdown: { system: 0, tools: 0, history: 0, prompt: 0 },
  });
});

test("what is spent: by the day on which it was, with its cost where that is known; a fork begins at nothing", () => {
  const early = fact({ ...me, now: () => new Date("2026-11-01T23:59:59Z") }, "message.added", reply(0.25));
  const late = fact({ ...me, now: () => new Date("2026-11-02T00:00:01Z") }, "message.added", reply(0.1));
  const unknown = fact({ ...me, now: () => new Date("2026-11-02T00:00:02Z") }, "message.added", reply());
  const { session } = at({ facts: [early, late, unknown] }, started);
  expect(session.spent).toEqual({ tokens: 330, usd: 0.35, day: { date: "2026-11-02", tokens: 220, usd: 0.1 } });
  expect(session.turn).toMatchObject({ tokens: 330, usd: 0.35 });
  expect(session.usage).toMatchObject({ input: 300, cost_usd: 0.35, unpriced: 110 });
  const branch = { name: "offshoot/1-again", own: true, from: "main", base: someCommit };
  const fork = { session: newSession(), from: session.session, turn: 1, branch, description: "again" };
  expect(at({ facts: [fact(me, "session.forked", fork)] }, { commit: someCommit, session }).session).toMatchObject({
    spent: { tokens: 0, usd: 0 },
    usage: { cost_usd: 0.35 },
  });
});

const reply = (usd?: number) => ({
  ...{ turn: 1, step: 1, message: { role: "assistant" as const, model: "openai:gpt-5.5", parts: [] } },
  tokens: { input: 100, cached: 0, output: 10, reasoning: 0 },
  ...(usd === undefined ? {} : { cost_usd: usd }),
});

test("at a budget what waits is held until somebody asks; who asks to continue goes first, with what they add", () => {
  const waiting = played(started, { do: "ask", comment: 2, text: "and the docs" });
  const held = played(waiting, { ...done, do: "end", outcome: "limit", answer: "", budget: "session" });
  expect(held.session.phase).toBe("held");
  expect(play(me, held.session, { do: "start" })).toBeNull();
  const raised = played(held, { do: "continue", comment: 3, budget: { usd: 5 } });
  expect(raised.session.phase).toBe("queued");
  expect(raised.session.raised).toEqual({ tokens: 0, usd: 5 });
  expect(raised.session.queue.filter(({ status }) => status === "queued")).toMatchObject([
    { source: { id: "3" }, budget: { usd: 5 }, raises: true },
    { source: { id: "2" }, text: "and the docs" },
  ]);
  const again = played(raised, { do: "start" }, { do: "think", text: "…", tokens: 91, usd: 0.5 }, done);
  expect(again.session.budgets).toEqual([{ level: "turn", usd: 5, used_tokens: 100, used_usd: 0.5 }]);
  expect(again.session.queue.find(({ source }) => source.id === "3")).not.toHaveProperty("raises");
  expect(played(again, { do: "continue", comment: 4, budget: { tokens: 7 } }).session.raised).toEqual({
    tokens: 7,
    usd: 5,
  });
  const stray = fact(me, "budget.raised", { prompt: given(started.session.turn).prompt, usd: 1 });
  expect(() => at({ facts: [stray] }, started)).toThrow("does not wait");
});

test("another run that takes the session over has a higher epoch and is counted on the open turn", () => {
  const { session } = played(started, { do: "take", run: 2 });
  expect(session).toMatchObject({ epoch: 2, lease: { epoch: 2, holder: "runner-2" }, turn: { number: 1, runs: 2 } });
});

test("snapshots end with the turn; the checkpoint is where the session left its branch", () => {
  const saved = played(started, { do: "save" });
  expect(saved.session.wip).toBe(someCommit);
  expect(played(saved, done).session).not.toHaveProperty("wip");
  expect(played(saved, done).session.head).toBe(someCommit);
});

test("a session on a pull request's own branch begins at its head", () => {
  const change = opening(newSession());
  const [first, ...rest] = change.facts;
  if (first.type !== "session.opened") throw new Error("not opened");
  const { session } = at({ ...change, facts: [{ ...first, branch: { ...first.branch, own: false } }, ...rest] });
  expect(session).toMatchObject({ own_branch: false, head: someCommit });
});

test("an effect stays until it is done; a posted answer is left to the journal, the rest keeps its address", () => {
  const ended = played(started, done);
  expect(ended.session.effects).toMatchObject([{ kind: "answer", key: "1", done: false }]);
  expect(played(ended, { do: "post" }).session.effects).toEqual([]);
  const planned = fact(me, "effect.planned", { kind: "pull_request", key: "offshoot/1-fix", thread: 1 });
  const pull = at({ facts: [planned] }, started);
  expect(played(pull, { do: "post" }).session.effects).toMatchObject([
    { kind: "pull_request", done: true, number: 12, url: "https://example.test/pull_request/offshoot/1-fix" },
  ]);
});

test("what a tool did last is told by provider, in one short line", () => {
  const command = `printf '${"🦜".repeat(150)}'\nexit 3`;
  const { tools } = played(started, { do: "exec", command, exitCode: 3 }).session;
  expect(tools.openai?.last_exit_code).toBe(3);
  expect(tools.openai?.last_action_summary).toHaveLength(200);
  expect(tools.openai?.last_action_summary.isWellFormed()).toBe(true);
  const read = played(started, { do: "read", path: "src/parse.js" }).session;
  expect(read.tools.openai).toMatchObject({ last_action_summary: "read src/parse.js" });
});

test("lost runs count until a person asks, the model answers, or a turn ends", () => {
  const lost = played(started, { do: "lose" }, { do: "lose" });
  expect(lost.session.lost_runs).toBe(2);
  expect(played(lost, { do: "ask", comment: 2, text: "still there?" }).session.lost_runs).toBe(0);
  const again = played(lost, { do: "take", run: 2 });
  expect(again.session.lost_runs).toBe(2);
  expect(played(again, { do: "think", text: "…", tokens: 1 }).session.lost_runs).toBe(0);
  expect(played(again, done).session.lost_runs).toBe(0);
});

describe("the last 200 closed prompts are remembered", () => {
  let tip = played(taken, { do: "start" }, done, { do: "post" });
  for (let id = 1001; id <= 1201; id += 1) {
    tip = played(tip, { do: "ask", comment: id, text: "again" }, { do: "start" }, done, { do: "post" });
  }
  tip = played(tip, { do: "ask", comment: 1300, text: "and this" });
  const { session } = tip;

  test("open ones beside them", () => {
    expect(session.queue).toHaveLength(201);
    expect(session.queue[0]?.source.id).toBe("1002");
    expect(session.queue.at(-1)).toMatchObject({ status: "queued", source: { id: "1300" } });
  });

  test("a comment is queued once, also when its prompt has left the list", () => {
    expect(session.forgotten_comment).toBe(1001);
    const again = ["1", "900", "1001", "1002", "1201", "1300"].map((id) => queue(me, session, comment(id)).kind);
    expect(again).toEqual(again.map(() => "known"));
    expect(queue(me, session, comment("1301")).kind).toBe("queued");
  });
});

describe("what cannot follow is refused", () => {
  const lease = { epoch: 1, holder: "runner-9" };
  const turn = { turn: 1, prompt: started.session.turn?.prompt ?? ("" as EventId), model: "m", base: someCommit };
  const ended = { turn: 2, prompt: turn.prompt, outcome: "done" as const, answer: "" };
  const said = { step: 1, message: { role: "user" as const, text: "" } };
  const cases: readonly [string, Session | null, Change, string][] = [
    ["a journal that begins in the middle", null, asked("1"), "a journal begins with session.opened"],
    ["a second opening", opened.session, opening(newSession()), "the session is open already"],
    ["an epoch again", taken.session, { facts: [fact(me, "lease.taken", lease)] }, "epoch 1 was the last"],
    ["a release of nothing", opened.session, { facts: [fact(me, "lease.released", { epoch: 1 })] }, "nobody holds"],
    [
      "a stale run's release",
      played(started, { do: "take", run: 2 }).session,
      { facts: [fact(me, "lease.released", { epoch: 1 })] },
      "nobody holds epoch 1",
    ],
    ["a turn in a turn", started.session, { facts: [fact(me, "turn.started", turn)] }, "turn 1 has not ended"],
    [
      "a turn of a prompt that is done",
      played(started, done).session,
      { facts: [fact(me, "turn.started", turn)] },
      "does not wait",
    ],
    [
      "the end of another turn",
      started.session,
      { facts: [fact(me, "turn.ended", { ...ended, notices: [], duration_ms: 0, peak_rss_mb: 0 })] },
      "turn 2 is not open",
    ],
    [
      "a message outside a turn",
      taken.session,
      { facts: [fact(me, "message.added", { turn: 1, ...said })] },
      "turn 1 is not open",
    ],
  ];

  test.each(cases)("%s", (_, session, { facts }, reason) => {
    const events = number(facts, session?.seq ?? 0);
    expect(() => fold(session, events)).toThrow(FoldError);
    expect(() => fold(session, events)).toThrow(reason);
  });

  test("an append without events", () => {
    expect(() => fold(null, [])).toThrow("without events");
  });

  test("replaying a journal names the commit and the line of what cannot follow", () => {
    const [good, bad] = ["1".repeat(40), "2".repeat(40)] as [CommitId, CommitId];
    const first = compose(opened.session.session, null, opening(opened.session.session)).events;
    const second = number([...asked("2").facts, fact(me, "lease.released", { epoch: 4 })], 3);
    const journal = [
      { commit: good, events: first },
      { commit: bad, events: second },
    ];
    expect(() => replay(journal)).toThrow(JournalError);
    expect(() => replay(journal)).toThrow(
      `at commit ${bad}, line 2 of events.jsonl: lease.released cannot stand here: nobody holds epoch 4`,
    );
    expect(replay([])).toBeNull();
  });
});

describe("state.toml", () => {
  test("reads back as it was", () => {
    const { session } = played(started, { do: "save" }, { do: "exec", command: "npm test", exitCode: 1 });
    expect(parseState(formatState(session))).toEqual(session);
  });

  test.each([
    ["another fold's", (text: string) => text.replace(/^fold = \d+/, "fold = 0")],
    ["no TOML", () => "<<<<<<< HEAD"],
    ["nothing", () => ""],
    ["a field more", (text: string) => `extra = 1\n${text}`],
    ["an epoch that is no number", (text: string) => text.replace("epoch = 1", 'epoch = "1"')],
  ])("that is %s is none, so the journal is folded again", (_, damage) => {
    expect(parseState(damage(formatState(started.session)))).toBeNull();
  });

  test("is read as far as a list needs it, whatever its words look like", () => {
    const keys = [{ id: "0123456789ab", wrapped: "AAAA" }];
    const description = 'end\n[[queue]]\n[tools.openai]\nseq = "none"';
    const { session } = played(started, { do: "exec", command: "npm test", exitCode: 1 });
    const whole = {
      ...session,
      description,
      keys: { since: 3, ring: { session: session.session, master: "0123456789abcdef", keys } },
    };
    const head = given(parseHead(formatState(whole)));
    expect(whole).toMatchObject(head);
    expect(head).toMatchObject({ description, usage: whole.usage, touched: [], created_by: whole.created_by });
    expect(parseHead(formatState(whole).replace(/^fold = \d+/, "fold = 0"))).toBeNull();
  });

  test("is readable", () => {
    const text = formatState(played(started, { do: "think", text: "…", tokens: 100 }).session);
    expect(
      text
        .replace(/[0-9A-HJKMNP-TV-Z]{26}/g, "<ULID>")
        .replace(/T12:\d\d:\d\d/g, "T12:00:00")
        .replace(/-[0-9a-z]{4}"/, '-<end>"'),
    ).toMatchInlineSnapshot(`
      "fold = 3
      seq = 7
      session = "<ULID>"
      description = "make the failing test pass"
      project = "octo/sample"
      created_at = "2026-11-01T12:00:00.000Z"
      last_accessed = "2026-11-01T12:00:00.000Z"
      status = "active"
      phase = "working"
      model = "openai:gpt-5.5"
      thread = 1
      branch = "offshoot/1-fix-<end>"
      own_branch = true
      base_branch = "main"
      base = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      epoch = 1
      lost_runs = 0
      wake = "<ULID>"
      touched = []
      forgotten_comment = 0
      effects = []

      [created_by]
      kind = "user"
      login = "ada"
      id = 7

      [genealogy]
      depth = 0

      [context_status]
      is_compacted = false

      [context]
      appends_since_cut = 4

      [usage]
      turns = 0
      steps = 1
      input = 100
      cached = 0
      output = 9
      reasoning = 3
      cost_usd = 0
      unpriced = 109
      duration_ms = 0
      peak_rss_mb = 0

      [usage.breakdown]
      system = 0
      tools = 0
      history = 0
      prompt = 0

      [spent]
      tokens = 109
      usd = 0

      [spent.day]
      date = "2026-11-01"
      tokens = 109
      usd = 0

      [lease]
      epoch = 1
      holder = "runner-1"
      taken_at = "2026-11-01T12:00:00.000Z"

      [lease.run]
      id = 1
      attempt = 1
      url = "https://example.test/runs/1"

      [turn]
      number = 1
      prompt = "<ULID>"
      base = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      started_at = "2026-11-01T12:00:00.000Z"
      model = "openai:gpt-5.5"
      step = 1
      runs = 1
      tokens = 109
      usd = 0

      [[queue]]
      id = "<ULID>"
      status = "running"
      at = "2026-11-01T12:00:00.000Z"
      turn = 1
      text = "make the failing test pass"

      [queue.source]
      kind = "comment"
      id = "1"
      thread = 1
      url = "https://example.test/issues/1#1"

      [queue.by]
      kind = "user"
      login = "ada"
      id = 7

      [tools]
      "
    `);
  });
});

test("CS27: a compacted session is available, and active again with its next turn; not while a turn is open", () => {
  const compact: Move = { do: "compact", summary: "All was well." };
  const resting = played(started, done);
  const available = played(resting, compact);
  expect(available.session).toMatchObject({
    status: "available",
    context_status: { is_compacted: true },
    context: { cut_commit: someCommit, appends_since_cut: 1 },
    usage: { turns: 1, input: 900, output: 80, reasoning: 9 },
  });
  const again = played(available, { do: "ask", comment: 2, text: "go on" }, { do: "start" });
  expect(again.session).toMatchObject({ status: "active", context: { appends_since_cut: 3 } });
  expect(play(me, again.session, compact)).toBeNull();
  const told = given(play(me, resting.session, compact)).facts;
  expect(() => fold(again.session, number(told, again.session.seq))).toThrow(/turn 2 is open/);
});

test("WS16: a fork has what was done, and none of what was asked, shown or held; only of the session that it names", () => {
  const asking = played(started, { do: "save" }, { do: "ask", comment: 2, text: "and the docs" });
  const fork = newSession();
  const branch = { name: "offshoot/1-other", own: true, from: "main", base: someCommit };
  const of = { session: fork, from: asking.session.session, turn: 0, branch, description: "another way" };
  const forked = compose(fork, asking, { facts: [fact(me, "session.forked", { ...of, thread: 7 })] }).state;
  expect(forked).toMatchObject({
    ...{
      session: fork,
      description: "another way",
      branch: branch.name,
      thread: 7,
      phase: "idle",
      queue: [],
      effects: [],
    },
    genealogy: { depth: 0, parent_session_id: asking.session.session },
    context: { appends_since_cut: asking.session.context.appends_since_cut + 1 },
  });
  for (const kept of ["turn", "lease", "wip", "stop", "head"]) expect(forked).not.toHaveProperty(kept);
  const other = fact(me, "session.forked", { ...of, from: newSession() });
  expect(() => compose(fork, asking, { facts: [other] })).toThrow(FoldError);
});
