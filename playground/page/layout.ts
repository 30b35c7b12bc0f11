import { type Html, html } from "../../src/page/html.ts";
import type { Issue, Run, World } from "../world.ts";

/** What every page is made from. */
export interface Site {
  readonly world: World;
  /** With these the page's forms speak to the API. */
  readonly tokens: { readonly maintainer: string; readonly outsider: string };
  /** True when the model is the scripted one. */
  readonly scripted: boolean;
}

export function repositoryPath({ world }: Site): string {
  return `/${world.owner}/${world.repo}`;
}

/** A whole document: the banner, `content`, and beside it the threads and runs of the repository. */
export function layout(site: Site, title: string, content: Html): Html {
  const name = `${site.world.owner}/${site.world.repo}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ${name} · playground</title>
<link rel="icon" href="/_playground/icon.svg">
<link rel="stylesheet" href="/_playground/page.css">
<script src="/_playground/idiomorph.js" defer></script>
<script src="/_playground/page.js" type="module"></script>
</head>
<body>
<header class="top">
  <a class="brand" href="/"><img src="/_playground/icon.svg" alt="" width="26" height="26">Offshoot</a>
  <span class="quiet">playground</span>
  <code class="quiet repo">${name}</code>
</header>
<p class="banner"><strong>Everything here is on this machine.</strong>
It imitates just enough of GitHub to try Offshoot. Commands of the agent run unsandboxed.
${site.scripted && html`<strong>The model is a script, not an AI.</strong> Its token counts are estimates.`}</p>
<div class="columns">
<main>${content}</main>
<aside aria-label="Repository">
  ${threadPanel(site)}
  ${runPanel("Runs", site, [...site.world.runs.values()].reverse().slice(0, 12))}
  <section><h2>Clone</h2><p><code>git clone ${site.world.url}/${name}.git</code></p></section>
</aside>
</div>
<p id="problem" role="alert"></p>
</body>
</html>`;
}

function threadPanel(site: Site): Html {
  const item = (issue: Issue) => html`<li><a href="${repositoryPath(site)}/issues/${issue.number}">${issue.title}</a>
  <span class="quiet">${issue.pull ? "pull request" : "issue"} #${issue.number} · ${issueState(issue)}</span></li>`;
  return html`<section><h2>Threads</h2><ul class="threads">${[...site.world.issues.values()].reverse().map(item)}</ul></section>`;
}

export function issueState({ state, pull }: Issue): string {
  if (pull?.merged) return "merged";
  return pull?.draft && state === "open" ? "draft" : state;
}

export function runPanel(heading: string, site: Site, runs: readonly Run[]): Html {
  const item = (run: Run) => html`<li>${badge(run)}
  <a href="${repositoryPath(site)}/actions/runs/${run.id}">${run.name} #${run.number}</a>
  <span class="quiet">${run.event.replaceAll("_", " ")} · ${clock(run.createdAt)}<br>${run.title}</span></li>`;
  return html`<section><h2>${heading}</h2>
  <ul class="runs">${runs.map(item)}</ul>
  ${runs.length === 0 && html`<p class="quiet">None yet.</p>`}</section>`;
}

/** How something that runs is doing, as a coloured mark with words for those who do not see colours. */
export function badge({ status, conclusion }: Pick<Run, "status" | "conclusion">): Html {
  const state = conclusion ?? status;
  return html`<i class="mark ${state}" role="img" aria-label="${state}" title="${state}"></i>`;
}

export function clock(time: Date): string {
  return time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}
