import { git } from "../github/git.ts";
import type { Issue } from "../world.ts";
import { type Html, html } from "./html.ts";
import { issueState, layout, repositoryPath, type Site } from "./layout.ts";
import { tabs } from "./thread.ts";

/** The commits of a pull request, each with its note, and what they change. */
export async function pullFilesPage(site: Site, issue: Issue, pull: NonNullable<Issue["pull"]>): Promise<string> {
  const content = html`<section class="title"><h1>${issue.title} <span class="quiet">#${issue.number}</span></h1>
  <p><span class="state ${issueState(issue)}">${issueState(issue)}</span></p>${tabs(site, issue, "files")}</section>
  ${await changes(site, pull.baseSha, pull.headSha)}`;
  return layout(site, `Files of #${issue.number}`, content);
}

/** What `range` (a commit, or `base...head` of branches or commits) changed. Null when git does not know it. */
export async function comparePage(site: Site, range: string): Promise<string | null> {
  const [from = "", to] = range.split("...");
  const base = to ? from : `${from}^`;
  const head = to ?? from;
  if (![base, head].every((name) => /^[\w.^/-]+$/.test(name) && !name.startsWith("-"))) return null;
  try {
    const content = html`<section class="title"><h1><code>${range}</code></h1></section>
    ${await changes(site, base, head)}`;
    return layout(site, range, content);
  } catch {
    return null;
  }
}

async function changes(site: Site, base: string, head: string): Promise<Html> {
  const { gitDir } = site.world;
  const format = "--format=%H%x00%s%x00%an%x00%N%x01";
  const log = await git(gitDir, ["log", "--reverse", "--notes=offshoot/*", format, `${base}..${head}`, "--"]);
  const diff = await git(gitDir, ["diff", "--no-color", "--no-ext-diff", `${base}...${head}`, "--"]);
  const commits = log.split("\u0001").map((text) => text.trim().split("\0"));
  return html`<section id="changes" data-live>
  <ol class="commits">${commits.map(([sha, subject, author, note]) => sha && commit(site, sha, subject, author, note))}</ol>
  ${diff.split(/^(?=diff --git )/m).map(fileDiff)}</section>`;
}

function commit(site: Site, sha: string, subject = "", author = "", note = ""): Html {
  return html`<li><a href="${repositoryPath(site)}/commit/${sha}"><code>${sha.slice(0, 7)}</code></a> ${subject}
  <span class="quiet">${author}</span>
  ${note.trim() && html`<details><summary>Note on this commit</summary><pre><code>${note.trim()}</code></pre></details>`}</li>`;
}

function fileDiff(text: string): Html | false {
  const name = /^diff --git a\/.* b\/(.*)$/m.exec(text)?.[1];
  if (!name) return false;
  const at = text.indexOf("\n@@");
  const lines =
    at < 0
      ? ["(no text to show)"]
      : text
          .slice(at + 1)
          .trimEnd()
          .split("\n");
  return html`<details class="file" open><summary><code>${name}</code></summary>
  <pre class="diff">${lines.map((line) => html`<span class="${lineKind(line)}">${line}\n</span>`)}</pre></details>`;
}

function lineKind(line: string): string {
  if (line.startsWith("@@")) return "hunk";
  if (line.startsWith("+")) return "added";
  return line.startsWith("-") ? "removed" : "same";
}
