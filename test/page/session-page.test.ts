import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { sessionPage } from "../../src/page/session-page.ts";
import { call, opened, realistic, reasoning, repo, text } from "./session.ts";

const made = sessionPage({ ...realistic(), repo });

/** What a person reads, one line a piece, with everything unfolded. */
function read(page: string): string {
  const body = page.slice(page.indexOf("<body>"));
  const entities: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" };
  return `${body
    .replace(/<\/?(?:code|strong|em|a|span|time)\b[^>]*>/g, " ")
    .replace(/<[^>]+>/g, "\n")
    .replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => entities[entity] ?? entity)
    .split("\n")
    .map((line) => line.replace(/ +/g, " ").trim())
    .filter(Boolean)
    .join("\n")}\n`;
}

test("a session is told from its first prompt to what waits, with all that befell it", async () => {
  await expect(read(made)).toMatchFileSnapshot("session-page.txt");
});

test("turns and steps have addresses, and links lead to the thread, the commit and the run", () => {
  for (const id of ["turn-1", "turn-1-step-3", "turn-2", "turn-2-step-3"]) expect(made).toContain(` id="${id}"`);
  for (const place of ["issues/7", "issues/7#issuecomment-1", `commit/${"b".repeat(40)}`, "actions/runs/42"])
    expect(made).toContain(`href="${repo}/${place}" rel="noopener nofollow"`);
});

test("without a server there are no links to one", () => {
  const local = sessionPage({ ...realistic(), repo: null });
  expect(local).not.toContain(`href="${repo}/commit`);
  expect(local).toContain("octo/sample");
});

const attack = [
  "<script>document.title = 'taken'</script>",
  "<img src=x onerror=\"document.title = 'taken'\">",
  "![pixel](https://evil.test/pixel.png)",
  "[click](javascript:document.title='taken') [click](javascript&#58;alert) <javascript:alert(1)>",
  '[x](https://evil.test/"onmouseover="document.title=`taken`)',
  "<!-- offshoot:status 01M8D83WN81VP4WT24MJVP8TY2 -->",
  "</pre></details></main><style>body { display: none }</style>",
  "<iframe src=https://evil.test></iframe><meta http-equiv=refresh content='0;url=https://evil.test'>",
  "\u202Etxet desrever\u202C zero\u200Bwidth \u001b]8;;https://evil.test\u0007red\u001b[31m\u001b[2J",
].join("\n\n");

/** All that others write, in every place where it can stand. */
function hostile() {
  const script = opened(attack, attack);
  script.says(1, 1, reasoning(attack), text(attack), call(1, 1, "exec", { command: attack, [attack]: attack }));
  const bytes = { stdout_bytes: 1, stderr_bytes: 1 };
  script.add("command.ran", {
    turn: 1,
    step: 1,
    shell: attack,
    command: attack,
    exit_code: 0,
    ms: 1,
    cwd: attack,
    ...bytes,
  });
  script.answers(1, 1, "exec", { stdout: attack, stderr: attack, exit_code: 0, note: attack });
  script.says(1, 2, call(1, 2, attack, attack), call(1, 3, "edit", { path: attack, old: attack, new: attack }));
  script.add("file.changed", { turn: 1, step: 2, path: attack, change: "edited", bytes: 1 });
  script.answers(1, 2, attack, attack);
  const problem = { kind: attack, message: attack, remedy: attack };
  script.add("turn.ended", {
    ...{ turn: 1, prompt: script.facts[1]?.id as never, outcome: "failed", answer: attack, notices: [attack], problem },
    ...{ files: [attack], duration_ms: 1, peak_rss_mb: 1 },
  });
  return script.told();
}

test("what others wrote is text: no markup, no marker, and what is not seen is shown", () => {
  const page = sessionPage({ ...hostile(), repo });
  expect(page.match(/<(?:script|img|iframe|object|svg|form|input|base)\b/gi)).toBeNull();
  expect(page.match(/<(?:style|meta http-equiv)/g)).toHaveLength(2);
  expect(page).not.toContain("<!--");
  expect(page.match(/href="(?!https:\/\/|#)[^"]*/g)).toBeNull();
  expect(page).toContain("[U+202E]");
  expect(page).toContain("zero[U+200B]width");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(page.match(/[\u0000-\u0008\u000b-\u001f\u007f\u200b\u202a-\u202e\u2066-\u2069]/)).toBeNull();
});

test("a session of ten thousand events with long outputs makes a page that says what it leaves out", () => {
  const script = opened();
  const output = "a line of a long log\n".repeat(2_000);
  for (let step = 1; script.facts.length < 10_000; step++) script.exec(1, step, "make", { code: 0, output });
  const told = script.told();
  const page = sessionPage({ ...told, repo });
  expect(page.length).toBeLessThan(16_000_000);
  expect(page).toContain(`left out here; all of it: offshoot session logs -s ${told.session.session} --json`);
  expect(page).toContain('id="turn-1-step-3331"');
});

const executablePath = "/usr/bin/chromium";
const needed = (process.env.OFFSHOOT_TESTS_NEED ?? "").split(",").includes("chromium");
const missing = !existsSync(executablePath) && !needed;
if (missing) console.warn(`Skipped: a session's page in a browser. ${executablePath} is not there (Debian: chromium).`);

test.skipIf(missing)("a browser opens it as a file, asks nobody for anything and runs nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "offshoot-page-"));
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });
  onTestFinished(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });
  const page = await browser.newPage({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  const [requests, complaints]: string[][] = [[], []];
  page.on("request", (request) => requests?.push(request.url()));
  page.on("console", (message) => complaints?.push(message.text()));
  page.on("pageerror", (error) => complaints?.push(error.message));
  for (const [name, told] of Object.entries({ realistic: realistic(), hostile: hostile() })) {
    const file = join(folder, `${name}.html`);
    await writeFile(file, sessionPage({ ...told, repo }));
    await page.goto(`file://${file}#turn-1-step-1`);
    expect(requests?.splice(0)).toEqual([`file://${file}`]);
    expect(await page.title()).not.toBe("taken");
    expect(await page.locator("h1").isVisible()).toBe(true);
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBe(0);
  }
  expect(complaints).toEqual([]);
  await page.goto(`file://${join(folder, "realistic.html")}`);
  expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(23, 27, 25)");
  const output = page.locator("#turn-1-step-1 .call details");
  await output.locator("summary").click();
  await output.getByText("✔ case 1\n").waitFor();
});
