import { costText, partText } from "../sessions/budget.ts";
import { lostRunsAllowed } from "../sessions/decide.ts";
import type { EventOf, ThreadSource } from "../sessions/journal.ts";
import { isWaiting, type Prompt, pullRequestOf, type Session } from "../sessions/session.ts";

/** GitHub takes 65,536 characters in a comment or a pull request's text; what is left is room for what we say. */
const longestText = 50_000;
const longestProblem = 4_000;
/** Prompts or turns that one comment lists. */
const longestList = 20;

/** Where things of this repository are for people. */
export interface Links {
  /** `https://github.com/owner/name` */
  readonly repo: string;
}

/** The first line of a session's status comment on a thread: how it is found again. */
export const statusMarker = (session: Session) => `<!-- offshoot:status ${session.session} -->`;

/** The first line of the answer to a turn. */
export const answerMarker = (session: Session, turn: number) => `<!-- offshoot:answer ${session.session} ${turn} -->`;

/** A prompt with its words, which a session's state forgets when the turn ends. */
export type Asked = Prompt & { readonly text: string };

/** One that was asked on a thread, where its answer goes. */
export type AskedOnThread = Asked & { readonly source: ThreadSource };

/** What the session is doing, in one comment that is edited in place. */
export function statusComment(session: Session, thread: number, links: Links): string {
  return lines([
    statusMarker(session),
    `**Offshoot** · session \`${session.session}\` · ${phase(session)}`,
    "",
    ...queueList(session, thread),
    "| | |",
    "|---|---|",
    row("Branch", branchCell(session, links)),
    row("Pull request", pullCell(session)),
    row("Run", session.lease?.run ? `[${session.lease.run.id}](${session.lease.run.url})` : null),
    row("Model", session.model ? `\`${session.model}\`` : null),
    row("Used", usage(session)),
    row("Budget", budgetCell(session)),
    "",
    details("What you can do", [
      "`/agent <what to do>` goes on with this session, here or on its pull request. While it works, prompts wait in line.",
      "`/agent continue` goes on with what was interrupted; `--budget $5` or `--budget 500k` (tokens) behind it allows that much more.",
      `Everything it did: \`git fetch origin refs/offshoot/sessions/${session.session} && git log FETCH_HEAD\``,
    ]),
  ]);
}

function phase({ phase, lease, turn, lost_runs }: Session): string {
  if (lost_runs > lostRunsAllowed) return "interrupted, waiting for a person";
  if (lost_runs > 0) return "interrupted, a new run will go on with it";
  switch (phase) {
    case "idle":
      return "idle, waiting for the next `/agent`";
    case "held":
      return "stopped; what is queued waits until somebody asks again, or comments `/agent continue`";
    case "queued":
      return lease ? "about to start" : "queued, waiting for a run";
    case "working":
      if (!lease)
        return `interrupted in turn ${turn?.number}, saved after step ${turn?.step}; a new run will go on with it`;
      return `working on turn ${turn?.number}, step ${turn?.step}`;
  }
}

function queueList({ queue }: Session, thread: number): string[] {
  const running = queue.filter(({ status }) => status === "running").map((prompt) => `- now: ${asked(prompt, thread)}`);
  const waiting = queue.filter(isWaiting).map((prompt, index) => `${index + 1}. ${asked(prompt, thread)}`);
  const more = waiting.length > longestList ? [`- and ${waiting.length - longestList} more`] : [];
  const list = [...running, ...waiting.slice(0, longestList), ...more];
  return list.length > 0 ? [...list, ""] : [];
}

function asked({ source, by, text }: Prompt, thread: number): string {
  const words = code(brief(text ?? "", 80));
  if (source.kind === "terminal") return `${words} by ${code(by.login)} at a terminal`;
  const elsewhere = source.thread === thread ? "" : ` on #${source.thread}`;
  return `[${words}](${source.url}) by ${code(by.login)}${elsewhere}`;
}

function branchCell({ head, branch, own_branch }: Session, { repo }: Links): string | null {
  if (!head) return own_branch ? "none until something is written" : null;
  return `[\`${branch}\`](${repo}/tree/${encodeURI(branch)})`;
}

function pullCell(session: Session): string | null {
  const pull = pullRequestOf(session);
  if (!pull?.number) return pull?.url ? `[open it here](${pull.url})` : null;
  return `[#${pull.number}](${pull.url})`;
}

function usage({ usage }: Session): string | null {
  if (usage.steps === 0) return null;
  const { turns, steps, input, cached, output } = usage;
  const cost = costText(usage);
  return `${plural(turns, "turn")}, ${plural(steps, "step")}, ${count(input)} tokens in (${count(cached)} cached), ${count(output)} out${cost === null ? "" : `, ${cost}`}`;
}

const budgetOf = { turn: "this turn", session: "this session", tree: "this tree of sessions", day: "this day" };

/** What is used of each budget that holds; a turn's own is of interest while it is open. */
function budgetCell({ budgets = [], turn }: Session): string | null {
  const cells = budgets.flatMap(({ level, tokens, usd, used_tokens, used_usd }) => {
    if (level === "turn" && !turn) return [];
    const used = { tokens: used_tokens + (turn?.tokens ?? 0), usd: used_usd + (turn?.usd ?? 0) };
    const inUsd = usd === undefined ? [] : [partText("usd", used.usd, usd)];
    const inTokens = tokens === undefined ? [] : [partText("tokens", used.tokens, tokens)];
    return [`${[...inUsd, ...inTokens].join(" and ")} ${budgetOf[level]}`];
  });
  return cells.length > 0 ? cells.join("<br>") : null;
}

/** The answer to one prompt: what the agent said, how the turn ended, where the work is. */
export function answerComment(
  session: Session,
  ended: EventOf<"turn.ended">,
  prompt: AskedOnThread,
  links: Links,
): string {
  return lines([
    answerMarker(session, ended.turn),
    `> ${code(brief(prompt.text, 120))} ([asked](${prompt.source.url}) by ${code(prompt.by.login)})`,
    "",
    ...outcome(ended),
    ...(ended.answer === "" ? [] : [plainText(ended.answer), ""]),
    ...ended.notices.map((notice) => `> [!NOTE]\n> ${notice}\n`),
    `<sub>${footer(session, ended, links)}</sub>`,
  ]);
}

const headings = {
  stopped: "Stopped.",
  failed: "This did not work.",
  limit: "Stopped at a limit.",
  refused: "The model refused.",
};

function outcome({ outcome, problem, commit, files = [] }: EventOf<"turn.ended">): string[] {
  if (outcome === "done") return [];
  const heading = `**${headings[outcome]}**`;
  const kept = commit ? [`What was changed until then is kept in the commit below${changed(files)}.`, ""] : [];
  if (!problem) return [heading, "", ...kept];
  const [message, remedy] = [plainText(problem.message, longestProblem), plainText(problem.remedy, longestProblem)];
  return [`${heading} ${message}`, "", `What to do: ${remedy}`, "", ...kept];
}

function changed(files: readonly string[]): string {
  if (files.length === 0) return "";
  const named = files.slice(0, 5).map(code).join(", ");
  return files.length > 5 ? `: ${named} and ${files.length - 5} more` : `: ${named}`;
}

function footer(session: Session, { turn, commit, duration_ms }: EventOf<"turn.ended">, { repo }: Links): string {
  const pull = pullCell(session);
  return [
    `turn ${turn} of \`${session.session}\``,
    commit ? `commit [\`${commit.slice(0, 7)}\`](${repo}/commit/${commit})` : "no files changed",
    ...(pull ? [`pull request ${pull}`] : []),
    ...(session.lease?.run ? [`[run and transcript](${session.lease.run.url})`] : []),
    `${Math.max(1, Math.round(duration_ms / 1000))} s`,
  ].join(" · ");
}

const pullStart = "<!-- offshoot:work -->";
const pullEnd = "<!-- /offshoot:work -->";

/** The body of the pull request that a session opens: what its last turns did. */
export function pullRequestBody(session: Session, turns: readonly EventOf<"turn.ended">[]): string {
  const thread = session.thread === undefined ? "" : ` for #${session.thread}`;
  const told = turns.filter(({ commit }) => commit).slice(-longestList);
  const most = Math.floor(longestText / told.length);
  return lines([
    pullStart,
    `Work of Offshoot session \`${session.session}\`${thread}. It is a draft: read it, then mark it ready or go on with \`/agent <what to do>\` here.`,
    "",
    ...told.map(
      ({ turn, commit, answer }) => `### Turn ${turn} (${commit?.slice(0, 7)})\n\n${plainText(answer, most)}\n`,
    ),
    pullEnd,
  ]);
}

/** Puts a newer description in the older one's place; what people wrote around it stays. Null: they removed ours. */
export function redescribe(body: string, description: string): string | null {
  const [start, end] = [body.indexOf(pullStart), body.indexOf(pullEnd)];
  if (start < 0 || end < start) return null;
  const earlier = sectionsBefore(body.slice(start, end), description);
  const whole = description.replace(/^### Turn /m, (first) => earlier + first);
  return body.slice(0, start) + whole + body.slice(end + pullEnd.length);
}

/** What an older description tells of turns before the first one of a newer, which knows only those since a compaction. */
function sectionsBefore(older: string, newer: string): string {
  const first = Number(turnSection.exec(newer)?.[1]);
  const sections = older.split(/^(?=### Turn \d+ \([0-9a-f]{7}\)$)/m);
  const earlier = sections.filter((section) => Number(turnSection.exec(section)?.[1]) < first);
  while (earlier.join("").length > longestEarlier) earlier.shift();
  return earlier.join("");
}

const turnSection = /^### Turn (\d+) \(/m;
/** Beside the longest text of the newer ones it has to fit into a description. */
const longestEarlier = 10_000;

/** A title from the work: the answer's first line where it reads as one, else what was asked. */
export function workTitle(answer: string, prompt: string): string {
  const first = answer.split("\n", 1)[0]?.replace(/^[#*\s]+|[*\s.]+$/g, "") ?? "";
  return first.length >= 8 && first.length <= 100 ? first : brief(prompt, 72);
}

export const usageComment = lines([
  "**Offshoot** works on an issue or pull request when someone with write access comments:",
  "",
  "```",
  "/agent make the failing test pass",
  "```",
  "",
  "`/agent` has to stand at the start of a line; everything after it, to the end of the comment, is the prompt.",
  "The first prompt opens a session with a branch of its own, later ones continue it.",
  "",
  "`/agent continue` goes on with what was interrupted. `--budget $5` or `--budget 500k` (tokens) behind it allows that much more, whatever budget was reached; before a prompt, as in `/agent --budget $5 <what to do>`, it is the budget of that prompt alone.",
  "",
  "`/agent resume <id>` makes another session the one that this thread goes on with; the beginning of its id is enough. `/agent help` shows this.",
]);

/** For a budget that is none, or with nothing to do for it. */
export function badBudgetComment(given: string): string {
  const what =
    given === ""
      ? "`--budget` wants an amount, and a prompt something to do"
      : `${code(brief(given, 80))} is no amount`;
  return lines([
    `${what}, so nothing was started.`,
    "",
    "What to do: write dollars as `$5`, `$0.50` or `5usd`, tokens as `500k`, `2M` or `300000`, and comment again:",
    "",
    "```",
    "/agent continue --budget $5",
    "/agent --budget 500k <what to do>",
    "```",
  ]);
}

/** When there is nothing on a thread to go on with. */
export const nothingToContinueComment = lines([
  "There is no session here to go on with, so nothing was started.",
  "",
  "What to do: comment `/agent` with what to do, or `/agent resume <id>` for a session of another thread.",
]);

/** When no session's id begins with what was asked for. */
export function noSuchSessionComment(prefix: string): string {
  return lines([
    `No session here begins with ${code(prefix)}, so nothing was changed.`,
    "",
    "What to do: look at the id again. A session that was begun at a terminal is here once it is pushed (`offshoot session push`); a retired one cannot go on.",
  ]);
}

/** When several sessions' ids begin with what was asked for. */
export function ambiguousComment(prefix: string, sessions: readonly Session[]): string {
  const list = sessions.slice(0, longestList).map(({ session, description }) => {
    return `- ${code(session)} ${code(brief(description, 80))}`;
  });
  const more = sessions.length > longestList ? [`- and ${sessions.length - longestList} more`] : [];
  return lines([
    `${code(prefix)} fits ${sessions.length} sessions, so nothing was changed:`,
    "",
    ...list,
    ...more,
    "",
    "What to do: give more of the id.",
  ]);
}

/** For a thread whose work would have to go into somebody else's repository. */
export const forkComment = lines([
  "This pull request comes from a fork, and Offshoot does not push into other repositories: nothing was started.",
  "",
  "What to do: push its branch to this repository (`gh pr checkout` and `git push`), open a pull request from there, and comment on that one.",
]);

/** For somebody who may write, where that is not enough. */
export function notEnoughComment(login: string, { standing, needed }: { standing: string; needed: string }): string {
  return lines([
    `Offshoot listens here to people with the access “${needed}” alone, and ${code(login)} has “${standing}”: nothing was started.`,
    "",
    "What to do: ask somebody who has it, or have `trigger` under `[permissions]` in .github/offshoot.toml changed.",
  ]);
}

/** When GitHub did not say whether the person may start a run. */
export function unverifiedComment(login: string, reason: string): string {
  return lines([
    `Offshoot could not check whether ${code(login)} may start it here (${reason}), so nothing was started.`,
    "",
    "What to do: comment again in a minute. If it stays so, the App needs the permission “Metadata: read”.",
  ]);
}

/** When the prompt is in the journal but no run could be started for it. */
export function dispatchFailedComment({ problem, remedy }: { problem: string; remedy: string }): string {
  return lines([
    `Your prompt is queued, but no run could be started. ${plainText(problem)}`,
    "",
    `What to do: ${remedy} Then comment \`/agent go on\`: what is queued runs first, in order.`,
  ]);
}

/** After too many runs were lost in a row. */
export function gaveUpComment({ session, lost_runs }: Session): string {
  return lines([
    `${lost_runs} runs of session \`${session}\` ended one after another without getting anywhere, so Offshoot does not try again by itself. Nothing is lost: what was done is saved, and what is queued stays queued.`,
    "",
    "What to do: look at the log of the last run (out of memory, a time limit, a step before Offshoot's that fails?). Then comment `/agent go on`: what is queued runs first, in order.",
  ]);
}

/** When a session's journal cannot be read or written. */
export function brokenSessionComment(reason: string): string {
  return lines([
    "Offshoot cannot go on with this session.",
    "",
    plainText(reason),
    "",
    "Once that is solved, comment `/agent` with what to do.",
  ]);
}

/** When GitHub gave no answer while the prompt was being written. */
export function unreachableComment(reason: string): string {
  return lines([
    "GitHub could not be reached while Offshoot was saving your prompt, so it is not known whether the prompt was taken.",
    "",
    plainText(reason, longestProblem),
    "",
    "What to do: comment again in a few minutes. If the prompt was taken after all, it runs first, and then what you ask again.",
  ]);
}

/** When GitHub did not tell what has to be known before a prompt can be taken. */
export function failedComment(reason: string): string {
  return lines([
    `Your prompt was not taken: GitHub did not say what Offshoot has to know first (${plainText(reason, longestProblem)}).`,
    "",
    "What to do: comment again in a few minutes. If it stays so, check that the default branch has a commit, and that the App has all its permissions.",
  ]);
}

/** Text that is not ours: it cannot forge one of our markers, and fits into a comment. */
function plainText(text: string, most = longestText): string {
  const inert = text.replaceAll("<!--", "&lt;!--");
  if (inert.length <= most) return inert;
  const kept = inert.slice(0, most).toWellFormed();
  const cutsCode = (kept.match(/^ {0,3}```/gm) ?? []).length % 2 === 1;
  return `${kept}${cutsCode ? "\n```" : ""}\n\n… (${count(inert.length - most)} more characters are in the transcript)`;
}

function code(text: string): string {
  return `\`${text.replaceAll("`", "'")}\``;
}

function brief(text: string, most: number): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > most ? `${flat.slice(0, most - 1).toWellFormed()}…` : flat;
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}

function row(name: string, cell: string | null): string | null {
  return cell === null ? null : `| ${name} | ${cell} |`;
}

function details(summary: string, content: readonly string[]): string {
  return [`<details><summary>${summary}</summary>`, "", ...content.flatMap((line) => [line, ""]), "</details>"].join(
    "\n",
  );
}

function lines(all: readonly (string | null)[]): string {
  return all.filter((line) => line !== null).join("\n");
}
