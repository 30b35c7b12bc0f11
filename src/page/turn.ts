import type { Actor, Event, EventOf, PromptSource } from "../sessions/journal.ts";
import type { AssistantPart, Tokens } from "../sessions/message.ts";
import { lineOf } from "../sessions/timeline.ts";
import { oneLine } from "../sessions/visible.ts";
import { count, duration, when } from "../sessions/words.ts";
import { callCard } from "./calls.ts";
import { type Html, html } from "./html.ts";
import { link, markdown } from "./markdown.ts";
import { partsOf, type Step, type Told, type TurnStory } from "./story.ts";
import { closed, cut, type Limits } from "./text.ts";

export interface PageContext {
  readonly limits: Limits;
  /** `https://github.com/owner/name`; null where the repository is not on a server. */
  readonly repo: string | null;
}

/** One prompt worked on, from what was asked to what was answered. */
export function turnSection({ started, prompt, items, ended, reverted }: TurnStory, context: PageContext): Html {
  const { turn } = started;
  const answer = ended?.answer.trim() ?? "";
  return html`<article class="turn" id="turn-${turn}" aria-labelledby="turn-${turn}-title">
<header>
<h2 id="turn-${turn}-title"><a href="#turn-${turn}">Turn ${turn}</a></h2>
${outcomeTag(ended)}${reverted && html`<span class="tag busy">taken back</span>`}
<span class="quiet">${oneLine(started.model, 80)} · ${time(started.at)}</span>
</header>
${prompt && promptCard(prompt, context)}
${items.map((item) => (item.kind === "step" ? stepSection(item, { turn, answer, context }) : told(item, context)))}
${ended ? ending(ended, context) : html`<p class="event">This turn is still open.</p>`}
</article>`;
}

/** What somebody asked. */
export function promptCard({ text, by, at, source }: EventOf<"prompt.queued">, { limits }: PageContext): Html {
  return html`<section class="prompt">
<p class="quiet"><strong>${who(by)}</strong> asked ${place(source)}, ${time(at)}</p>
${words(cut(text, limits.words, limits))}
</section>`;
}

function place(source: PromptSource): Html {
  if (source.kind === "terminal") return html`at a terminal (${oneLine(source.host, 60)})`;
  const on = source.kind === "label" ? "by a label on" : "on";
  return html`${on} ${link(source.url, html`#${source.thread}`)}`;
}

/** An event in a line of its own. */
export function told({ event }: Told, { limits, repo }: PageContext): Html {
  return html`<div class="event"><p>${time(event.at)} ${oneLine(lineOf(event), 300)}${linkOf(event, repo)}</p>
${event.type === "context.compacted" && closed(event.summary, "What the model reads from here on", limits, words)}
${event.type === "compaction.failed" && html`<p>${oneLine(event.problem.remedy, 600)}</p>`}</div>`;
}

function linkOf(event: Event, repo: string | null): Html | null {
  if (event.type === "lease.taken" && event.run) return html` · ${link(event.run.url, html`run ${event.run.id}`)}`;
  if (event.type === "session.forked") return html` · from session <code>${event.from}</code>`;
  if ((event.type === "session.reverted" || event.type === "checkpoint.made") && event.commit)
    return html` · ${commitLink(event.commit, repo)}`;
  return null;
}

interface InTurn {
  readonly turn: number;
  readonly answer: string;
  readonly context: PageContext;
}

function stepSection(step: Step, { turn, answer, context }: InTurn): Html {
  const { message, tokens } = step.said;
  const id = `turn-${turn}-step-${step.step}`;
  if (message.role === "user") {
    return html`<section class="step" id="${id}-given">${closed(message.text, "What the model was given", context.limits)}</section>`;
  }
  return html`<section class="step" id="${id}">
<p class="quiet label"><a href="#${id}">step ${step.step}</a>${tokens && html`<span>${tokenWords(tokens)}</span>`}</p>
${partsOf(step).map((part) => partOf(part, step, { turn, answer, context }))}
</section>`;
}

function partOf(part: AssistantPart, step: Step, { answer, context: { limits } }: InTurn): Html | null {
  switch (part.type) {
    case "reasoning":
      return part.summary ? closed(part.summary, "Reasoning", limits, words) : null;
    case "text":
      // The answer stands by itself at the turn's end.
      if (part.text.trim() === answer) return null;
      return words(cut(part.text, limits.words, limits));
    case "tool_call":
      return callCard(part, step.calls.get(part.call) ?? null, limits);
  }
}

function ending(ended: EventOf<"turn.ended">, { limits, repo }: PageContext): Html {
  const { answer, problem, notices, files, commit, usage, duration_ms } = ended;
  const facts = [
    commit && html`commit ${commitLink(commit, repo)}`,
    duration(duration_ms),
    usage && tokenWords(usage),
  ].filter((fact) => fact !== undefined);
  return html`<section class="answer ${outcomeClass(ended)}">
${answer && html`${words(cut(answer, limits.words, limits))}`}
${problem && html`<p><strong>${cut(oneLine(problem.message, 4_000), limits.words, limits)}</strong></p><p>${oneLine(problem.remedy, 4_000)}</p>`}
${notices.map((notice) => html`<div class="notice">${markdown(notice)}</div>`)}
${files && files.length > 0 && changed(files)}
<p class="quiet facts">${facts.map((fact) => html`<span>${fact}</span>`)}</p>
</section>`;
}

function changed(files: readonly string[]): Html {
  const list = html`<ul class="files">${files.map((file) => html`<li><code>${oneLine(file, 300)}</code></li>`)}</ul>`;
  if (files.length <= 10) return list;
  return html`<details class="closed"><summary>${files.length} files changed</summary>${list}</details>`;
}

function outcomeTag(ended: EventOf<"turn.ended"> | null): Html {
  if (!ended) return html`<span class="tag busy">open</span>`;
  return html`<span class="tag ${outcomeClass(ended)}">${ended.outcome === "limit" ? "stopped at a limit" : ended.outcome}</span>`;
}

function outcomeClass({ outcome }: EventOf<"turn.ended">): string {
  if (outcome === "done") return "good";
  return outcome === "stopped" || outcome === "limit" ? "busy" : "bad";
}

/** Of people and of the model. */
function words(text: string): Html {
  return html`<div class="markdown">${markdown(text)}</div>`;
}

export function tokenWords({ input, cached, output }: Pick<Tokens, "input" | "cached" | "output">): string {
  return `${count(input)} tokens in (${count(cached)} cached), ${count(output)} out`;
}

export function commitLink(commit: string, repo: string | null): Html {
  const words = html`<code>${commit.slice(0, 7)}</code>`;
  return repo === null ? words : link(`${repo}/commit/${commit}`, words);
}

export function who(actor: Actor): string {
  const name = oneLine(actor.login, 60);
  return actor.for ? `${name} for ${oneLine(actor.for.login, 60)}` : name;
}

export function time(at: string): Html {
  return html`<time datetime="${at}">${when(at)} UTC</time>`;
}
