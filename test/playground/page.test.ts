import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { renderMarkdown } from "../../playground/page/markdown.ts";
import { pageHandler } from "../../playground/page/routes.ts";
import { seed } from "../../playground/seed.ts";
import { at, client, openClone, openEmpty } from "./github-fixture.ts";

const executablePath = "/usr/bin/chromium";
const needed = (process.env.OFFSHOOT_TESTS_NEED ?? "").split(",").includes("chromium");
const missing = !existsSync(executablePath) && !needed;
if (missing) console.warn(`Skipped: the page's forms in a browser. ${executablePath} is not there (Debian: chromium).`);

test("the front door is the sample's issue, under its own name only", async () => {
  const { get, world } = await openPage();
  const { status, body } = await get("/");
  expect(status).toBe(200);
  expect(body).toContain("parse(&quot;250ms&quot;) is more than four hours");
  expect(body).toContain('<code class="language-js">');
  expect(body).toContain("The model is a script, not an AI");
  const elsewhere = request(world.url, { headers: { host: "evil.example" } }).end();
  const refused = await new Promise((resolve) => elsewhere.on("response", (response) => resolve(response.statusCode)));
  expect(refused).toBe(403);
});

test("scripts of a comment do not run: they are taken out, and the page allows its own file only", async () => {
  const { get } = await openPage();
  const { html } = renderMarkdown(
    "hello <script>alert(1)</script><img src=x onerror=alert(1)> [a](javascript:alert(1)) <b style='color:red'>b</b>",
  );
  expect(html).toBe('<p>hello <img src="x" /> <a>a</a> <b>b</b></p>\n');
  expect((await get("/")).headers.get("content-security-policy")).toContain("script-src 'self';");
});

test("GitHub's Markdown: tables, folded parts, notices", () => {
  const { html } = renderMarkdown(
    "| a |\n|---|\n| 1 |\n\n<details><summary>more</summary>\n\n</details>\n\n> [!NOTE]\n> careful",
  );
  expect(html).toContain("<td>1</td>");
  expect(html).toContain("<details><summary>more</summary>");
  expect(html).toContain('<blockquote class="notice"><p><strong>Note</strong> careful');
});

test("a pull request shows its commits, their notes and a coloured diff, and so do its branch and its commit", async () => {
  const { get, github } = await openPage();
  const clone = await openClone(github, github.tokens.maintainer);
  await clone.git("pull", "--quiet", "origin", "main");
  await clone.git("switch", "--quiet", "--create", "offshoot/1-fix-abcd");
  const sha = await clone.commit("README.md", "Read me.\n");
  await clone.git("notes", "--ref=offshoot/01J", "add", "-m", "turn: 1");
  await clone.git("push", "--quiet", "origin", "HEAD", "refs/notes/offshoot/01J");
  const api = client(github, github.tokens.maintainer);
  await api.rest.pulls.create({ ...at, title: "Read ms", head: "offshoot/1-fix-abcd", base: "main" });

  for (const path of ["pull/2", "issues/2", "tree/offshoot/1-fix-abcd", `commit/${sha}`]) {
    const { body } = await get(`/octo/sample/${path}`);
    expect(body).toContain("turn: 1");
    expect(body).toContain('<span class="line removed">-# durations');
    expect(body).toContain('<span class="line added">+Read me.');
  }
  expect((await get("/octo/sample/commit/--all")).status).toBe(404);
  expect((await get("/octo/sample/tree/nope")).status).toBe(404);
});

test("a run shows jobs, steps, log and summary, and its artifacts can be downloaded", async () => {
  const { get, world } = await openPage();
  const actor = [...world.users.values()][0];
  if (!actor) throw new Error("nobody is there");
  const file = join(world.dir, "transcript.jsonl");
  await writeFile(file, "what was said");
  world.artifacts.set(9, { id: 9, runId: 55, name: "transcript", file, size: 9 });
  const over = {
    ...({ status: "completed", conclusion: "failure" } as const),
    ...{ startedAt: new Date(0), completedAt: new Date(1500), updatedAt: new Date(1500), createdAt: new Date(0) },
  };
  const steps = [{ number: 1, name: "Run the tests", ...over }];
  const log = ["2026-11-21T02:10:12.1230000Z ##[error]exit code 1"];
  const job = { id: 5, key: "test", name: "npm test", log, steps, summary: "Took **4** steps", ...over };
  const run = {
    id: 55,
    number: 1,
    attempt: 1,
    workflowId: 1,
    workflowPath: "ci.yml",
    name: "CI",
    title: "Fix",
    ...over,
  };
  const origin = { event: "push", headSha: "0".repeat(40), headBranch: "main", actor, pulls: [] } as const;
  world.runs.set(55, { ...run, ...origin, pulls: [], jobs: [job] });

  const { body } = await get("/octo/sample/actions/runs/55");
  expect(body).toContain(">CI #1</a>");
  expect(body).toContain("<strong>4</strong> steps");
  expect(body).toContain('<span class="line error"><time>02:10:12</time> exit code 1');
  expect(body).toContain("1.5 s");
  expect((await get("/_playground/artifacts/9")).body).toBe("what was said");
  expect((await get("/octo/sample/actions/runs/77")).status).toBe(404);
});

test.skipIf(missing)("people comment, edit, delete and label; what they type survives what arrives", async () => {
  const { world } = await openPage();
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.goto(world.url);
  const box = page.getByPlaceholder("/agent make");
  const comments = () => [...world.comments.values()].map(({ author, body }) => `${author.login}: ${body}`);

  await page.getByLabel("outsider").check();
  await box.fill("me **too**");
  await page.getByRole("button", { name: "Comment" }).click();
  await page.getByText("me too", { exact: true }).waitFor();
  expect(comments()).toEqual(["outsider: me **too**"]);

  await page.getByText("Edit", { exact: true }).click();
  await page.getByLabel("Comment", { exact: true }).first().fill("me **not**");
  await box.fill("half a sent");
  await page.getByRole("button", { name: "Add the label" }).click();
  await page.getByRole("button", { name: "Remove the label" }).waitFor();
  expect(world.issues.get(1)?.labels.map(({ name }) => name)).toEqual(["agent"]);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("me not").waitFor();
  expect(comments()).toEqual(["outsider: me **not**"]);
  expect(await box.inputValue()).toBe("half a sent");

  await page.getByText("Edit", { exact: true }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByText("me not").waitFor({ state: "detached" });
  world.tokens.clear();
  await page.getByRole("button", { name: "Comment" }).click();
  await page.getByText("The API refused: Bad credentials").waitFor();
});

async function openPage() {
  const github = await openEmpty();
  const { world, tokens } = github;
  await seed({ ...world, reporter: tokens.outsider, way: "app" });
  github.handle("/", pageHandler({ world, tokens, scripted: true }));
  const get = async (path: string) => {
    const response = await fetch(world.url + path);
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  return { github, world, get };
}
