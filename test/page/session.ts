import { replay } from "../../src/sessions/fold.ts";
import { type CommitId, type EventId, parseSessionId } from "../../src/sessions/ids.ts";
import { type Actor, type Event, type Fact, number } from "../../src/sessions/journal.ts";
import type { AssistantPart } from "../../src/sessions/message.ts";
import type { Session } from "../../src/sessions/session.ts";
import { given, someCommit } from "../sessions/events.ts";

type Of<T extends Fact["type"]> = Omit<Extract<Fact, { type: T }>, "id" | "at" | "by" | "type">;

const ada: Actor = { kind: "user", login: "ada", id: 7 };
const bot: Actor = { kind: "agent", login: "offshoot[bot]", id: 99, for: { login: "ada", id: 7 } };
const session = given(parseSessionId("01M8D83WN81VP4WT24MJVP8TY2"));
const fork = given(parseSessionId("01M8D83WN81VP4WT24MJVP8TY3"));
const commit = (digit: string) => digit.repeat(40) as CommitId;

/** Writes a journal whose ids and times are the same each time. */
export class Script {
  readonly facts: Fact[] = [];

  add<T extends Fact["type"]>(type: T, content: Of<T>, by: Actor = bot): EventId {
    const place = this.facts.length;
    const id = `01M8D83W${String(place).padStart(18, "0")}` as EventId;
    const at = new Date(Date.parse("2026-11-01T12:00:00Z") + place * 7_000).toISOString();
    this.facts.push({ id, at, by, type, ...content } as unknown as Fact);
    return id;
  }

  says(turn: number, step: number, ...parts: AssistantPart[]): void {
    const message = { role: "assistant" as const, model: "openai:gpt-5.5", parts };
    this.add("message.added", {
      turn,
      step,
      message,
      tokens: { input: 1_200, cached: 800, output: 90, reasoning: 30 },
    });
  }

  answers(turn: number, step: number, name: string, output: string | object): void {
    const text = typeof output === "string" ? output : JSON.stringify(output);
    const message = { role: "tool" as const, call: `call-${turn}-${step}`, name, output: text };
    this.add("message.added", { turn, step, message });
  }

  exec(turn: number, step: number, command: string, ended: { code: number; output: string }): void {
    this.says(turn, step, call(turn, step, "exec", { command }));
    const { code: exit_code, output } = ended;
    const bytes = { stdout_bytes: output.length, stderr_bytes: 0 };
    this.add("command.ran", { turn, step, shell: "main", command, exit_code, ms: 2_140, cwd: ".", ...bytes });
    const ran = { stdout: output, stderr: "", exit_code, execution_time_ms: 2_140 };
    this.answers(turn, step, "exec", output.startsWith("[") ? output : ran);
  }

  told(): { session: Session; events: readonly Event[] } {
    const events = number(this.facts, 0);
    return { session: given(replay([{ commit: someCommit, events }])), events };
  }
}

export function call(turn: number, step: number, name: string, args: object | string): AssistantPart {
  const text = typeof args === "string" ? args : JSON.stringify(args);
  return { type: "tool_call", call: `call-${turn}-${step}`, name, arguments: text };
}

export const text = (words: string): AssistantPart => ({ type: "text", text: words });
export const reasoning = (summary: string): AssistantPart => ({ type: "reasoning", summary });

const run = (id: number) => ({ id, attempt: 1, url: `https://github.com/octo/sample/actions/runs/${id}` });

export const repo = "https://github.com/octo/sample";

/** A session with one prompt, and a run that has begun to work on it. */
export function opened(prompt = "make the failing test pass", description = "parse(“250ms”) is hours"): Script {
  const script = new Script();
  const branch = { name: "offshoot/7-parse-250ms-8ty2", own: true, from: "main", base: commit("a") };
  script.add("session.opened", { session, project: "octo/sample", description, thread: 7, branch, depth: 0 }, ada);
  const queued = asks(script, "1", prompt);
  script.add("lease.taken", { epoch: 1, holder: "runner-3", run: run(41) });
  starts(script, 1, queued);
  return script;
}

function asks(script: Script, id: string, words: string): EventId {
  const source = { kind: "comment" as const, id, thread: 7, url: `${repo}/issues/7#issuecomment-${id}` };
  return script.add("prompt.queued", { source, text: words }, ada);
}

function starts(script: Script, turn: number, prompt: EventId): void {
  script.add("turn.started", { turn, prompt, model: "openai:gpt-5.5@high", base: commit("a") });
  script.add("message.added", { turn, step: 0, message: { role: "user", text: "<data>the issue</data>" } });
}

const usage = {
  ...{ input: 31_400, cached: 24_900, output: 1_210, reasoning: 400, system: 900, tools: 1_900, history: 28_000 },
  prompt: 600,
};

const testRun = (line: (n: number) => string) => Array.from({ length: 30 }, (_, n) => line(n + 1)).join("\n");

/** Two turns, a lost run, a stop, a turn taken back, a compaction, a fork, and a prompt that waits. */
export function realistic() {
  const script = opened("Make the failing test pass.\n\n- keep `parse()` **small**\n- see https://example.com/spec");
  const prompt = given(script.facts[1]).id;
  script.says(
    1,
    1,
    reasoning("**Looking first.** The test names `ms`."),
    text("I run the tests first."),
    call(1, 1, "exec", { command: "npm test", timeout_s: 300 }),
  );
  script.add("command.ran", {
    ...{ turn: 1, step: 1, shell: "main", command: "npm test", exit_code: 1, ms: 2_140, cwd: "." },
    ...{ stdout_bytes: 900, stderr_bytes: 20 },
  });
  const stdout = testRun((n) => `\u001b[3${n === 29 ? "1m✖" : "2m✔"}\u001b[39m case ${n}`);
  script.answers(1, 1, "exec", { stdout, stderr: "1 test failed", exit_code: 1, execution_time_ms: 2_140 });
  script.says(1, 2, call(1, 2, "edit", { path: "src/parse.js", old: "(d|h|m|s|ms)", new: "(d|h|ms|m|s)" }));
  script.add("file.changed", { turn: 1, step: 2, path: "src/parse.js", change: "edited", bytes: 476 });
  script.answers(1, 2, "edit", "Changed src/parse.js (476 bytes).");
  script.exec(1, 3, "npm test", { code: 0, output: "30 tests pass" });
  const answer = "Read `ms` as milliseconds\n\nIn `src/parse.js`, `m` stood before `ms`. I put `ms` first.";
  script.says(1, 4, text(answer));
  const pull = script.add("effect.planned", { kind: "pull_request", key: "offshoot/7-parse-250ms-8ty2", thread: 7 });
  script.add("turn.ended", {
    ...{ turn: 1, prompt, outcome: "done", answer, commit: commit("b"), notices: [], duration_ms: 84_000 },
    ...{ peak_rss_mb: 200, files: ["src/parse.js"], usage },
  });
  script.add("effect.done", { effect: pull, number: 8, url: `${repo}/pull/8` });

  starts(script, 2, asks(script, "2", "Now rename the module."));
  script.exec(2, 1, "git mv parse.js read.js", { code: 0, output: "[output not kept]" });
  script.says(2, 2, call(2, 2, "exec", { command: "sleep 900" }));
  script.add("lease.released", { epoch: 1, why: "lost" });
  script.add("wake.requested", { nonce: "01M8D83WP3BF0SYW4DKTJ8E3J1", reason: "lost-run" });
  script.add("lease.taken", { epoch: 2, holder: "runner-4", run: run(42) });
  script.says(2, 3, reasoning("offshoot-sealed:1:ab12cd34:c2VhbGVk"), text("The run before was lost; going on."));
  script.add("stop.requested", {}, ada);
  script.add("turn.ended", {
    ...{ turn: 2, prompt: given(script.facts.findLast(({ type }) => type === "prompt.queued")).id },
    ...{ outcome: "stopped", answer: "", notices: ["Somebody moved the branch meanwhile."], duration_ms: 9_000 },
    ...{ peak_rss_mb: 200, usage },
  });
  script.add("lease.released", { epoch: 2 });
  script.add("session.reverted", { turn: 2 }, ada);
  script.add("context.compacted", {
    ...{ cut: commit("c"), since: 0, model: "openai:gpt-5.5", summary: "The parser reads ms.", shells: {} },
    ...{ before: 31_000, after: 900, tokens: { input: 31_000, cached: 0, output: 300, reasoning: 0 } },
  });
  script.add("checkpoint.made", { turn: 1, commit: commit("b"), label: "before the rename" }, ada);
  const branch = { name: "offshoot/7-parse-250ms-8ty3", own: true, from: "main", base: commit("a") };
  script.add(
    "session.forked",
    { session: fork, from: session, turn: 1, branch, description: "parse(“250ms”) is hours", thread: 7 },
    ada,
  );
  asks(script, "3", "And the documentation?");
  return script.told();
}
