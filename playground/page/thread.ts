import { type Html, html } from "../../src/page/html.ts";
import type { Comment, Issue, Reaction } from "../world.ts";
import { changes } from "./changes.ts";
import { clock, issueState, layout, repositoryPath, runPanel, type Site } from "./layout.ts";
import { renderMarkdown } from "./markdown.ts";

const AGENT_LABEL = "agent";

const SUGGESTIONS = ["/agent make the failing test pass", "/agent also add a test for milliseconds"];

/** An issue's or a pull request's conversation, with what the pull request changes and how its checks are doing. */
export async function threadPage(site: Site, issue: Issue): Promise<Html> {
  const { title, number, labels, pull } = issue;
  const comments = [...site.world.comments.values()].filter((comment) => comment.issue === number);
  const state = issueState(issue);
  const content = html`<h1>${title} <span class="quiet">#${number}</span></h1>
  <p class="facts"><span class="tag state ${state}">${state}</span>
    ${labels.map(({ name }) => html`<span class="tag label">${name}</span>`)}
    ${pull && html`<a href="#changes">Commits and files</a>`}</p>
  <ol class="conversation">${[issue, ...comments].map((said) => entry(site, said))}</ol>
  ${composer(site, number)}
  ${labelForm(site, issue)}
  ${pull && (await pullSections(site, pull))}`;
  return layout(site, title, content);
}

async function pullSections(site: Site, { head, base, headSha, baseSha }: NonNullable<Issue["pull"]>): Promise<Html> {
  const runs = [...site.world.runs.values()].filter((run) => run.headSha === headSha);
  return html`${runPanel(`Checks of ${headSha.slice(0, 7)}`, site, runs)}
  <section id="changes"><h2>Commits and files of <code>${head}</code> into <code>${base}</code></h2>
  ${await changes(site, `${baseSha}..${headSha}`)}</section>`;
}

function entry(site: Site, said: Issue | Comment): Html {
  const { author, body, createdAt, updatedAt } = said;
  const comment = "issue" in said ? said : null;
  const id = comment ? `issuecomment-${comment.id}` : `issue-${said.id}`;
  const isBot = author.type === "Bot";
  return html`<li id="${id}" class="entry ${isBot ? "bot" : author.login}">
  <span class="avatar" aria-hidden="true">${author.login.slice(0, 2)}</span>
  <article class="card">
    <header class="facts"><strong>${author.login}</strong> ${isBot && html`<span class="tag label">app</span>`}
    <a class="quiet" href="#${id}">${clock(createdAt)}</a>
    ${comment && updatedAt > createdAt && html`<span class="quiet">edited</span>`}</header>
    <div class="markdown">${renderMarkdown(body || "*No text.*")}</div>
    ${comment && reactions(comment.reactions)}
    ${comment && !isBot && editing(site, comment)}
  </article></li>`;
}

const EMOJI: Record<Reaction["content"], string> = {
  "+1": "👍",
  "-1": "👎",
  laugh: "😄",
  confused: "😕",
  heart: "❤️",
  hooray: "🎉",
  rocket: "🚀",
  eyes: "👀",
};

function reactions(all: readonly Reaction[]): Html | false {
  const one = ({ content, user }: Reaction) =>
    html`<span class="tag" title="${content} by ${user.login}">${EMOJI[content]}</span>`;
  return all.length > 0 && html`<p class="facts">${all.map(one)}</p>`;
}

function apiPath(site: Site): string {
  return `/api/v3/repos${repositoryPath(site)}/issues`;
}

function editing(site: Site, { id, author, body }: Comment): Html {
  const token = author.login === "outsider" ? site.tokens.outsider : site.tokens.maintainer;
  return html`<details class="editing"><summary class="quiet">Edit</summary>
  <form action="${apiPath(site)}/comments/${id}">
    <input type="hidden" name="token" value="${token}">
    <textarea name="body" rows="4" required aria-label="Comment">${body}</textarea>
    <p class="buttons"><button class="plain" data-method="DELETE">Delete</button>
    <button data-method="PATCH">Save</button></p></form></details>`;
}

function composer(site: Site, thread: number): Html {
  const { maintainer, outsider } = site.tokens;
  return html`<form class="card composer" action="${apiPath(site)}/${thread}/comments">
  <h2>Say something</h2>
  <p class="facts">
    <label><input type="radio" name="token" value="${maintainer}" checked> <strong>maintainer</strong> may write here</label>
    <label><input type="radio" name="token" value="${outsider}"> <strong>outsider</strong> may only read</label></p>
  <textarea id="comment" name="body" rows="4" required aria-label="Comment" placeholder="${SUGGESTIONS[0]}"></textarea>
  <p class="facts">${SUGGESTIONS.map((text) => html`<button type="button" class="chip">${text}</button>`)}</p>
  <p class="buttons"><button data-method="POST">Comment</button></p></form>`;
}

function labelForm(site: Site, { number, labels }: Issue): Html {
  const has = labels.some(({ name }) => name === AGENT_LABEL);
  const path = `${apiPath(site)}/${number}/labels`;
  return html`<form class="facts" action="${has ? `${path}/${AGENT_LABEL}` : path}">
  <input type="hidden" name="token" value="${site.tokens.maintainer}">
  <button class="plain" data-method="${has ? "DELETE" : "POST"}" data-json="${JSON.stringify({ labels: [AGENT_LABEL] })}">
  ${has ? "Remove" : "Add"} the label <span class="tag label">${AGENT_LABEL}</span></button>
  <span class="quiet">${!has && "starts a session on the text at the top"}</span></form>`;
}
