import { Marked } from "marked";
import sanitize from "sanitize-html";
import { type Html, trusted } from "./html.ts";

const TAGS = sanitize.defaults.allowedTags.concat(["details", "summary", "del", "ins", "img", "input"]);

/** GitHub-flavoured Markdown as safe HTML. `repository` is the path that `#12` links into, e.g. `/owner/repo`. */
export function renderMarkdown(text: string, repository: string): Html {
  const marked = new Marked({ gfm: true, breaks: true, extensions: [threadLinks(repository)] });
  const dirty = marked.parse(text, { async: false });
  return trusted(
    sanitize(dirty, {
      allowedTags: TAGS,
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
    }),
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
