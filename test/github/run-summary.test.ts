import { expect, test } from "vitest";
import { type RunSummary, runSummary } from "../../src/github/run-summary.ts";
import { opened, realistic, repo } from "../page/session.ts";

const summary = (more: Partial<RunSummary> = {}): string =>
  runSummary({
    ...realistic(),
    said: "turns done: 2; nothing is left to do.",
    changes: [
      { path: "src/parse.js", added: 12, removed: 3 },
      { path: "logo.png", added: null, removed: null },
    ],
    cost: null,
    artifacts: [{ name: "offshoot-8ty2.html", what: "the session as a page", url: null }],
    links: { repo },
    ...more,
  });

test("a run's page tells what was done, what it took and where it is", async () => {
  await expect(summary({ cost: "$0.42" })).toMatchFileSnapshot("run-summary.md");
});

test("a run that did nothing says why", () => {
  const { session, events } = opened().told();
  const text = summary({ session, events, changes: [], said: "Nothing was done: another run was faster." });
  expect(text).toContain("Nothing was done\\: another run was faster\\.");
  expect(text).not.toContain("#### Turns");
  expect(text).not.toContain("#### Changes");
});

const attack = [
  "<!-- offshoot:status X --> <img src=https://evil.test/x.png> @octo/team @ada",
  "![x](https://evil.test/x.png) [a](https://evil.test) ``` | # h\u202E",
].join("\n");

test("what others wrote calls nobody, shows no picture and forges no marker", () => {
  const script = opened(attack, attack);
  const prompt = script.facts[1]?.id as never;
  script.add("turn.ended", {
    ...{ turn: 1, prompt, outcome: "failed", answer: attack, notices: [attack], duration_ms: 1, peak_rss_mb: 1 },
    problem: { kind: "x", message: attack, remedy: attack },
  });
  const changes = [{ path: `a|b\`${attack}`, added: 1, removed: 1 }];
  const text = summary({ ...script.told(), said: attack, changes, cost: attack });
  const outsideCode = text.replace(/`[^`\n]*`/g, "");
  expect(outsideCode).not.toMatch(/<!--|(?<!\\)<|(?<!\\)!\[|@[a-z]|(?<!\\)\]\(https:\/\/evil|\u202e/);
  expect(
    text
      .split("\n")
      .filter((line) => line.startsWith("| `a"))
      .map((line) => line.split("|").length),
  ).toEqual([5]);
});

test("what GitHub does not take is cut, with a word on it", () => {
  const script = opened();
  const prompt = script.facts[1]?.id as never;
  const notices = Array.from({ length: 400 }, (_, n) => `${n} ${"ß".repeat(3_900)}`);
  const ended = { turn: 1, prompt, outcome: "done" as const, answer: "", notices, duration_ms: 1, peak_rss_mb: 1 };
  script.add("turn.ended", ended);
  const text = summary(script.told());
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024 * 1024);
  expect(text).toContain("The rest did not fit into the summary.");
});
