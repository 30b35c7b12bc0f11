import { usdText } from "../sessions/budget.ts";
import { brief, count, duration, plural, when } from "../sessions/words.ts";
import { readSession } from "./chosen.ts";
import { type Clone, cacheIn } from "./clone.ts";
import type { Listed } from "./listed.ts";
import { readRoster } from "./roster.ts";
import { type Shown, shownOf } from "./shown.ts";
import { painter, print, printJson, type Terminal } from "./terminal.ts";

export interface ShowOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session show`: what a session is, what was asked of it and what came of that. */
export async function show(terminal: Terminal, clone: Clone, options: ShowOptions): Promise<void> {
  const reading = await readSession(clone, options.session);
  const roster = await readRoster({ ...clone, cache: cacheIn(clone) });
  const children = roster.flatMap(({ listed }) => (listed.parent === reading.id ? [listed] : []));
  const shown = shownOf(reading, children);
  if (options.json) return printJson(terminal, shown);
  const paint = painter(terminal.stdout);
  const part = (title: string, lines: readonly string[]) =>
    lines.length > 0 ? ["", paint("bold", title), ...lines] : [];
  const lines = [
    paint("bold", shown.id),
    brief(shown.description, 200),
    "",
    ...facts(shown).map(([name, text]) => `${paint("dim", name.padEnd(9))} ${brief(text, 500)}`),
    ...part("Turns", shown.turns.flatMap(turnLines)),
    ...part("Waiting", shown.queue.map(waitingLine)),
    ...part("Children", shown.children.map(childLine)),
  ];
  print(terminal, lines.join("\n"));
}

type Fact = readonly [name: string, text: string];

function facts(shown: Shown): readonly Fact[] {
  const { status, phase, branch, head, base, base_branch, created_by, created_at, last_accessed, parent } = shown;
  const left = head && head !== base ? ` at ${head.slice(0, 7)}` : ", without a commit of its own";
  const thread = shown.thread === null ? "" : `, #${shown.thread}`;
  return [
    ["state", status === "active" ? phase : `${status}, ${phase}`],
    ["branch", `${branch}${left}, from ${base_branch} at ${base.slice(0, 7)}`],
    ["project", `${shown.project}${thread}`],
    ...optional("pull", shown.pull_request && `#${shown.pull_request.number} ${shown.pull_request.url}`),
    ["opened", `${when(created_at)} by ${created_by.login}${parent ? `, under ${parent}` : ""}`],
    ["used", `${when(last_accessed)}, ${plural(shown.seq, "event")}`],
    ...optional("model", shown.model),
    ["held by", holderWords(shown)],
    ["work", workWords(shown)],
    ["tokens", tokenWords(shown)],
  ];
}

function optional(name: string, text: string | null): readonly Fact[] {
  return text === null ? [] : [[name, text]];
}

function holderWords({ holder }: Shown): string {
  return holder ? `${holder.run?.url ?? holder.holder} since ${when(holder.taken_at)}` : "nobody";
}

function workWords({ usage: { turns, steps, duration_ms, peak_rss_mb } }: Shown): string {
  const memory = turns > 0 ? `, ${count(peak_rss_mb)} MB of memory at most` : "";
  return `${plural(turns, "turn")}, ${plural(steps, "step")}, ${duration(duration_ms)}${memory}`;
}

function tokenWords({ usage: { input, cached, output, reasoning, breakdown, cost_usd } }: Shown): string {
  const all = breakdown.system + breakdown.tools + breakdown.history + breakdown.prompt;
  const share = (name: keyof typeof breakdown) => `${name} ${Math.round((100 * breakdown[name]) / all)} %`;
  const parts = all > 0 ? `; in: ${(["system", "tools", "history", "prompt"] as const).map(share).join(", ")}` : "";
  const cost = cost_usd ? `, ${usdText(cost_usd)}` : "";
  return `${count(input)} in (${count(cached)} cached), ${count(output)} out (${count(reasoning)} reasoning)${cost}${parts}`;
}

function turnLines({ turn, prompt, outcome, answer, commit, duration_ms, reverted }: Shown["turns"][number]): string[] {
  const facts = [outcome ?? "under way", ...(duration_ms === null ? [] : [duration(duration_ms)])];
  const more = [...facts, ...(commit ? [commit.slice(0, 7)] : []), ...(reverted ? ["taken back"] : [])];
  const answered = answer ? [`      ${brief(firstLine(answer))}`] : [];
  return [`${String(turn).padStart(4)}  ${prompt.by.login}: ${brief(prompt.text)}  (${more.join(", ")})`, ...answered];
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] ?? "";
}

function waitingLine({ by, text }: Shown["queue"][number], index: number): string {
  return `${String(index + 1).padStart(4)}  ${by.login}: ${brief(text)}`;
}

function childLine({ id, status, phase, description }: Listed): string {
  return `      ${id}  ${status === "active" ? phase : status}  ${brief(description)}`;
}
