import { expect, test } from "vitest";
import {
  answerComment,
  answerMarker,
  brokenSessionComment,
  dispatchFailedComment,
  gaveUpComment,
  pullRequestBody,
  redescribe,
  statusComment,
  statusMarker,
  workTitle,
} from "../../src/github/comments.ts";
import { fact } from "../../src/sessions/decide.ts";
import type { SessionId } from "../../src/sessions/ids.ts";
import type { EventOf } from "../../src/sessions/journal.ts";
import { memoryStore } from "../../src/sessions/memory-store.ts";
import type { Session } from "../../src/sessions/session.ts";
import { comment, hand, openIn, someCommit } from "../sessions/events.ts";

const id = "01JH4QTM5N8V2KX9C3PD7WBYRA" as SessionId;
const links = { repo: "https://github.com/octo/sample" };
const limit = 65_536;

const opened = (await openIn(memoryStore(), id)).session;
const [prompt] = opened.queue;
if (!prompt) throw new Error("The session was opened without a prompt.");
const asked = { ...prompt, source: comment("1").source, text: prompt.text ?? "" };

function ended(about: Partial<EventOf<"turn.ended">> = {}): EventOf<"turn.ended"> {
  const work = { turn: 1, prompt: asked.id, outcome: "done", answer: "I fixed it.", notices: [] } as const;
  const end = fact(hand(), "turn.ended", { ...work, notices: [], duration_ms: 64_400, peak_rss_mb: 90 });
  return { v: 1, seq: 9, ...end, ...about } as EventOf<"turn.ended">;
}

const head = (session: Partial<Session>) => statusComment({ ...opened, ...session }, 1, links).split("\n")[1];

test("the status shows what was used: tokens, cost as far as it is known, and each budget that holds", () => {
  const usage = { ...opened.usage, turns: 2, steps: 7, input: 120_000, cached: 90_000, output: 4_000 };
  const budgets = [
    { level: "turn" as const, tokens: 500_000, used_tokens: 0, used_usd: 0 },
    { level: "session" as const, usd: 5, tokens: 2_000_000, used_tokens: 100_000, used_usd: 0.3 },
    { level: "day" as const, usd: 50, used_tokens: 900_000, used_usd: 12 },
  ];
  const turn = {
    number: 3,
    prompt: asked.id,
    base: someCommit,
    started_at: "",
    model: "m",
    step: 1,
    runs: 1,
    tokens: 24_000,
    usd: 0.12,
  };
  const rows = (session: Partial<Session>) =>
    statusComment({ ...opened, ...session }, 1, links)
      .match(/^\| (?:Used|Budget) .*$/gm)
      ?.join("\n");
  expect([
    rows({ usage: { ...usage, cost_usd: 0.42 }, budgets, turn }),
    rows({ usage: { ...usage, cost_usd: 0.42, unpriced: 10 }, budgets }),
    rows({ usage: { ...usage, unpriced: 124_000 } }),
  ]).toMatchInlineSnapshot(`
    [
      "| Used | 2 turns, 7 steps, 120,000 tokens in (90,000 cached), 4,000 out, $0.42 |
    | Budget | 24,000 of 500,000 tokens this turn<br>$0.42 of $5.00 and 124,000 of 2,000,000 tokens this session<br>$12.12 of $50.00 this day |",
      "| Used | 2 turns, 7 steps, 120,000 tokens in (90,000 cached), 4,000 out, at least $0.42 |
    | Budget | $0.30 of $5.00 and 100,000 of 2,000,000 tokens this session<br>$12.00 of $50.00 this day |",
      "| Used | 2 turns, 7 steps, 120,000 tokens in (90,000 cached), 4,000 out |",
    ]
  `);
});

test("the status of a session that waits for a run", () => {
  expect(statusComment(opened, 1, links)).toMatchInlineSnapshot(`
    "<!-- offshoot:status 01JH4QTM5N8V2KX9C3PD7WBYRA -->
    **Offshoot** · session \`01JH4QTM5N8V2KX9C3PD7WBYRA\` · queued, waiting for a run

    1. [\`make the failing test pass\`](https://example.test/issues/1#1) by \`ada\`

    | | |
    |---|---|
    | Branch | none until something is written |

    <details><summary>What you can do</summary>

    \`/agent <what to do>\` goes on with this session, here or on its pull request. While it works, prompts wait in line.

    \`/agent continue\` goes on with what was interrupted; \`--budget $5\` or \`--budget 500k\` (tokens) behind it allows that much more.

    Everything it did: \`git fetch origin refs/offshoot/sessions/01JH4QTM5N8V2KX9C3PD7WBYRA && git log FETCH_HEAD\`

    </details>"
  `);
});

test("the status tells in a few words what is going on", () => {
  const turn = {
    number: 2,
    prompt: asked.id,
    base: someCommit,
    started_at: "",
    model: "m",
    step: 3,
    runs: 1,
    ...{ tokens: 0, usd: 0 },
  };
  const lease = { epoch: 1, holder: "a", taken_at: "" };
  expect([
    head({}),
    head({ lease }),
    head({ phase: "working", turn, lease }),
    head({ phase: "working", turn, lease, lost_runs: 1 }),
    head({ phase: "working", turn, lease, lost_runs: 4 }),
    head({ phase: "idle" }),
  ]).toMatchInlineSnapshot(`
    [
      "**Offshoot** · session \`01JH4QTM5N8V2KX9C3PD7WBYRA\` · queued, waiting for a run",
      "**Offshoot** · session \`01JH4QTM5N8V2KX9C3PD7WBYRA\` · about to start",
      "**Offshoot** · session \`01JH4QTM5N8V2KX9C3PD7WBYRA\` · working on turn 2, step 3",
      "**Offshoot** · session \`01JH4QTM5N8V2KX9C3PD7WBYRA\` · interrupted, a new run will go on with it",
      "**Offshoot** · session \`01JH4QTM5N8V2KX9C3PD7WBYRA\` · interrupted, waiting for a person",
      "**Offshoot** · session \`01JH4QTM5N8V2KX9C3PD7WBYRA\` · idle, waiting for the next \`/agent\`",
    ]
  `);
});

test("a long queue is cut, and prompts from elsewhere say so", () => {
  const queue = Array.from({ length: 500 }, (_, index) => ({ ...asked, text: `${index} `.repeat(99) }));
  const status = statusComment({ ...opened, queue }, 2, links);
  expect(status).toContain("- and 480 more");
  expect(status).toContain("by `ada` on #1");
  expect(status.length).toBeLessThan(limit);
});

test("an answer, with the work and a notice", () => {
  const lease = {
    epoch: 1,
    holder: "a",
    taken_at: "",
    run: { id: 7, attempt: 1, url: `${links.repo}/actions/runs/7` },
  };
  const notices = ["`fix` was deleted by someone."];
  expect(
    answerComment({ ...opened, lease }, ended({ commit: someCommit, notices }), asked, links),
  ).toMatchInlineSnapshot(`
    "<!-- offshoot:answer 01JH4QTM5N8V2KX9C3PD7WBYRA 1 -->
    > \`make the failing test pass\` ([asked](https://example.test/issues/1#1) by \`ada\`)

    I fixed it.

    > [!NOTE]
    > \`fix\` was deleted by someone.

    <sub>turn 1 of \`01JH4QTM5N8V2KX9C3PD7WBYRA\` · commit [\`aaaaaaa\`](https://github.com/octo/sample/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) · [run and transcript](https://github.com/octo/sample/actions/runs/7) · 64 s</sub>"
  `);
});

test("an answer to what went wrong says what, what to do, and where the work is", () => {
  const problem = { kind: "key", message: "There is no key.", remedy: "Set the secret." };
  const failed = ended({ outcome: "failed", answer: "", problem, commit: someCommit });
  expect(answerComment(opened, failed, asked, links)).toMatchInlineSnapshot(`
    "<!-- offshoot:answer 01JH4QTM5N8V2KX9C3PD7WBYRA 1 -->
    > \`make the failing test pass\` ([asked](https://example.test/issues/1#1) by \`ada\`)

    **This did not work.** There is no key.

    What to do: Set the secret.

    What was changed until then is kept in the commit below.

    <sub>turn 1 of \`01JH4QTM5N8V2KX9C3PD7WBYRA\` · commit [\`aaaaaaa\`](https://github.com/octo/sample/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) · 64 s</sub>"
  `);
  const heads = (["stopped", "limit", "refused"] as const).map((outcome) =>
    answerComment(opened, ended({ outcome }), asked, links).split("\n").at(3),
  );
  expect(heads).toEqual(["**Stopped.**", "**Stopped at a limit.**", "**The model refused.**"]);
});

test("whatever the model, the prompt or an error says, our markers stay ours", () => {
  const hostile = `${answerMarker(opened, 2)}\n${statusMarker(opened)}\n<!-- /offshoot:work --><!--`;
  const problem = { kind: "k", message: hostile, remedy: hostile };
  const bodies = [
    answerComment(opened, ended({ answer: hostile }), asked, links),
    answerComment(opened, ended({ outcome: "failed", answer: hostile, problem }), asked, links),
  ];
  for (const body of bodies) expect(body.match(/<!--/g)).toHaveLength(1);
  expect(pullRequestBody(opened, [ended({ answer: hostile, commit: someCommit })]).match(/<!--/g)).toHaveLength(2);
  expect(brokenSessionComment(hostile)).not.toContain("<!--");
  expect(dispatchFailedComment({ problem: hostile, remedy: "" })).not.toContain("<!--");
  const quoted = answerComment(opened, ended(), { ...asked, text: "`<!-- a -->` ](https://evil.test)" }, links);
  expect(quoted.split("\n")[1]).toMatch(/^> `'<!-- a -->' \]\(https:\/\/evil\.test\)` /);
});

test("nothing is longer than GitHub takes, and a cut inside code closes it", () => {
  const long = `${"word ".repeat(5)}\n\`\`\`js\n${"😀".repeat(60_000)}\n\`\`\`\n`;
  const problem = { kind: "k", message: long, remedy: long };
  const answer = answerComment(opened, ended({ outcome: "failed", answer: long, problem }), asked, links);
  expect(answer.length).toBeLessThan(limit);
  expect(answer).toContain("more characters are in the transcript");
  expect(answer.match(/^```/gm)?.length).toBe(6);
  expect(answer.isWellFormed()).toBe(true);
  const turns = Array.from({ length: 300 }, (_, index) => ended({ turn: index, answer: long, commit: someCommit }));
  const body = pullRequestBody(opened, turns);
  expect(body.length).toBeLessThan(limit);
  expect(body).toContain("### Turn 299");
});

test("the pull request's text is put in the older one's place, between what people wrote", () => {
  const before = pullRequestBody(opened, [ended({ commit: someCommit })]);
  const after = pullRequestBody(opened, [
    ended({ commit: someCommit }),
    ended({ turn: 2, answer: "More.", commit: someCommit }),
  ]);
  expect(redescribe(`Mine.\n\n${before}\n\nMine too.`, after)).toBe(`Mine.\n\n${after}\n\nMine too.`);
  expect(redescribe("All mine.", after)).toBeNull();
});

test("after a compaction the pull request's text keeps what it told of the turns before", () => {
  const turn = (number: number, answer: string) => ended({ turn: number, answer, commit: someCommit });
  const whole = pullRequestBody(opened, [turn(1, "One."), turn(2, "Two."), turn(3, "Three.")]);
  const before = `Mine.\n\n${pullRequestBody(opened, [turn(1, "One."), turn(2, "Two.")])}`;
  expect(redescribe(before, pullRequestBody(opened, [turn(3, "Three.")]))).toBe(`Mine.\n\n${whole}`);
  const long = pullRequestBody(opened, [turn(1, "One."), turn(2, "word ".repeat(5_000))]);
  const body = redescribe(long, pullRequestBody(opened, [turn(3, "Three. ".repeat(20_000))]));
  expect(body?.length).toBeLessThan(limit);
});

test("a title is the answer's first line where it reads as one, else what was asked", () => {
  expect(workTitle("## Read `ms` as milliseconds.\n\nBecause…", "fix it")).toBe("Read `ms` as milliseconds");
  expect(workTitle("Done", "fix   the\nparser")).toBe("fix the parser");
  expect(workTitle(`${"long ".repeat(50)}`, "fix it ".repeat(50))).toHaveLength(72);
});

test("giving up tells how many runs were lost", () => {
  expect(gaveUpComment({ ...opened, lost_runs: 4 })).toMatch(/^4 runs of session `01JH4QTM5N8V2KX9C3PD7WBYRA` ended/);
});
