import { createHash } from "node:crypto";
import { costText } from "../sessions/budget.ts";
import type { Event } from "../sessions/journal.ts";
import { type Prompt, pullRequestOf, type Session, threadOf } from "../sessions/session.ts";
import { oneLine } from "../sessions/visible.ts";
import { duration, plural } from "../sessions/words.ts";
import { type Html, html } from "./html.ts";
import { link } from "./markdown.ts";
import { type Entry, type Story, tell } from "./story.ts";
import { style } from "./style.ts";
import { limitsFor } from "./text.ts";
import { commitLink, type PageContext, promptCard, time, tokenWords, told, turnSection, who } from "./turn.ts";

export interface SessionPage {
  readonly session: Session;
  /** The whole journal, oldest first. What is sealed in it is shown as sealed. */
  readonly events: readonly Event[];
  /** `https://github.com/owner/name`, for links; null where the repository is not on a server. */
  readonly repo: string | null;
}

/**
 * A session for people, as one HTML file that needs nothing else: no script, no picture, no request. All that others
 * wrote is text in it, and a long text is cut, with a word on where all of it is.
 */
export function sessionPage({ session, events, repo }: SessionPage): string {
  const limits = limitsFor(events.length, `offshoot session logs -s ${session.session} --json`);
  const story = tell(events);
  const page = body(session, story, { limits, repo });
  return `<!doctype html>\n${page.html}\n`;
}

const rules = { html: style };
const styleHash = createHash("sha256").update(style).digest("base64");
const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'`;

function body(session: Session, { entries, waiting }: Story, context: PageContext): Html {
  const title = oneLine(session.description, 160);
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title} · Offshoot</title>
<style>${rules}</style>
</head>
<body>
<main>
<header class="top">
<p class="quiet">Offshoot session <code>${session.session}</code></p>
<h1>${title}</h1>
${facts(session, context)}
</header>
${contents(entries)}
${entries.map((entry) => (entry.kind === "turn" ? turnSection(entry, context) : told(entry, context)))}
${waiting.length > 0 && html`<h2>Waiting</h2>${waiting.map((prompt) => promptCard(prompt, context))}`}
</main>
<footer class="quiet">
<p>State of ${time(session.last_accessed)}. The session itself, whole: <code>${context.limits.elsewhere}</code></p>
</footer>
</body>
</html>`;
}

function facts(session: Session, { repo }: PageContext): Html {
  const { usage, thread, genealogy } = session;
  const rows: readonly (readonly [string, Html | string | null])[] = [
    ["Status", statusOf(session)],
    ["Repository", repo === null ? oneLine(session.project) : link(repo, html`${oneLine(session.project)}`)],
    ["Opened", html`by <strong>${who(session.created_by)}</strong>, ${time(session.created_at)}`],
    ["Thread", thread === undefined ? null : threadLink(session, thread, repo)],
    ["Branch", branchCell(session, repo)],
    ["Pull request", pullCell(session)],
    ["Parent", genealogy.parent_session_id ? html`session <code>${genealogy.parent_session_id}</code>` : null],
    ["Model", session.model ? oneLine(session.model) : null],
    ["Work", `${plural(usage.turns, "turn")}, ${plural(usage.steps, "step")}, ${duration(usage.duration_ms)}`],
    ["Usage", tokenWords(usage)],
    ["Cost", usage.steps > 0 ? costText(usage) : null],
  ];
  return html`<dl>${rows.map(([name, cell]) => cell !== null && html`<div><dt>${name}</dt><dd>${cell}</dd></div>`)}</dl>`;
}

function statusOf({ deleted, status, phase, turn }: Session): string {
  if (deleted) return deleted;
  if (status === "retired") return status;
  return phase === "working" ? `working on turn ${turn?.number}` : phase;
}

function threadLink({ queue }: Session, thread: number, repo: string | null): Html {
  const words = html`#${thread}`;
  if (repo !== null) return link(`${repo}/issues/${thread}`, words);
  const asked = queue.find((prompt) => threadOf(prompt) === thread);
  return asked ? link(urlOf(asked), words) : words;
}

function urlOf({ source }: Prompt): string {
  return source.kind === "terminal" ? "" : source.url;
}

function branchCell({ branch, head, base_branch }: Session, repo: string | null): Html {
  const name = html`<code>${oneLine(branch)}</code>`;
  const from = html`from <code>${oneLine(base_branch)}</code>`;
  if (!head) return html`${name} ${from}, not written yet`;
  const linked = repo === null ? name : link(`${repo}/tree/${encodeURI(branch).replaceAll("#", "%23")}`, name);
  return html`${linked} ${from}, at ${commitLink(head, repo)}`;
}

function pullCell(session: Session): Html | null {
  const pull = pullRequestOf(session);
  return pull?.url ? link(pull.url, html`${pull.number ? `#${pull.number}` : "open it here"}`) : null;
}

function contents(entries: readonly Entry[]): Html | null {
  const turns = entries.filter((entry) => entry.kind === "turn");
  if (turns.length < 2) return null;
  const items = turns.map(({ started: { turn }, prompt }) => {
    return html`<li><a href="#turn-${turn}">Turn ${turn}</a> <span class="quiet">${oneLine(prompt?.text ?? "", 90)}</span></li>`;
  });
  return html`<nav aria-label="Turns"><ul>${items}</ul></nav>`;
}
