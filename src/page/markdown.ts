import { Marked, type Tokens } from "marked";
import { visible } from "../sessions/visible.ts";
import { type Html, html } from "./html.ts";

/** Headings of others stand below the page's own. */
const highest = 4;
/** A paragraph of more characters has no emphasis: finding its ends takes the square of its length. */
const longestWithEmphasis = 3_000;
const tooLong = (paragraph: string) => (paragraph.length > longestWithEmphasis ? undefined : false);

/** A longer text is shown as it was written: a parser can take the square of its length. */
const longest = 12_000;

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  tokenizer: {
    emStrong: (_, paragraph) => tooLong(paragraph),
    del: (_, paragraph) => tooLong(paragraph),
  },
  renderer: {
    html: ({ text, block }: Tokens.HTML | Tokens.Tag) => (block ? html`<p>${text}</p>\n` : html`${text}`).html,
    image: ({ href, text }) => link(href, html`${text || href}`).html,
    link({ href, tokens }) {
      return link(href, { html: this.parser.parseInline(tokens) }).html;
    },
    heading({ depth, tokens }) {
      const level = Math.min(6, highest + depth - 1);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>\n`;
    },
    code: ({ text }) => html`<pre><code>${text}</code></pre>\n`.html,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** Markdown of others as HTML. Markup in it is shown as text, pictures are links, and links go to the web or nowhere. */
export function markdown(text: string): Html {
  const shown = visible(text);
  if (shown.length > longest) return asWritten(shown);
  try {
    return { html: marked.parse(shown, { async: false }) };
  } catch {
    // Nested deeper than the parser can go.
    return asWritten(shown);
  }
}

function asWritten(shown: string): Html {
  return html`<pre class="prose">${shown}</pre>`;
}

/** A link to the web; to anything else only its words. */
export function link(href: string, words: Html): Html {
  return /^https?:\/\//i.test(href) ? html`<a href="${href}" rel="noopener nofollow">${words}</a>` : words;
}
