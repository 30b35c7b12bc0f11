import { basename } from "node:path";
import { type Html, html } from "../../src/page/html.ts";
import type { Job, Run, Step } from "../world.ts";
import { badge, clock, layout, type Site } from "./layout.ts";
import { renderMarkdown } from "./markdown.ts";

/** A workflow run: what it left behind, and each job's summary, steps and log. */
export function runPage(site: Site, run: Run): Html {
  const artifacts = [...site.world.artifacts.values()].filter(({ runId }) => runId === run.id);
  const content = html`<h1>${badge(run)} ${run.title} <span class="quiet">#${run.number}</span></h1>
  <p class="quiet">${run.name} · ${run.event.replaceAll("_", " ")} by ${run.actor.login} on
    <code>${run.headBranch}</code> <code>${run.headSha.slice(0, 7)}</code> · ${clock(run.createdAt)}
    · ${run.conclusion ?? run.status.replaceAll("_", " ")}</p>
  ${artifacts.map(({ id, name, file, size }) => {
    const link = html`<a href="/_playground/artifacts/${id}" download="${basename(file)}">${name}</a>`;
    return html`<p>Artifact ${link} <span class="quiet">${Math.ceil(size / 1024)} KB</span></p>`;
  })}
  ${run.jobs.map(jobSection)}`;
  return layout(site, run.title, content);
}

function jobSection(job: Job): Html {
  const line = (of: Job | Step) => html`${badge(of)} ${of.name} <span class="quiet">${duration(of)}</span>`;
  return html`<section id="job-${job.id}"><h2>${line(job)}</h2>
  ${job.summary && html`<div class="card markdown">${renderMarkdown(job.summary)}</div>`}
  <ol class="steps">${job.steps.map((step) => html`<li>${line(step)}</li>`)}</ol>
  ${job.log.length > 0 && html`<pre class="card log" tabindex="0"><code>${job.log.map(logLine)}</code></pre>`}</section>`;
}

/** A step's or a job's duration, once it is over: a clock that ticks would repaint the page without end. */
function duration({ startedAt, completedAt }: Step | Job): string {
  return startedAt && completedAt ? `${((completedAt.getTime() - startedAt.getTime()) / 1000).toFixed(1)} s` : "";
}

function logLine(line: string): Html {
  const [, time, kind, text = line] = /^\d{4}-\d\d-\d\dT([\d:]{8})\S* (?:##\[(\w+)\])?(.*)$/s.exec(line) ?? [];
  return html`<span class="line ${kind}"><time>${time}</time> ${text}\n</span>`;
}
