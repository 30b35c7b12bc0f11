import { Marked } from "marked";
import sanitize from "sanitize-html";
import { type Html, trusted } from "./html.ts";

const SAFE: sanitize.IOptions = {
  allowedTags: [...sanitize.defaults.allowedTags, "details", "summary", "del", "img", "input"],
  allowedAttributes: {
    a: ["href", "title"],
    code: ["class"],
    img: ["src", "alt", "title"],
    input: [{ name: "type", values: ["checkbox"] }, "checked", "disabled"],
  },
  allowedSchemes: ["http", "https", "mailto"],
};

/** GitHub-flavoured Markdown as safe HTML. `repository` is the path that `#12` links into, e.g. `/owner/repo`. */
export function renderMarkdown(text: string, repository: string): Html {
  const marked = new Marked({ gfm: true, breaks: true, extensions: [threadLinks(repository)] });
  return trusted(markNotices(sanitize(marked.parse(text, { async: false }), SAFE)));
}

function markNotices(html: string): string {
  return html.replaceAll(
    /<blockquote>\s*<p>\[!NOTE\](?:<br \/>)?/g,
    '<blockquote class="notice"><p><strong>Note</strong> ',
  );
}

function threadLinks(repository: string) {
  return {
    name: "thread-link",
    level: "inline" as const,
    start: (source: string) => source.search(/(?<!\w)#\d/),
    tokenizer: (source: string) => {
      const raw = /^#\d+\b/.exec(source)?.[0];
      return raw ? { type: "thread-link", raw } : undefined;
    },
    renderer: ({ raw }: { raw: string }) => `<a href="${repository}/issues/${raw.slice(1)}">${raw}</a>`,
  };
}
