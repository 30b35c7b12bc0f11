import { costText } from "../sessions/budget.ts";
import type { Event, EventOf } from "../sessions/journal.ts";
import { pullRequestOf, type Session } from "../sessions/session.ts";
import { oneLine, visible } from "../sessions/visible.ts";
import { count, duration, plural } from "../sessions/words.ts";
import type { Links } from "./comments.ts";

/** A file that the run changed. Null: it is not text, so its lines are not counted. */
export interface FileChange {
  readonly path: string;
  readonly added: number | null;
  readonly removed: number | null;
}

export interface RunSummary {
  readonly session: Session;
  /** What the run appended to the journal, or all of the journal. */
  readonly events: readonly Event[];
  /** What the run says about itself: what it did, or why it did nothing. */
  readonly said: string;
  readonly changes: readonly FileChange[];
  /** In the words that are shown; null where it is not known. */
  readonly cost: string | null;
  /** Files that the run leaves, by the names that its page lists. */
  readonly artifacts: readonly { readonly name: string; readonly what: string; readonly url: string | null }[];
  readonly links: Links;
}

/** GitHub takes a mebibyte of a step's summary, and of more it takes nothing. */
const most = 1024 * 1024;
/** Of each list; what is left out is counted. */
const longestList = 100;
const longestAnswer = 4_000;

/** The summary of one run of a session, as Markdown for the run's page. */
export function runSummary(summary: RunSummary): string {
  const { session, events, said, changes, artifacts, links } = summary;
  const ended = events.filter((event) => event.type === "turn.ended");
  const text = [
    `### Offshoot · session \`${session.session}\``,
    words(said),
    ...turns(ended, links),
    "#### Session",
    tree(session, events),
    "#### Usage",
    usage(summary, ended),
    ...diffstat(changes),
    "#### Where it is",
    places(session, links, artifacts),
  ].join("\n\n");
  return cutBytes(`${text}\n`);
}

function turns(ended: readonly EventOf<"turn.ended">[], links: Links): string[] {
  if (ended.length === 0) return [];
  const told = ended.slice(-longestList).map((turn) => turnOf(turn, links));
  return ["#### Turns", ...more(ended.length - told.length, "earlier turn"), ...told];
}

function turnOf({ turn, outcome, answer, problem, notices, commit, duration_ms }: EventOf<"turn.ended">, links: Links) {
  const left = commit ? commitLink(commit, links) : "no files changed";
  return [
    `**Turn ${turn}: ${outcome}** after ${duration(duration_ms)}, ${left}`,
    ...(problem ? [quote(`${problem.message}\n${problem.remedy}`)] : []),
    ...(answer ? [quote(answer)] : []),
    ...notices.map((notice) => quote(notice)),
  ].join("\n\n");
}

/** The sessions that this one belongs to, as far as its own journal names them. */
function tree({ session, description, genealogy }: Session, events: readonly Event[]): string {
  const forked = events.findLast((event) => event.type === "session.forked");
  const parent = genealogy.parent_session_id;
  const above = [
    ...(parent && parent !== forked?.from ? [`\`${parent}\`, its parent`] : []),
    ...(forked ? [`\`${forked.from}\`, from which it was forked after turn ${forked.turn}`] : []),
  ];
  const own = `**\`${session}\`** ${words(oneLine(description, 200))} (this session, depth ${genealogy.depth})`;
  return [...above, own].map((line, depth) => `${"  ".repeat(depth)}- ${line}`).join("\n");
}

function usage({ session, cost }: RunSummary, ended: readonly EventOf<"turn.ended">[]): string {
  const total = session.usage;
  const run = { turns: ended.length, ...sum(ended) };
  return table(
    ["", "Turns", "Tokens in", "of them cached", "Tokens out", ...(cost === null ? [] : ["Cost"])],
    [
      ["These turns", ...numbers(run), ...(cost === null ? [] : [words(cost)])],
      ["The session", ...numbers(total), ...(cost === null ? [] : [words(costText(total) ?? "")])],
    ],
  );
}

type Used = Pick<Session["usage"], "turns" | "input" | "cached" | "output">;

function numbers({ turns, input, cached, output }: Used): string[] {
  return [turns, input, cached, output].map(count);
}

function sum(ended: readonly EventOf<"turn.ended">[]): Omit<Used, "turns"> {
  const total = (of: "input" | "cached" | "output") => ended.reduce((all, { usage }) => all + (usage?.[of] ?? 0), 0);
  return { input: total("input"), cached: total("cached"), output: total("output") };
}

function diffstat(changes: readonly FileChange[]): string[] {
  if (changes.length === 0) return [];
  const total = (of: "added" | "removed") => changes.reduce((all, change) => all + (change[of] ?? 0), 0);
  const rows = changes.slice(0, longestList).map(({ path, added, removed }) => {
    return [code(path), added === null ? "binary" : `+${count(added)}`, removed === null ? "" : `−${count(removed)}`];
  });
  return [
    "#### Changes",
    `${plural(changes.length, "file")}, +${count(total("added"))} −${count(total("removed"))}`,
    table(["File", "Added", "Removed"], rows),
    ...more(changes.length - rows.length, "more file"),
  ];
}

function places(session: Session, { repo }: Links, artifacts: RunSummary["artifacts"]): string {
  const { head, branch, thread } = session;
  const pull = pullRequestOf(session);
  const lines = [
    head &&
      `Branch [${code(branch)}](${repo}/tree/${encodeURI(branch).replace(/[#()]/g, encodeMore)}) at ${commitLink(head, { repo })}`,
    pull?.url && `[Pull request${pull.number ? ` ${pull.number}` : ""}](${pull.url})`,
    thread !== undefined && `[Thread ${thread}](${repo}/issues/${thread})`,
    ...artifacts.map(({ name, what, url }) => `${url ? `[${code(name)}](${url})` : code(name)}: ${words(what)}`),
    `All of it: \`git fetch origin refs/offshoot/sessions/${session.session} && git log FETCH_HEAD\``,
  ];
  return lines
    .filter((line) => typeof line === "string")
    .map((line) => `- ${line}`)
    .join("\n");
}

/** What would end the link, or begin the fragment of its address. */
function encodeMore(char: string): string {
  return `%${char.charCodeAt(0).toString(16)}`;
}

function commitLink(commit: string, { repo }: Links): string {
  return `[\`${commit.slice(0, 7)}\`](${repo}/commit/${commit})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

function more(left: number, what: string): string[] {
  return left > 0 ? [`… and ${plural(left, what)}`] : [];
}

/** Text of others as nothing but text: no markup, no link, no picture, nobody called by name. */
function words(text: string): string {
  return visible(text)
    .replace(/[\\`*_{}[\]<>()#+\-.!|~&$^:=]/g, "\\$&")
    .replace(/@/g, "@&#8203;");
}

function quote(text: string): string {
  const cut = text.length > longestAnswer;
  const kept = cut ? text.slice(0, longestAnswer).toWellFormed() : text;
  const lines = words(kept.trim())
    .split("\n")
    .map((line) => `> ${line.trim()}`.trimEnd());
  const left = cut ? ["> ", `> … ${plural(text.length - longestAnswer, "more character")} in the transcript`] : [];
  return [...lines.map((line) => (line === ">" ? line : `${line}  `)), ...left].join("\n");
}

/** In a table's cell, too. */
function code(text: string): string {
  return `\`${oneLine(text, 300).replaceAll("`", "'").replaceAll("|", "¦")}\``;
}

function cutBytes(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= most) return text;
  const notice = "\n\n… The rest did not fit into the summary. The transcript has all of it.\n";
  const kept = bytes.subarray(0, most - Buffer.byteLength(notice)).toString();
  return kept.slice(0, kept.lastIndexOf("\n")) + notice;
}
