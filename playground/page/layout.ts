import type { Issue, Run, World } from "../world.ts";
import { type Html, html } from "./html.ts";

/** A person that the page can act as, with the token that it then uses at the API. */
export interface Person {
  readonly login: string;
  readonly token: string;
}

/** What every page is made from. */
export interface Site {
  readonly world: World;
  readonly maintainer: Person;
  readonly outsider: Person;
  /** True when the model is the scripted one. */
  readonly scripted: boolean;
}

export function repositoryPath({ world }: Site): string {
  return `/${world.owner}/${world.repo}`;
}

export function threadPath(site: Site, issue: Issue): string {
  return `${repositoryPath(site)}/${issue.pull ? "pull" : "issues"}/${issue.number}`;
}

/** A whole document: the banner, `content`, and beside it the threads and runs of the repository. */
export function layout(site: Site, title: string, content: Html): string {
  const name = `${site.world.owner}/${site.world.repo}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · ${name} · playground</title>
<link rel="icon" href="/_playground/icon.svg">
<link rel="stylesheet" href="/_playground/page.css">
<script src="/_playground/page.js" defer></script>
</head>
<body>
<header class="top">
  <a class="brand" href="/"><img src="/_playground/icon.svg" alt="" width="26" height="26">Offshoot <span>playground</span></a>
  <span class="repo">${name}</span>
</header>
<p class="banner"><strong>Everything here is on this machine.</strong>
It imitates just enough of GitHub to try Offshoot. Commands of the agent run unsandboxed.
${site.scripted && html`<strong class="scripted">The model is a script, not an AI.</strong>`}</p>
<div class="columns">
<main>${content}</main>
<aside aria-label="Repository">
  ${threadPanel(site)}
  ${runPanel(site)}
  ${gitPanel(site)}
</aside>
</div>
</body>
</html>`;
  return page.html;
}

function threadPanel(site: Site): Html {
  const threads = [...site.world.issues.values()].sort((a, b) => b.number - a.number);
  const list = (title: string, issues: readonly Issue[], none: string) => html`<h2>${title}</h2>
  <ul>${issues.map((issue) => threadItem(site, issue))}</ul>
  ${issues.length === 0 && html`<p class="none">${none}</p>`}`;
  const pulls = threads.filter((issue) => issue.pull);
  const issues = threads.filter((issue) => !issue.pull);
  return html`<section id="threads" data-live>
  ${list("Pull requests", pulls, "None yet. A session opens one when it has written something.")}
  ${list("Issues", issues, "None.")}</section>`;
}

function threadItem(site: Site, issue: Issue): Html {
  return html`<li><a href="${threadPath(site, issue)}">${issue.title}</a>
  <span class="quiet">#${issue.number} · ${issueState(issue)}</span></li>`;
}

export function issueState({ state, pull }: Issue): string {
  if (pull?.merged) return "merged";
  return pull?.draft && state === "open" ? "draft" : state;
}

function runPanel(site: Site): Html {
  const runs = [...site.world.runs.values()].sort((a, b) => b.id - a.id).slice(0, 12);
  return html`<section id="runs" data-live><h2>Runs</h2>
  <ul>${runs.map((run) => runItem(site, run))}</ul>
  ${runs.length === 0 && html`<p class="none">None yet. Every turn is a workflow run.</p>`}</section>`;
}

export function runItem(site: Site, run: Run): Html {
  return html`<li class="run"><a href="${repositoryPath(site)}/actions/runs/${run.id}">${badge(run)}
  <span class="run-title">${run.title || run.name}</span></a>
  <span class="quiet">#${run.number} · ${run.event.replaceAll("_", " ")} · ${clock(run.createdAt)}</span></li>`;
}

/** How something that runs is doing, as a coloured mark with words for those who do not see colours. */
export function badge({ status, conclusion }: Pick<Run, "status" | "conclusion">): Html {
  const state = conclusion ?? status;
  return html`<i class="mark ${state}" title="${state.replaceAll("_", " ")}"><span class="hidden">${state}</span></i>`;
}

function gitPanel(site: Site): Html {
  const { url, owner, repo } = site.world;
  return html`<section><details><summary>Look at it with git</summary>
  <pre><code>git clone ${url}/${owner}/${repo}.git
cd ${repo}
git fetch origin '+refs/offshoot/*:refs/offshoot/*' \\
  '+refs/notes/*:refs/notes/*'
git for-each-ref refs/offshoot
git log --all --notes='offshoot/*'</code></pre></details></section>`;
}

export function clock(time: Date): Html {
  const shown = time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return html`<time datetime="${time.toISOString()}" title="${time.toString()}">${shown}</time>`;
}
