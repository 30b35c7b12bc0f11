import { git } from "./github/git.ts";
import type { World } from "./world.ts";

/** A conversation as people read it: without the status comment, marks and markup. */
export function transcript({ comments }: World, thread: number): string {
  return [...comments.values()]
    .filter(({ issue, body }) => issue === thread && !body.startsWith("<!-- offshoot:status"))
    .map(({ author, body }) => `${author.login}\n\n${plain(body).replace(/^(?=.)/gm, "  ")}`)
    .join("\n\n");
}

/** `git log` of the oldest session's ref, newest first. */
export async function timeline({ gitDir }: World): Promise<string> {
  const refs = await git(gitDir, ["for-each-ref", "--count=1", "--format=%(refname)", "refs/offshoot/sessions/"]);
  return (await git(gitDir, ["log", "--format=%an: %s", refs.trim()])).trim();
}

function plain(markdown: string): string {
  return markdown
    .replace(/<!--.*?-->\n?/g, "")
    .replace(/<\/?sub>/g, "")
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
}
