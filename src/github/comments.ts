import type { EventOf } from "../sessions/journal.ts";
import { isWaiting, type Prompt, type Session } from "../sessions/session.ts";

/** GitHub's limit for a comment is 65,536 characters; the rest is room for what stands around the text. */
const longestText = 60_000;

/** Where things of this repository are for people. */
export interface Links {
  /** `https://github.com/owner/name` */
  readonly repo: string;
}

/** The first line of a session's status comment on a thread: how it is found again. */
export const statusMarker = (session: Session) => `<!-- offshoot:status ${session.session} -->`;

/** The first line of the answer to a turn. */
export const answerMarker = (session: Session, turn: number) => `<!-- offshoot:answer ${session.session} ${turn} -->`;

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
    "",
    details("Commands", [
      "`/agent <what to do>` continues this session. While it works, prompts wait in the queue above.",
      `The journal is \`refs/offshoot/sessions/${session.session}\` in this repository.`,
    ]),
  ]);
}

function phase({ phase, lease, turn }: Session): string {
  switch (phase) {
    case "idle":
      return "idle, waiting for the next `/agent`";
    case "queued":
      return lease ? "about to start" : "queued, a run has been asked for";
    case "working":
      return lease ? `working: turn ${turn?.number}, step ${turn?.step}` : "interrupted, a new run will go on";
  }
}

function queueList({ queue }: Session, thread: number): string[] {
  const running = queue.filter(({ status }) => status === "running").map((prompt) => `- now: ${asked(prompt, thread)}`);
  const waiting = queue.filter(isWaiting).map((prompt, index) => `${index + 1}. ${asked(prompt, thread)}`);
  return running.length + waiting.length > 0 ? [...running, ...waiting, ""] : [];
}

function asked({ source, by, text }: Prompt, thread: number): string {
  const elsewhere = source.thread === thread ? "" : ` on #${source.thread}`;
  return `[${code(brief(text ?? "", 80))}](${source.url}) by ${code(by.login)}${elsewhere}`;
}

function branchCell({ head, branch, own_branch }: Session, { repo }: Links): string | null {
  if (!head) return own_branch ? "none until something is written" : null;
  return `[\`${branch}\`](${repo}/tree/${encodeURI(branch)})`;
}

function pullCell({ effects }: Session): string | null {
  const pull = effects.find(({ kind, done }) => kind === "pull_request" && done);
  if (!pull?.number) return pull?.url ? `[open it here](${pull.url})` : null;
  return `[#${pull.number}](${pull.url})`;
}

function usage({ usage }: Session): string | null {
  if (usage.steps === 0) return null;
  const { turns, steps, input, cached, output } = usage;
  return `${plural(turns, "turn")}, ${plural(steps, "step")}, ${count(input)} tokens in (${count(cached)} cached), ${count(output)} out`;
}

/** The answer to one prompt: what the agent said, how the turn ended, where the work is. */
export function answerComment(session: Session, ended: EventOf<"turn.ended">, prompt: Prompt, links: Links): string {
  return lines([
    answerMarker(session, ended.turn),
    `> ${code(brief(askedText(prompt), 120))} ([asked](${prompt.source.url}) by ${code(prompt.by.login)})`,
    "",
    ...outcome(ended),
    plainText(ended.answer),
    "",
    ...ended.notices.map((notice) => `> [!NOTE]\n> ${notice}\n`),
    `<sub>${footer(session, ended, links)}</sub>`,
  ]);
}

function askedText(prompt: Prompt): string {
  return prompt.text ?? prompt.source.kind;
}

function outcome({ outcome, problem }: EventOf<"turn.ended">): string[] {
  const head = {
    done: null,
    stopped: "Stopped.",
    failed: "This did not work.",
    limit: "Stopped at a limit.",
    refused: "The model refused.",
  };
  const title = head[outcome];
  if (!title) return [];
  if (!problem) return [`**${title}**`, ""];
  return [`**${title}** ${plainText(problem.message)}`, "", `What to do: ${plainText(problem.remedy)}`, ""];
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

/** The body of the pull request that a session opens. */
export function pullRequestBody(session: Session, turns: readonly EventOf<"turn.ended">[]): string {
  const thread = session.thread === undefined ? "" : ` for #${session.thread}`;
  return lines([
    pullStart,
    `Work of Offshoot session \`${session.session}\`${thread}. It is a draft: read it, then mark it ready or go on with \`/agent <what to do>\` here.`,
    "",
    ...turns.filter(({ commit }) => commit).map((turn) => `${turnHead(turn)}\n\n${plainText(turn.answer)}\n`),
    pullEnd,
  ]);
}

function turnHead({ turn, commit }: EventOf<"turn.ended">): string {
  return `### Turn ${turn}${commit ? ` (${commit.slice(0, 7)})` : ""}`;
}

/** Puts a newer description in the older one's place; what people wrote around it stays. Null: they removed ours. */
export function redescribe(body: string, description: string): string | null {
  const [start, end] = [body.indexOf(pullStart), body.indexOf(pullEnd)];
  if (start < 0 || end < start) return null;
  return body.slice(0, start) + description + body.slice(end + pullEnd.length);
}

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
  "The first prompt opens a session with a branch of its own, later ones continue it. `/agent help` shows this.",
]);

/** For a thread whose work would have to go into somebody else's repository. */
export const forkComment = lines([
  "This pull request comes from a fork, and Offshoot does not push into other repositories: nothing was started.",
  "",
  "What to do: push its branch to this repository (`gh pr checkout` and `git push`), open a pull request from there, and comment on that one.",
]);

/** When GitHub did not say whether the person may start a run. */
export function unverifiedComment(login: string, reason: string): string {
  return lines([
    `Offshoot could not check whether ${code(login)} may start it here (${reason}), so nothing was started.`,
    "",
    "What to do: comment again in a minute. If it stays so, the App needs the permission “Metadata: read”.",
  ]);
}

/** When the prompt is in the journal but no run could be started for it. */
export function dispatchFailedComment(problem: string, remedy: string): string {
  return lines([
    `The prompt is queued, but no run was started. ${problem}`,
    "",
    `What to do: ${remedy} Then comment \`/agent <anything>\`: all that is queued will run, in order.`,
  ]);
}

/** After too many runs were lost in a row. */
export function gaveUpComment(session: Session, runs: number): string {
  return lines([
    `${runs} runs of session \`${session.session}\` ended one after another before they finished, so no new one was asked for. Nothing is lost: the journal has all steps that were saved, and what is queued stays queued.`,
    "",
    "What to do: look at the log of the last run (out of memory, time limit, a broken set-up step?), then comment `/agent <anything>` to go on.",
  ]);
}

/** When a session's journal cannot be used. */
export function brokenSessionComment(reason: string): string {
  return lines(["Offshoot cannot go on here, and has changed nothing.", "", plainText(reason)]);
}

/** Text that is not ours: it cannot forge one of our markers, and fits into a comment. */
function plainText(text: string): string {
  const inert = text.replaceAll("<!--", "&lt;!--");
  if (inert.length <= longestText) return inert;
  return `${inert.slice(0, longestText)}\n\n… (${inert.length - longestText} more characters are in the transcript)`;
}

function code(text: string): string {
  return `\`${text.replaceAll("`", "'")}\``;
}

function brief(text: string, most: number): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > most ? `${flat.slice(0, most - 1)}…` : flat;
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
