import { Marked } from "marked";
import sanitize from "sanitize-html";
import { type Html, trusted } from "./html.ts";

const SAFE: sanitize.IOptions = {
  allowedTags: sanitize.defaults.allowedTags.concat(["details", "summary", "del", "ins", "img", "input"]),
  allowedAttributes: {
    a: ["href", "title"],
    code: ["class"],
    details: ["open"],
    img: ["src", "alt", "title", "width", "height"],
    input: ["type", "checked", "disabled"],
    td: ["align"],
    th: ["align"],
  },
  allowedSchemes: ["http", "https", "mailto"],
  transformTags: {
    input: (tagName, { checked }) => {
      const attribs = { type: "checkbox", disabled: "", ...(checked === undefined ? {} : { checked }) };
      return { tagName, attribs };
    },
  },
};

/** GitHub-flavoured Markdown as safe HTML. `repository` is the path that `#12` links into, e.g. `/owner/repo`. */
export function renderMarkdown(text: string, repository: string): Html {
  const marked = new Marked({ gfm: true, breaks: true, extensions: [threadLinks(repository)] });
  return trusted(markAlerts(sanitize(marked.parse(text, { async: false }), SAFE)));
}

/** Quotes that start with `[!NOTE]` and the like, which GitHub shows as notices. */
function markAlerts(html: string): string {
  return html.replaceAll(
    /<blockquote>\s*<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\](?:<br \/>)?/g,
    (_, kind: string) => `<blockquote class="alert"><p><strong>${kind.toLowerCase()}</strong> `,
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
