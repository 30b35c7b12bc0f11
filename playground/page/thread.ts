import type { Comment, Issue, Reaction, User } from "../world.ts";
import { type Html, html } from "./html.ts";
import { clock, issueState, layout, repositoryPath, runItem, type Site, threadPath } from "./layout.ts";
import { renderMarkdown } from "./markdown.ts";

const AGENT_LABEL = "agent";

const SUGGESTIONS = [
  "/agent make the failing test pass",
  "/agent also add a test for milliseconds",
  "/agent document it in the README",
];

export function threadPage(site: Site, issue: Issue): string {
  const comments = [...site.world.comments.values()].filter((comment) => comment.issue === issue.number);
  const content = html`
  <section id="title" data-live class="title">
    <h1>${issue.title} <span class="quiet">#${issue.number}</span></h1>
    <p><span class="state ${issueState(issue)}">${issueState(issue)}</span>
    ${issue.labels.map((label) => html`<span class="label">${label.name}</span>`)}
    ${issue.pull && html`<span class="quiet"><code>${issue.pull.head}</code> into <code>${issue.pull.base}</code></span>`}</p>
    ${issue.pull && tabs(site, issue, "conversation")}
  </section>
  <ol id="conversation" data-live-list class="conversation">
    ${entry(site, issue, issue)}
    ${comments.map((comment) => entry(site, issue, comment))}
  </ol>
  ${issue.pull && checks(site, issue.pull.headSha)}
  ${composer(site, issue)}`;
  return layout(site, issue.title, content);
}

export function tabs(site: Site, issue: Issue, current: "conversation" | "files"): Html {
  const path = threadPath(site, issue);
  const mark = (tab: string) => tab === current && html` aria-current="page"`;
  return html`<nav class="tabs"><a href="${path}"${mark("conversation")}>Conversation</a>
  <a href="${path}/files"${mark("files")}>Commits and files</a></nav>`;
}

function entry(site: Site, issue: Issue, said: Issue | Comment): Html {
  const comment = "issue" in said ? said : null;
  const edited = comment && comment.updatedAt.getTime() > comment.createdAt.getTime();
  return html`<li id="${"issue" in said ? `issuecomment-${said.id}` : `issue-${said.number}`}" class="entry ${kindOf(said.author)}">
  ${avatar(said.author)}
  <article>
    <header><strong>${said.author.login}</strong> ${said.author.type === "Bot" && html`<span class="role">app</span>`}
    <a class="quiet" href="${comment ? `#issuecomment-${comment.id}` : "#"}">${clock(said.createdAt)}</a>
    ${edited && html`<span class="quiet">edited</span>`}</header>
    <div class="markdown">${said.body ? renderMarkdown(said.body, repositoryPath(site)) : html`<em class="quiet">No text.</em>`}</div>
    ${reactions(said.reactions)}
    ${comment && editing(site, issue, comment)}
  </article></li>`;
}

function kindOf(user: User): string {
  return user.type === "Bot" ? "bot" : "person";
}

function avatar({ login, id }: User): Html {
  const initials = login.replace(/\[bot\]$/, "").slice(0, 2);
  return html`<span class="avatar hue${id % 5}" aria-hidden="true">${initials}</span>`;
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
  if (all.length === 0) return false;
  const kinds = Map.groupBy(all, (reaction) => reaction.content);
  return html`<p class="reactions">${[...kinds].map(
    ([content, by]) =>
      html`<span title="${content} by ${by.map(({ user }) => user.login).join(", ")}">${EMOJI[content]} ${by.length}</span>`,
  )}</p>`;
}

function editing(site: Site, issue: Issue, comment: Comment): Html | false {
  if (comment.author.type === "Bot") return false;
  const as = comment.author.login === site.outsider.login ? "outsider" : "maintainer";
  const action = `/_playground/comments/${comment.id}`;
  return html`<details class="editing"><summary>Edit</summary>
  <form method="post" action="${action}/edit"><input type="hidden" name="thread" value="${issue.number}">
    <input type="hidden" name="as" value="${as}">
    <textarea name="body" rows="4" required aria-label="Comment">${comment.body}</textarea>
    <p class="buttons"><button class="quiet" formaction="${action}/delete" formnovalidate>Delete</button>
    <button>Save</button></p></form></details>`;
}

function checks(site: Site, sha: string): Html {
  const runs = [...site.world.runs.values()].filter((run) => run.headSha === sha);
  return html`<section id="checks" data-live class="checks"><h2>Checks of <code>${sha.slice(0, 7)}</code></h2>
  <ul>${runs.map((run) => runItem(site, run))}</ul>
  ${runs.length === 0 && html`<p class="none">Nothing ran on this commit yet.</p>`}</section>`;
}

function composer(site: Site, issue: Issue): Html {
  const person = (as: "maintainer" | "outsider", words: string) =>
    html`<label><input type="radio" name="as" value="${as}"${as === "maintainer" && html` checked`}> <strong>${site[as].login}</strong> ${words}</label>`;
  return html`<form id="composer" class="composer" method="post" action="/_playground/comments" data-clear>
  <h2>Say something</h2>
  <fieldset><legend class="hidden">Comment as</legend>
    ${person("maintainer", "may write here")} ${person("outsider", "may only read")}</fieldset>
  <input type="hidden" name="thread" value="${issue.number}">
  <textarea name="body" rows="4" required aria-label="Comment" placeholder="${SUGGESTIONS[0] ?? ""}"></textarea>
  <p class="chips">${site.scripted && SUGGESTIONS.map((text) => html`<button type="button" data-fill="${text}">${text}</button>`)}</p>
  <p role="alert" class="problem"></p>
  <p class="buttons"><button>Comment</button></p>
  </form>
  ${labelForm(issue)}`;
}

function labelForm(issue: Issue): Html {
  const has = issue.labels.some((label) => label.name === AGENT_LABEL);
  return html`<form id="label-form" data-live class="labelling" method="post" action="/_playground/labels/${has ? "remove" : "add"}">
  <input type="hidden" name="thread" value="${issue.number}"><input type="hidden" name="as" value="maintainer">
  <input type="hidden" name="label" value="${AGENT_LABEL}">
  <button class="quiet">${has ? "Remove" : "Add"} the label <span class="label">${AGENT_LABEL}</span></button>
  <span class="quiet">${has ? "" : "starts a session on the text at the top"}</span></form>`;
}
