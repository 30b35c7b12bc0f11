/** All of the page's rules; the page's policy allows these and no others. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#faf8f4, #171b19);
  --card: light-dark(#fffefb, #1e2421);
  --ink: light-dark(#25302b, #e1e6e1);
  --quiet: light-dark(#5f6b64, #98a69e);
  --line: light-dark(#e0dacd, #343d38);
  --accent: light-dark(#2a6647, #83c79f);
  --code: light-dark(#f2eee5, #262d29);
  --good: light-dark(#2a6647, #83c79f);
  --bad: light-dark(#a83a29, #ec8a76);
  --busy: light-dark(#8a5d08, #e0b352);
  --added: light-dark(#e3f3e4, #1f3a29);
  --removed: light-dark(#fbe6e1, #43271f);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; margin: 0; }
body {
  background: var(--paper); color: var(--ink); line-height: 1.55; overflow-wrap: anywhere;
  font-family: ui-sans-serif, system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
:is(main, footer) { max-width: 54rem; margin: 0 auto; padding: 1.5rem 1rem; }
h1 { font: 600 1.7rem/1.25 ui-serif, Charter, Georgia, "Noto Serif", serif; margin: 0.15rem 0 1rem; }
h2 { font-size: 1.15rem; }
:is(h4, h5, h6) { font-size: 1rem; margin-top: 0.8rem; }
a { color: var(--accent); text-underline-offset: 0.15em; }
:is(h2, .label) a { color: inherit; text-decoration: none; }
:is(h2, .label) a:hover { text-decoration: underline; }
:is(code, pre) { font-family: var(--mono); font-size: 0.85rem; unicode-bidi: isolate; }
:not(pre) > code { padding: 0.05rem 0.3rem; border-radius: 0.3rem; background: var(--code); }
pre {
  padding: 0.6rem 0.8rem; border-radius: 0.5rem; background: var(--code); line-height: 1.45;
  overflow-x: auto; overflow-wrap: normal; tab-size: 4;
}
.prose { white-space: pre-wrap; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); font-size: 0.88rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0.25rem 2rem; }
dl div { display: flex; gap: 0.75rem; }
dd { min-width: 0; }
dt { flex: 0 0 6.5rem; color: var(--quiet); }
nav { margin-top: 1.5rem; padding: 0.8rem 1rem; border: 1px solid var(--line); border-radius: 0.75rem; }
nav ul, .files { list-style: none; padding: 0; }
.turn { margin-top: 2rem; padding-top: 1.25rem; border-top: 2px solid var(--line); scroll-margin-top: 1rem; }
.turn > header, .call > header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.3rem 0.7rem; }
.turn > * + *, .step > * + *, .call > * + *, .answer > * + * { margin-top: 0.7rem; }
.tag {
  padding: 0 0.6rem; border: 1px solid currentcolor; border-radius: 1rem; font-size: 0.8rem; white-space: nowrap;
}
.tag.good { color: var(--good); }
.tag.bad { color: var(--bad); }
.tag.busy { color: var(--busy); }
.prompt { padding: 0.75rem 1rem; border-radius: 0.75rem; background: var(--code); }
.prompt .markdown { margin-top: 0.35rem; }
.prompt pre, .prompt :not(pre) > code { background: var(--card); }
main > :is(h2, .prompt) { margin-top: 1.2rem; }
.turn > .step { margin-top: 1.2rem; scroll-margin-top: 1rem; }
.label { display: flex; flex-wrap: wrap; gap: 0.2rem 0.8rem; font-size: 0.8rem; }
.call { padding: 0.7rem 0.9rem; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--card); }
.tool { font-weight: 600; }
.command::before { content: "$ "; color: var(--quiet); }
.change { padding: 0; }
.change :is(del, ins) { display: block; padding: 0.35rem 0.8rem; text-decoration: none; min-width: max-content; }
.change del { background: var(--removed); }
.change ins { background: var(--added); }
.change { line-height: 0; }
.change > * { line-height: 1.45; }
summary { cursor: pointer; color: var(--quiet); font-size: 0.88rem; }
summary:hover { color: var(--ink); }
details > :not(summary) { margin-top: 0.4rem; }
.closed > .markdown { padding-left: 0.9rem; border-left: 3px solid var(--line); }
details + .last { margin-top: 0.4rem; mask-image: linear-gradient(transparent, #000 2.2rem); }
details[open] + .last { display: none; }
.withheld { color: var(--quiet); font-style: italic; font-size: 0.88rem; }
.answer { padding: 0.85rem 1rem; border: 1px solid var(--line); border-left: 4px solid var(--good); border-radius: 0.5rem; background: var(--card); }
.answer.bad { border-left-color: var(--bad); }
.answer.busy { border-left-color: var(--busy); }
.facts { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; }
.files { columns: 20rem; }
.files li::before { content: "± "; color: var(--quiet); }
.notice { padding: 0.5rem 0.8rem; border-radius: 0.5rem; background: var(--code); font-size: 0.92rem; }
.event { margin-top: 0.9rem; padding: 0.3rem 0.9rem; border-left: 3px dotted var(--busy); font-size: 0.92rem; }
.event time { color: var(--quiet); margin-right: 0.4rem; }
.markdown > * + * { margin-top: 0.6rem; }
.markdown :is(ul, ol) { padding-left: 1.4rem; }
.markdown blockquote { padding-left: 0.9rem; border-left: 3px solid var(--line); color: var(--quiet); }
.markdown table { display: block; overflow-x: auto; border-collapse: collapse; }
.markdown :is(th, td) { padding: 0.25rem 0.7rem; border: 1px solid var(--line); }
.markdown hr { border: 0; border-top: 1px solid var(--line); }
footer { border-top: 1px solid var(--line); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
:target { outline: 2px solid var(--accent); outline-offset: 0.5rem; border-radius: 0.5rem; }
@media (max-width: 40rem) {
  h1 { font-size: 1.4rem; }
  dt { flex-basis: 5.5rem; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); }
  details::details-content { content-visibility: visible; display: block; }
  details + .last { display: none; }
  :is(.prompt, .answer, .call > header) { break-inside: avoid; }
  :is(h2, header) { break-after: avoid; }
}
`;
