import type { Artifact, Job, Run, Step } from "../world.ts";
import { type Html, html } from "./html.ts";
import { badge, clock, layout, repositoryPath, type Site } from "./layout.ts";
import { renderMarkdown } from "./markdown.ts";

export function runPage(site: Site, run: Run): string {
  const artifacts = [...site.world.artifacts.values()].filter((artifact) => artifact.runId === run.id);
  const content = html`<section id="run" data-live class="title">
    <h1>${badge(run)} ${run.title || run.name} <span class="quiet">#${run.number}</span></h1>
    <p class="quiet">${run.name} · ${run.event.replaceAll("_", " ")} by ${run.actor.login} on
    <code>${run.headBranch}</code> <code>${run.headSha.slice(0, 7)}</code> · ${clock(run.createdAt)}
    ${run.attempt > 1 && html` · attempt ${run.attempt}`} · ${(run.conclusion ?? run.status).replaceAll("_", " ")}</p>
  </section>
  <section id="artifacts" data-live>${artifacts.length > 0 && artifactList(artifacts)}</section>
  <div id="jobs" data-live-list>${run.jobs.map((job) => jobSection(site, job))}</div>
  <p id="waiting" data-live class="none">${run.jobs.length === 0 && "Waiting to start."}</p>`;
  return layout(site, run.title || run.name, content);
}

function jobSection(site: Site, job: Job): Html {
  return html`<section id="job-${job.id}" class="job">
  <h2>${badge(job)} ${job.name} <span class="quiet">${seconds(job)}</span></h2>
  ${job.summary && html`<div class="summary markdown">${renderMarkdown(job.summary, repositoryPath(site))}</div>`}
  <ol class="steps">${job.steps.map((step) => html`<li>${badge(step)} ${step.name} <span class="quiet">${seconds(step)}</span></li>`)}</ol>
  ${job.log.length > 0 && html`<pre class="log" tabindex="0" aria-label="Log">${job.log.map(logLine)}</pre>`}</section>`;
}

/** A step's or a job's duration, once it is over: a clock that ticks would repaint the page without end. */
function seconds({ startedAt, completedAt }: Pick<Step, "startedAt" | "completedAt">): string {
  if (!startedAt || !completedAt) return "";
  return `${((completedAt.getTime() - startedAt.getTime()) / 1000).toFixed(1)} s`;
}

function logLine(line: string): Html {
  const [, time = "", text = line] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ([\s\S]*)$/.exec(line) ?? [];
  const kind = /^##\[(\w+)\]/.exec(text)?.[1] ?? "plain";
  return html`<span class="line ${kind}"><time>${time.slice(11, 19)}</time> ${text.replace(/^##\[\w+\]/, "")}\n</span>`;
}

function artifactList(artifacts: readonly Artifact[]): Html {
  return html`<h2>Artifacts</h2><ul class="artifacts">${artifacts.map(
    ({ id, name, size }) =>
      html`<li><a href="/_playground/artifacts/${id}" download="${name}.zip">${name}.zip</a>
      <span class="quiet">${Math.ceil(size / 1024)} KB</span></li>`,
  )}</ul>`;
}
