import { marked } from "marked";
import sanitize from "sanitize-html";
import type { Html } from "../../src/page/html.ts";

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

/** GitHub-flavoured Markdown as safe HTML, with `[!NOTE]` quotes as notices. */
export function renderMarkdown(text: string): Html {
  const safe = sanitize(marked.parse(text, { async: false, gfm: true, breaks: true }), SAFE);
  const note = /<blockquote>\s*<p>\[!NOTE\](?:<br \/>)?/g;
  return { html: safe.replaceAll(note, '<blockquote class="notice"><p><strong>Note</strong> ') };
}
