import fc from "fast-check";
import { expect, test } from "vitest";
import { parseCommand } from "../../src/sessions/command.ts";

const prompt = (text: string) => ({ kind: "prompt", text });

test.each([
  ["a comment that is the command", "/agent fix the parser", "fix the parser"],
  ["more lines", "/agent fix the parser\nand add a test", "fix the parser\nand add a test"],
  ["the prompt below the command", "/agent\n\nfix it\n", "fix it"],
  ["Windows line ends, as GitHub's web form sends them", "Hi\r\n\r\n/agent fix\r\n\r\nit\r\n", "fix\n\nit"],
  ["a tab", "/agent\tfix it", "fix it"],
  ["a sentence before it", "Thanks!\n/agent fix it", "fix it"],
  ["a list before it", "- one\n- two\n/agent do both", "do both"],
  ["code in the prompt", "/agent this fails:\n```\nnpm test\n```", "this fails:\n```\nnpm test\n```"],
  ["a second command, which is part of the prompt", "/agent fix\n/agent test", "fix\n/agent test"],
  ["a quote, then an empty line", "> It fails\n\n/agent fix it", "fix it"],
  ["quoted code, then an empty line", "> ```html\n> <!-- x\n> <details>\n> ```\n\n/agent fix it", "fix it"],
  ["a code block that is closed", "```\n/agent no\n```\n/agent yes", "yes"],
  ["a longer fence around a shorter one", "````\n```\n/agent no\n````\n/agent yes", "yes"],
  ["code in a list", "1. run\n   ```\n   npm test\n   ```\n\n/agent fix it", "fix it"],
  ["code in a list, right after the marker", "- ```\n  npm test\n  ```\n/agent fix it", "fix it"],
  ["a template's comment", "<!-- use `<details>` or\n```\nfor logs -->\n/agent fix it", "fix it"],
  ["folded logs", "<details>\n\n```\n</details>\n```\n\n</details>\n\n/agent fix it", "fix it"],
  ["markup in a code span", "Where is `<!--` or `</details>`, and `<pre>`?\n/agent find them", "find them"],
  ["a picture", '<img width="640" src="x.png" />\n/agent fix what it shows', "fix what it shows"],
  ["a link in brackets", "<https://example.com>\n/agent read it", "read it"],
  ["an empty HTML comment", "<!-->\n/agent fix it", "fix it"],
  ["help as part of a sentence", "/agent help me fix it", "help me fix it"],
])("%s: the prompt is read", (_, body, text) => {
  expect(parseCommand(body)).toEqual(prompt(text));
});

test.each([
  ["/agent continue", { kind: "continue" }],
  ["/agent continue --budget $5", { kind: "continue", budget: { usd: 5 } }],
  ["/agent continue\r\n--budget=2M\r\n", { kind: "continue", budget: { tokens: 2_000_000 } }],
  ["/agent --budget 0.5usd fix it\nall", { kind: "prompt", text: "fix it\nall", budget: { usd: 0.5 } }],
  ["/agent --budget=500k\nfix it", { kind: "prompt", text: "fix it", budget: { tokens: 500_000 } }],
  ["/agent continue with the tests", prompt("continue with the tests")],
  ["/agent continue --budgets", prompt("continue --budgets")],
  ["/agent --budgets are wrong in the docs", prompt("--budgets are wrong in the docs")],
  ["/agent fix it --budget $5", prompt("fix it --budget $5")],
  ["/agent continue --budget", { kind: "bad-budget", given: "" }],
  ["/agent continue --budget lots", { kind: "bad-budget", given: "lots" }],
  ["/agent continue --budget $5 and fix it", { kind: "bad-budget", given: "--budget $5 and fix it" }],
  ["/agent --budget 5€ fix it", { kind: "bad-budget", given: "5€" }],
  ["/agent --budget $5", { kind: "bad-budget", given: "" }],
])("%j: a continuation, a budget, or neither", (body, command) => {
  expect(parseCommand(body)).toEqual(command);
});

test.each(["/agent", "/agent  \n", "Hi\n/agent", "/agent help", "/agent\thelp\r\n"])("%j asks for help", (body) => {
  expect(parseCommand(body)).toEqual({ kind: "help" });
});

test.each([
  "/agents go",
  "see /agent docs",
  "/Agent\u200b go",
  "/agent\u200b go",
  "//agent go",
  "https://x/agent go",
  "\\/agent go",
])("D04: %j only resembles a command", (body) => {
  expect(parseCommand(body)).toBeNull();
});

test.each([
  ["nothing", ""],
  ["one space before it", " /agent go"],
  ["a list item", "- /agent go"],
  ["a heading", "# /agent go"],
  ["a code span", "`/agent go`"],
  ["a code span over several lines", "call it like `\n/agent go\n`"],
  ["indented code", "    /agent go"],
  ["a fence", "```\n/agent go\n```"],
  ["a fence of tildes with backticks in it", "~~~ sh\n```\n/agent go\n~~~"],
  ["a fence that nobody closed", "```\n\n/agent go"],
  ["a fence whose closing line is indented code", "```\n    ```\n/agent go"],
  ["a fence whose closing line says more", "```\n``` js\n/agent go"],
  ["a fence closed by the other kind", "```\n~~~\n/agent go"],
  ["a fence closed by a shorter one", "````\n```\n/agent go"],
  ["an indented fence", "  ```\n/agent go\n  ```"],
  ["a fence after a list's fence was ended by the list", "- a\n  ```\n```\n/agent go\n```"],
  ["a fence after indented code", "    ```\n\n```\n/agent go\n```"],
  ["a fence after raw HTML", "<div>\n```\n</div>\n\n```\n/agent go\n```"],
  ["a quote", "> /agent go"],
  ["a quote's next line", "> look\n/agent go"],
  ["a quote in a list", "- > look\n/agent go"],
  ["an HTML comment", "<!--\n/agent go\n-->"],
  ["an HTML comment that nobody closed", "<!-- hidden\n\n/agent go"],
  ["an HTML comment that begins in a line", "look <!--\n/agent go\n-->"],
  ["a second HTML comment", "<!-- a --> <!--\n/agent go\n-->"],
  ["preformatted text", "<pre>\n\n/agent go\n</pre>"],
  ["an HTML code element", "<code>\n/agent go\n</code>"],
  ["a folded block", "<details><summary>Logs</summary>\n\n/agent go\n\n</details>"],
  ["a folded block in another", "<details>\n<details>\n</details>\n\n/agent go\n</details>"],
  ["a folded block that only code closes", "<details>\n\n    </details>\n\n/agent go"],
  ["a folded block whose end is in a code span", "<details>\n\n`</details>`\n/agent go"],
  ["crossed elements", "<details><code></details></code>\n\n/agent go"],
  ["an element that only a code span ends", "<code>`x </code>`\n/agent go"],
  ["an HTML comment that may be none, around a folded block", "look <!--\n\n<details>-->\n\n/agent go"],
  ["an HTML comment between escaped backticks", "\\`<!--\\`\n/agent go\n-->"],
  ["an HTML quote", "<blockquote>\n\n/agent go\n</blockquote>"],
  ["a processing instruction", "<?php\n\n/agent go"],
])("%s: no command", (_, body) => {
  expect(parseCommand(body)).toBeNull();
});

const markdown = fc
  .array(
    fc.oneof(
      fc.constantFrom("```", "~~~~", "`", "> ", "- ", "1. ", "    ", "\t", "<!--", "-->", "<details>", "</details>"),
      fc.constantFrom("<pre>", "</pre>", "<div>", "text", "\n", "\n\n", "\r\n", "\n/agent go\n", "\\`"),
      fc.string({ unit: "binary", maxLength: 5 }),
    ),
    { maxLength: 30 },
  )
  .map((bits) => bits.join(""));

test("any text is read without an error, and only into the words that it has", () => {
  fc.assert(
    fc.property(markdown, (body) => {
      const command = parseCommand(body);
      if (command?.kind === "prompt") expect(body.replace(/\r\n?/g, "\n")).toContain(command.text);
      if (command) expect(body).toContain("/agent");
    }),
    { numRuns: 2000 },
  );
});

test("a quoted text holds no command", () => {
  fc.assert(
    fc.property(markdown, (body) => {
      expect(parseCommand(body.replace(/\r\n?/g, "\n").replace(/^/gm, "> "))).toBeNull();
    }),
    { numRuns: 2000 },
  );
});

test("a fenced text holds no command, closed or not", () => {
  fc.assert(
    fc.property(markdown, fc.constantFrom("`", "~"), fc.boolean(), (body, mark, closed) => {
      const fence = mark.repeat(3 + Math.max(0, ...(body.match(/`+|~+/g) ?? []).map((run) => run.length)));
      expect(parseCommand(`${fence}\n${body}\n${closed ? fence : ""}`)).toBeNull();
    }),
    { numRuns: 2000 },
  );
});

test("a text in an HTML comment holds no command", () => {
  fc.assert(
    fc.property(markdown, (body) => {
      expect(parseCommand(`<!--\n${body.replaceAll(">", "")}\n-->`)).toBeNull();
    }),
    { numRuns: 2000 },
  );
});

test("after plain paragraphs a command is always found", () => {
  const words = fc.array(fc.stringMatching(/^[A-Za-z.,!?]{1,9}$/), { minLength: 1 }).map((list) => list.join(" "));
  fc.assert(
    fc.property(fc.array(words), fc.constantFrom("\n", "\r\n"), words, (paragraphs, end, text) => {
      fc.pre(text !== "help");
      expect(parseCommand([...paragraphs, `/agent ${text}`].join(end + end))).toEqual(prompt(text));
    }),
  );
});

test.each([
  "`",
  "``` ",
  "` `` ",
  "```\n",
  "> ",
  ">\n",
  "- ",
  "1. ",
  "123456789",
  " ",
  "\t",
  "\n",
  "\r",
  "<!--",
  "<!--\n",
  "<!-->",
  "-->",
  "<details>",
  "<details>\n",
  "<details><code></details>",
  "<pre>`</pre>`",
  "<",
  "\n/agents",
  "/agent\u200b\n",
])("the longest comment, of %j alone, is read in no time", (unit) => {
  // Twenty times, so that a cost that is the square of the length runs into the test's own limit.
  for (let round = 0; round < 20; round++) {
    expect(parseCommand(unit.repeat(65_536 / unit.length))).toBeNull();
  }
});

test.each([
  ["/agent resume 01JH4QTM5N8V2KX9C3PD7WBYRA", "01JH4QTM5N8V2KX9C3PD7WBYRA"],
  ["/agent resume 01jh4q", "01JH4Q"],
])("%s resumes", (body, prefix) => {
  expect(parseCommand(body)).toEqual({ kind: "resume", prefix });
});

test.each(["resume the work on the parser", "resume", "resume later", "resume 01JH4Q and fix it", "resume 01J"])(
  "%j is a prompt",
  (text) => {
    expect(parseCommand(`/agent ${text}`)).toEqual({ kind: "prompt", text });
  },
);
