import type * as v from "valibot";
import { describe, expect, test } from "vitest";
import { openKeeper } from "../../src/runner/keeper.ts";
import { fact, queue } from "../../src/sessions/decide.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import { encode } from "../../src/sessions/journal.ts";
import { newJournalKey, parseJournalKey } from "../../src/sessions/secrets/journal-keys.ts";
import { compose, refOf } from "../../src/sessions/store.ts";
import type { Shown } from "../../src/terminal/shown.ts";
import type { statsSchema } from "../../src/terminal/stats.ts";
import type { TurnResult } from "../../src/terminal/turn-result.ts";
import { given, someCommit, tipOf } from "../sessions/events.ts";
import { ada, collector, openReadingWorld, prompt, type ReadingWorld } from "./reading-world.ts";
import { published } from "./schemas.ts";

const at = { turn: 1, step: 1 };
const ran = { shell: "main", ms: 40, cwd: "/work", stdout_bytes: 48_210, stderr_bytes: 0 };

describe("offshoot session show", () => {
  test("tells what a session is, its turns, what waits, who holds it, and its children", async () => {
    const world = await openReadingWorld();
    const opened = await world.open({ thread: 7 });
    const worked = await world.turn(opened, {
      answer: "The parser keeps it.\nMore.",
      files: { "src/parse.js": "x\n" },
    });
    const queued = queue(ada, worked.session, prompt("now the docs"));
    if (queued.kind !== "queued") throw new Error("the prompt was not queued");
    const tip = tipOf(await world.store.append(compose(worked.session.session, worked, queued.change)));
    await world.append(
      tip,
      fact(ada, "lease.taken", { epoch: 2, holder: "there:4711", until: "2026-11-01T14:00:00.000Z" }),
    );
    const child = await world.open({ parent: tip, description: "look into the lexer" });
    const { session } = tip.session;
    const shown = published<Shown>("session-show", await world.offshoot(["session", "show", "-s", session, "--json"]));
    expect(shown).toMatchObject({
      ...{ id: session, phase: "queued", thread: 7, head: worked.session.head, base: world.main },
      holder: { epoch: 2, holder: "there:4711", run: null, until: "2026-11-01T14:00:00.000Z" },
      turns: [
        {
          turn: 1,
          prompt: { text: "make the failing test pass", by: { login: "ada" } },
          outcome: "done",
          reverted: false,
        },
      ],
      queue: [{ text: "now the docs", by: { login: "ada" } }],
      children: [{ id: child.session.session, depth: 1, parent: session }],
    });
    const { out } = await world.offshoot(["session", "show", "-s", session]);
    for (const line of [
      /^state {5}queued$/m,
      /^branch {4}offshoot\/fix-\w{4} at [0-9a-f]{7}, from main at [0-9a-f]{7}$/m,
      /^held by {3}there:4711 since 2026-11-01 12:/m,
      /^work {6}1 turn, 1 step, 36.4 s, 118 MB of memory at most$/m,
      /^ {3}1 {2}ada: make the failing test pass {2}\(done, 36.4 s, [0-9a-f]{7}\)\n {6}The parser keeps it.$/m,
      /^Waiting\n {3}1 {2}ada: now the docs$/m,
      new RegExp(`^Children\\n {6}${child.session.session} {2}queued {2}look into the lexer$`, "m"),
    ]) {
      expect(out).toMatch(line);
    }
  });

  test("an open turn, and one that was taken back, are told from the others", async () => {
    const world = await openReadingWorld();
    const worked = await world.turn(await world.open(), { files: { "a.js": "x\n" } });
    const reverted = fact(ada, "session.reverted", { turn: 1, commit: world.main });
    const asked = fact(ada, "prompt.queued", prompt("again"));
    const started = fact(ada, "turn.started", { turn: 2, prompt: asked.id, model: "openai:gpt-5.5", base: world.main });
    await world.append(worked, reverted, asked, started);
    const { turns } = published<Shown>("session-show", await world.offshoot(["session", "show", "--json"]));
    expect(turns).toMatchObject([
      { turn: 1, outcome: "done", reverted: true },
      { turn: 2, outcome: null, answer: null, ended_at: null, reverted: false },
    ]);
    const { out } = await world.offshoot(["session", "show"]);
    expect(out).toMatch(/\(done, 36.4 s, [0-9a-f]{7}, taken back\)/);
    expect(out).toMatch(/again {2}\(under way\)/);
  });

  test("what others wrote moves no reader's cursor", async () => {
    const world = await openReadingWorld();
    const text = "\u001b[2J\u009b31mred\u0007 make it";
    await world.turn(await world.open({ description: text, prompt: text }), { answer: `\u001b]0;title\u0007${text}` });
    for (const command of ["list", "show", "result", "logs", "transcript", "log", "artifacts"]) {
      const { out, err } = await world.offshoot(["session", command]);
      expect(out + err).toMatch(/red|run 4711|no commits/);
      expect(out + err).not.toMatch(/[^\P{Cc}\n\t]/u);
    }
  });
});

describe("offshoot session result", () => {
  test("CS9: the last turn's answer, for people and as the published schema says", async () => {
    const world = await openReadingWorld();
    const tip = await world.turn(await world.open(), { files: { "src/parse.js": "x\n" } });
    const said = await world.offshoot(["session", "result"]);
    expect(said).toMatchObject({ code: 0, out: "The parser keeps the minus sign now.\n" });
    const json = await world.offshoot(["session", "result", "--json"]);
    expect(json).toMatchObject({ code: 0, err: "" });
    expect(published<TurnResult>("turn-result", json)).toEqual({
      ...{ session: tip.session.session, turn: 1, outcome: "done", answer: "The parser keeps the minus sign now." },
      ...{ problem: null, branch: tip.session.branch, commit: tip.session.head, files: ["src/parse.js"] },
      ...{ notices: [], usage: null, duration_ms: 36_400 },
    });
  });

  test("of a turn that was not done: the answer all the same, and exit code 1", async () => {
    const world = await openReadingWorld();
    await world.turn(await world.open(), { outcome: "limit", answer: "Half of it." });
    expect(await world.offshoot(["session", "result"])).toMatchObject({ code: 1, out: "Half of it.\n" });
    const json = await world.offshoot(["session", "result", "--json"]);
    expect([json.code, published<TurnResult>("turn-result", json).outcome]).toEqual([1, "limit"]);
  });

  test("before any turn has ended there is none", async () => {
    const world = await openReadingWorld();
    const { session } = await world.open();
    expect(await world.offshoot(["session", "result"])).toEqual({
      ...{ code: 4, out: "" },
      err:
        `No turn of session ${session.session} has ended yet.\n` +
        `\`offshoot session logs -s ${session.session} --follow\` shows what happens in it.\n`,
    });
  });
});

describe("offshoot session log and diff", () => {
  test("CS12: the session's commits, the last one first, with what a person called them", async () => {
    const world = await openReadingWorld();
    const first = await world.turn(await world.open(), { answer: "Keep the sign", files: { "a.js": "1\n" } });
    const label = fact(ada, "checkpoint.made", {
      turn: 1,
      commit: first.session.head ?? someCommit,
      label: "it works",
    });
    const asked = await world.append(first, label, fact(ada, "prompt.queued", prompt("more")));
    await world.turn(asked, { answer: "Test the sign", files: { "a.js": "1\n", "b.js": "2\n" } });
    const { out, err } = await world.offshoot(["session", "log"]);
    expect(out.split("\n").map((line) => line.replace(/^[0-9a-f]{10} {2}\S+ \S+/, "·"))).toEqual([
      "·  turn 2  Test the sign (Grace)",
      "·  turn 1  Keep the sign (Grace)  [it works]",
      "",
    ]);
    expect(err).toBe("");
    const branch = (await world.git("log", "--format=%H", `${world.main}..${first.session.branch}`)).trim().split("\n");
    const json = published<readonly { commit: string }[]>(
      "session-log",
      await world.offshoot(["session", "log", "--json"]),
    );
    expect(json.map(({ commit }) => commit)).toEqual(branch);
  });

  test("a commit that is not in this clone is told, and how to bring it", async () => {
    const world = await openReadingWorld();
    const opened = await world.open();
    await world.append(opened, fact(ada, "checkpoint.made", { turn: 1, commit: someCommit }));
    const said = await world.offshoot(["session", "log"]);
    expect(said.out).toMatch(/^aaaaaaaaaa {2}2026-11-01 \S+ {2}turn 1 {2}\(not in this clone\)\n$/);
    expect(said.err).toBe(`1 commit not in this clone: git fetch origin ${opened.session.branch}\n`);
    const diff = await world.offshoot(["session", "diff"]);
    expect(diff).toMatchObject({ code: 4, out: "" });
    expect(diff.err).toContain(`git fetch origin ${opened.session.branch}`);
  });

  test("diff is against where the session left its base, whatever came there since; paths narrow it", async () => {
    const world = await openReadingWorld();
    const opened = await world.open();
    expect(await world.offshoot(["session", "diff"])).toMatchObject({ code: 0, out: "" });
    await world.turn(opened, { files: { "src/a.js": "1\n", "docs/a.md": "2\n" } });
    await movedOn(world);
    const { out } = await world.offshoot(["session", "diff"]);
    expect(out.match(/^diff .*$/gm)).toEqual([
      "diff --git a/docs/a.md b/docs/a.md",
      "diff --git a/src/a.js b/src/a.js",
    ]);
    const narrow = await world.offshoot(["session", "diff", "--", "src/"]);
    expect(narrow.out.match(/^diff .*$/gm)).toEqual(["diff --git a/src/a.js b/src/a.js"]);
    expect(out).not.toContain("\u001b[");
    const tty = collector({ isTTY: true });
    await world.offshoot(["session", "diff"], { stdout: tty.stream });
    expect(tty.text()).toContain("\u001b[32m");
  });
});

async function movedOn({ repository, main, git }: ReadingWorld): Promise<CommitId> {
  const who = { name: "Grace", email: "grace@example.test", at: new Date("2026-11-02T12:00:00Z") };
  const tree = { "file.txt": Buffer.from("moved on") };
  const commit = await repository.commit({ parents: [main], author: who, committer: who, message: "moved on", tree });
  await git("update-ref", "refs/heads/main", commit);
  return commit;
}

describe("offshoot session artifacts", () => {
  test("CS11: names, sizes, and where to get them", async () => {
    const world = await openReadingWorld();
    const name = "turn-1-step-1-main-stdout";
    const more = [fact(ada, "command.ran", { ...at, ...ran, command: "npm test", exit_code: 1, spilled: [name] })];
    const output = { [name]: Buffer.from("x".repeat(48_210)) };
    const tip = await world.turn(await world.open({ thread: 7 }), { more, output });
    const answer = fact(ada, "effect.planned", { kind: "answer", key: "1", thread: 7 });
    const pull = fact(ada, "effect.planned", { kind: "pull_request", key: tip.session.branch, thread: 7 });
    const done = (effect: typeof answer.id, number: number) =>
      fact(ada, "effect.done", { effect, number, url: `https://github.com/octo/sample/${number}` });
    await world.append(tip, answer, pull, done(answer.id, 2_452), done(pull.id, 8));
    const said = await world.offshoot(["session", "artifacts", "--json"]);
    const all = published<readonly { kind: string; bytes: number; command: string }[]>("session-artifacts", said);
    expect(all).toMatchObject([
      { kind: "output", name, bytes: 48_210, command: `git show ${tip.commit}:output/${name}` },
      { kind: "transcript", command: `offshoot session transcript -s ${tip.session.session}` },
      { kind: "run", name: "run 4711", url: "https://github.com/octo/sample/actions/runs/4711" },
      { kind: "answer", name: "answer to turn 1", url: "https://github.com/octo/sample/2452" },
      { kind: "pull_request", name: "pull request 8", url: "https://github.com/octo/sample/8" },
    ]);
    const [, ...git] = all[0]?.command.split(" ") ?? [];
    expect(await world.git(...git)).toBe("x".repeat(48_210));
    const { out } = await world.offshoot(["session", "artifacts"]);
    expect(out).toContain(`output        ${name}  47.1 KiB\n              git show ${tip.commit}:output/${name}\n`);
  });
});

describe("offshoot session transcript", () => {
  test("as Markdown: prompt, reasoning, calls with their output, answer; nothing that was said breaks out of its place", async () => {
    const world = await openReadingWorld();
    const parts = [
      { type: "reasoning" as const, summary: "Run the tests first." },
      { type: "text" as const, text: "I run the tests." },
      { type: "tool_call" as const, call: "call_1", name: "exec", arguments: '{"command":"npm test\\nnpm run x"}' },
      { type: "tool_call" as const, call: "call_2", name: "read", arguments: '{"path":"a.js"}' },
    ];
    const call = { role: "assistant" as const, model: "openai:gpt-5.5", parts };
    const ran = { stdout: "```\n1 failing\n````\n", stderr: "", exit_code: 1 };
    const result = { role: "tool" as const, call: "call_1", name: "exec", output: JSON.stringify(ran) };
    const read = { role: "tool" as const, call: "call_2", name: "read", output: "export const a = `\u001b[31m`;" };
    const more = [
      fact(ada, "message.added", { ...at, message: call }),
      fact(ada, "message.added", { ...at, message: result }),
      fact(ada, "message.added", { ...at, message: read }),
    ];
    await world.turn(await world.open({ prompt: "fix it\n# not a heading" }), { more, files: { "a.js": "1\n" } });
    const { out } = await world.offshoot(["session", "transcript"]);
    const from = out.indexOf("**ada** asked");
    expect(
      out
        .slice(from)
        .replace(/\d\d:\d\d:\d\d/g, "·")
        .replace(/[0-9a-f]{7,40}/g, "·"),
    ).toMatchInlineSnapshot(`
      "**ada** asked at 2026-11-01 ·:

      > fix it
      > # not a heading

      ## Turn 1

      openai:gpt-5.5, from 2026-11-01 ·

      <details><summary>Reasoning</summary>

      > Run the tests first.

      </details>

      I run the tests.

      Called \`exec\`:

      \`\`\`sh
      npm test
      npm run x
      \`\`\`

      Called \`read\`:

      \`\`\`json
      {"path":"a.js"}
      \`\`\`

      \`exec\` ended with exit code 1:

      \`\`\`\`\`
      \`\`\`
      1 failing
      \`\`\`\`
      \`\`\`\`\`

      \`read\` answered:

      \`\`\`
      export const a = \`�[31m\`;
      \`\`\`

      The parser keeps the minus sign now.

      _2026-11-01 ·: turn 1: checkpoint ·_

      _Turn 1: done after 36.4 s, left commit \`·\`._
      "
    `);
  });

  test("what is sealed is shown to whoever has the key, and to others that it is sealed", async () => {
    const world = await openReadingWorld();
    const opened = await world.open();
    const { session } = opened.session;
    const text = newJournalKey();
    const key = parseJournalKey(text);
    if (!key.ok) throw new Error(key.problem);
    const keeping = { visibility: "sealed" as const, key: key.key, notice: null };
    const keeper = openKeeper({ session, keys: undefined, keeping, secrets: () => [] });
    const keyed = await world.append(opened, fact(ada, "journal.keyed", { ring: given(keeper.newRing) }));
    const message = { role: "tool" as const, call: "call_1", name: "exec", output: "the tests fail at noon" };
    await world.turn(keyed, { more: [keeper.close(fact(ada, "message.added", { ...at, message }))] });
    const sealed = await world.offshoot(["session", "transcript"]);
    expect(sealed.out).toContain("[sealed: there is no key for it here]");
    expect(sealed.out).not.toMatch(/at noon|offshoot-sealed/);
    const env = { ...world.env, OFFSHOOT_JOURNAL_KEY: text };
    expect((await world.offshoot(["session", "transcript"], { env })).out).toContain("the tests fail at noon");
    const wrong = await world.offshoot(["session", "transcript"], { env: { ...env, OFFSHOOT_JOURNAL_KEY: "no key" } });
    expect(wrong.err).toContain("OFFSHOOT_JOURNAL_KEY");
    expect(wrong.out).toBe(sealed.out);
    const raw = await world.offshoot(["session", "transcript", "--format", "jsonl"], { env });
    expect(raw.out).toContain("offshoot-sealed:1:");
  });

  test("as jsonl: the journal's own bytes", async () => {
    const world = await openReadingWorld();
    const tip = await world.turn(await world.open());
    const journal = await world.store.journal(tip.session.session);
    const { out } = await world.offshoot(["session", "transcript", "--format", "jsonl"]);
    expect(out).toBe(journal.map(({ events }) => encode(events)).join(""));
  });
});

describe("offshoot session stats", () => {
  type Stats = v.InferOutput<typeof statsSchema>;

  test("CS4: peak memory and duration of each turn as P50 and P95 by nearest rank, tokens, by model", async () => {
    const world = await openReadingWorld();
    let tip = await world.open();
    for (let n = 1; n <= 20; n += 1) {
      const model = n <= 19 ? "openai:gpt-5.5" : "local:qwen";
      tip = await world.turn(tip, { model, ms: n * 1_000, mb: 100 + n, tokens: 10 });
      tip = await world.append(tip, fact(ada, "prompt.queued", prompt(`again ${n}`)));
    }
    const stats = published<Stats>("session-stats", await world.offshoot(["session", "stats", "--json"]));
    expect(stats).toEqual({
      ...{ sessions: 1, turns: 20, tokens: { input: 200, cached: 0, output: 20 * 96, reasoning: 20 * 52 } },
      ...{ duration_ms: { p50: 10_000, p95: 19_000 }, peak_rss_mb: { p50: 110, p95: 119 } },
      models: [
        {
          ...{
            model: "openai:gpt-5.5",
            turns: 19,
            tokens: { input: 190, cached: 0, output: 19 * 96, reasoning: 19 * 52 },
          },
          ...{ duration_ms: { p50: 10_000, p95: 19_000 }, peak_rss_mb: { p50: 110, p95: 119 } },
        },
        {
          ...{ model: "local:qwen", turns: 1, tokens: { input: 10, cached: 0, output: 96, reasoning: 52 } },
          ...{ duration_ms: { p50: 20_000, p95: 20_000 }, peak_rss_mb: { p50: 120, p95: 120 } },
        },
      ],
    });
    const { out } = await world.offshoot(["session", "stats"]);
    expect(out).toContain("duration  10.0 s (P50), 19.0 s (P95)\n  memory    110 MB (P50), 119 MB (P95)");
  });

  test("--all is over all sessions here; what a fork has from another one counts once", async () => {
    const world = await openReadingWorld();
    const tip = await world.turn(await world.open(), { tokens: 100 });
    const other = await world.open();
    const branch = { name: "offshoot/fork", own: true, from: "main", base: world.main };
    const { session: from } = tip.session;
    const forked = fact(ada, "session.forked", {
      session: other.session.session,
      from,
      turn: 1,
      branch,
      description: "fork",
    });
    const state = compose(other.session.session, tip, { facts: [forked] });
    const fork = await world.repository.commit({
      ...{ parents: [tip.commit], message: "fork", tree: { "events.jsonl": Buffer.from(encode(state.events)) } },
      ...{
        author: { name: "a", email: "a@b", at: new Date() },
        committer: { name: "a", email: "a@b", at: new Date() },
      },
    });
    await world.git("update-ref", refOf.session(other.session.session), fork);
    const stats = published<Stats>("session-stats", await world.offshoot(["session", "stats", "--all", "--json"]));
    expect(stats).toMatchObject({ sessions: 2, turns: 1, tokens: { input: 100 } });
    const none = await openReadingWorld();
    await none.open();
    expect(published<Stats>("session-stats", await none.offshoot(["session", "stats", "--json"]))).toMatchObject({
      ...{ turns: 0, duration_ms: { p50: null, p95: null }, models: [] },
    });
  });
});
