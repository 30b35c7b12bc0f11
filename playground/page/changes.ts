import { type Html, html } from "../../src/page/html.ts";
import { runGit } from "../github/git.ts";
import { layout, repositoryPath, type Site } from "./layout.ts";

const FORMAT = "--format=%x00%h%x00%s%x00%an%x00%N%x00";
const COMMIT = /\0(.*)\0(.*)\0(.*)\0([^\0]*)\0([^\0]*)/g;

/** The commits of `range` on a page of their own; null when git knows no such commits. */
export async function changesPage(site: Site, name: string, range: string): Promise<Html | null> {
  const found = await changes(site, range);
  return found && layout(site, name, html`<h1><code>${name}</code></h1>${found}`);
}

/** The commits that `git log RANGE` names, oldest first, each with its note and what it changed; null when git cannot. */
export async function changes(site: Site, range: string): Promise<Html | null> {
  const how = ["--patch", "--reverse", "--no-color", "--no-ext-diff", "--notes=offshoot/*", FORMAT];
  const { code, stdout } = await runGit(site.world.gitDir, ["log", ...how, "--end-of-options", range, "--"]);
  if (code !== 0) return null;
  const commits = [...stdout.toString("utf8").matchAll(COMMIT)];
  return html`${commits.map(([, sha = "", subject = "", author = "", note = "", patch = ""]) => {
    const files = patch.split(/^(?=diff --git )/m).slice(1);
    return html`<article class="commit">
    <p><a href="${repositoryPath(site)}/commit/${sha}"><code>${sha}</code></a> ${subject} <span class="quiet">${author}</span></p>
    ${note.trim() && html`<details><summary>Note on this commit</summary><pre>${note.trim()}</pre></details>`}
    ${files.map(fileDiff)}</article>`;
  })}`;
}

function fileDiff(text: string): Html {
  const name = /^diff --git a\/.* b\/(.*)$/m.exec(text)?.[1];
  const hunks = text.indexOf("\n@@");
  const lines = hunks < 0 ? ["(no text to show)"] : text.slice(hunks).trim().split("\n");
  return html`<details open><summary><code>${name}</code></summary>
  <pre class="card">${lines.map((line) => html`<span class="line ${lineKind(line)}">${line}\n</span>`)}</pre></details>`;
}

function lineKind(line: string): string {
  if (line.startsWith("@@")) return "hunk";
  if (line.startsWith("+")) return "added";
  return line.startsWith("-") ? "removed" : "";
}
