import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { git } from "../../playground/github/git.ts";
import { type Github, openGithub } from "../../playground/github/server.ts";
import { renderMarkdown } from "../../playground/page/markdown.ts";
import { pageHandler } from "../../playground/page/routes.ts";
import { seed } from "../../playground/seed.ts";
import type { Run } from "../../playground/world.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

test("the front door leads to the sample's issue, told as a user would", async () => {
  const { get } = await openPage();
  const page = await get("/");
  expect(page.url).toMatch(/\/playground\/durations\/issues\/1$/);
  expect(page.body).toContain("parse(&quot;250ms&quot;) is more than four hours");
  expect(page.body).toContain('<code class="language-js">');
  expect(page.body).toContain("The model is a script, not an AI.");
});

test("comments are posted as the chosen person, edited, and deleted, through the API", async () => {
  const { post, get, github } = await openPage();
  await post("comments", { as: "outsider", body: "me **too**" });
  await post("comments", { as: "maintainer", body: "/agent make the failing test pass" });
  const [first, second] = [...github.world.comments.values()];
  expect([first?.author.login, second?.author.login]).toEqual(["outsider", "maintainer"]);
  expect((await get("/")).body).toContain("me <strong>too</strong>");

  await post(`comments/${second?.id}/edit`, { as: "maintainer", body: "never mind" });
  await post(`comments/${first?.id}/delete`, { as: "maintainer" });
  const { body } = await get("/");
  expect(body).toContain("never mind");
  expect(body).not.toContain("me <strong>too</strong>");
});

test("what the API refuses is shown with its reason", async () => {
  const { post } = await openPage();
  const refused = await post("labels/add", { as: "outsider", label: "agent" });
  expect(refused.status).toBe(403);
  expect(refused.body).toContain("The API refused");
  expect((await post("comments", { as: "nobody", body: "hello" })).status).toBe(400);
});

test("the label is added and taken away", async () => {
  const { post, get, github } = await openPage();
  expect((await get("/")).body).toContain("Add the label");
  await post("labels/add", { as: "maintainer", label: "agent" });
  expect(github.world.issues.get(1)?.labels.map(({ name }) => name)).toEqual(["agent"]);
  expect((await get("/")).body).toContain("Remove the label");
  await post("labels/remove", { as: "maintainer", label: "agent" });
  expect(github.world.issues.get(1)?.labels).toEqual([]);
});

test("other web sites can neither post here nor read here by another name", async () => {
  const { post, github, raw } = await openPage();
  const refused = await post("comments", { as: "maintainer", body: "/agent leak" }, "http://evil.example");
  expect(refused.status).toBe(403);
  expect(github.world.comments.size).toBe(0);
  expect(await raw("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")).toMatch(/^HTTP\/1.1 403/);
});

test("scripts of a comment do not run: they are taken out, and the page allows its own file only", async () => {
  const { get } = await openPage();
  const { html } = renderMarkdown(
    "hello <script>alert(1)</script><img src=x onerror=alert(1)> [a](javascript:alert(1)) <b style='color:red'>b</b>",
    "/o/r",
  );
  expect(html).toBe('<p>hello <img src="x" /> <a>a</a> <b>b</b></p>\n');
  expect((await get("/")).headers.get("content-security-policy")).toContain("script-src 'self';");
});

test("GitHub's Markdown: tables, folded parts, task lists, links to threads", () => {
  const { html } = renderMarkdown(
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n<details><summary>more</summary>\n\n- [x] done in #12\n\n</details>",
    "/o/r",
  );
  expect(html).toContain("<td>2</td>");
  expect(html).toContain("<details><summary>more</summary>");
  expect(html).toContain('<input type="checkbox" disabled checked />');
  expect(html).toContain('<a href="/o/r/issues/12">#12</a>');
  expect(renderMarkdown("> [!NOTE]\n> careful", "/o/r").html).toContain('<blockquote class="alert">');
});

test("a browser that watches is told of a change", async () => {
  const { url, post } = await openPage();
  const events = (await fetch(`${url}/_playground/events`)).body?.getReader();
  const next = async () => new TextDecoder().decode((await events?.read())?.value);
  expect(await next()).toContain("event: changed");
  const changed = next();
  await post("comments", { as: "maintainer", body: "hello" });
  expect(await changed).toContain("event: changed");
  await events?.cancel();
});

test("a pull request shows its commits, their notes and a coloured diff", async () => {
  const { get, github, fix } = await openPage();
  await fix("offshoot/1-fix-abcd");
  const made = await github.api("POST", "pulls", {
    title: "Read ms",
    head: "offshoot/1-fix-abcd",
    base: "main",
    draft: true,
  });
  expect(made.status).toBe(201);
  expect((await get("/playground/durations/issues/2")).url).toMatch(/\/pull\/2$/);
  const { body } = await get("/playground/durations/pull/2/files");
  expect(body).toContain("turn: 1");
  expect(body).toContain('<span class="removed">-const PART');
  expect(body).toContain('<span class="added">+const PART');
  expect((await get("/playground/durations/tree/offshoot/1-fix-abcd")).body).toContain('<span class="added">');
  expect((await get("/playground/durations/commit/main...nope")).status).toBe(404);
});

test("a run shows jobs, steps, log and summary, and its artifacts can be downloaded", async () => {
  const { get, github } = await openPage();
  const file = join(github.world.dir, "transcript.zip");
  await writeFile(file, "zip bytes");
  const run = finishedRun(github);
  github.world.runs.set(run.id, run);
  github.world.artifacts.set(9, { id: 9, runId: run.id, name: "transcript", createdAt: new Date(), file, size: 9 });
  const { body } = await get(`/playground/durations/actions/runs/${run.id}`);
  expect(body).toContain("<strong>4</strong> steps");
  expect(body).toContain('<span class="line error"><time>02:10:12</time> exit code 1');
  expect(body).toContain("1.5 s");
  expect((await get("/_playground/artifacts/9")).body).toBe("zip bytes");
  expect((await get("/playground/durations/actions/runs/77")).status).toBe(404);
});

function finishedRun({ world }: Github): Run {
  const actor = world.users.get("maintainer");
  if (!actor) throw new Error("no maintainer");
  const [startedAt, completedAt] = [new Date(0), new Date(1500)];
  const over = { status: "completed", conclusion: "failure", startedAt, completedAt } as const;
  const log = ["2026-11-21T02:10:11.1230000Z ok 1", "2026-11-21T02:10:12.1230000Z ##[error]exit code 1"];
  const steps = [{ number: 1, name: "Run the tests", ...over }];
  const job = { id: 5, key: "test", name: "npm test", log, steps, summary: "Took **4** steps", ...over };
  return {
    ...{
      id: 55,
      number: 1,
      attempt: 1,
      workflowId: 1,
      workflowPath: ".github/workflows/ci.yml",
      name: "CI",
      title: "CI",
    },
    ...{ event: "push", headSha: "0".repeat(40), headBranch: "main", actor, pulls: [], jobs: [job] },
    ...{ createdAt: startedAt, updatedAt: completedAt, status: "completed", conclusion: "failure", startedAt },
  };
}

async function openPage() {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-page-"));
  open.push(() => rm(dir, { recursive: true }));
  const github = await openGithub({
    ...{
      port: 0,
      owner: "playground",
      repo: "durations",
      dir,
      webhook: { secret: "s" },
      app: { id: 1, slug: "offshoot" },
    },
  });
  open.push(github.close);
  const { world, tokens } = github;
  await seed({ ...world, reporter: tokens.outsider });
  const maintainer = { login: "maintainer", token: tokens.maintainer };
  const outsider = { login: "outsider", token: tokens.outsider };
  github.handle("/", pageHandler({ world, maintainer, outsider, scripted: true }));

  const read = async (response: Response) => {
    const { url, status, headers } = response;
    return { url, status, headers, body: await response.text() };
  };
  const get = async (path: string) => read(await fetch(world.url + path));
  const post = async (action: string, fields: Record<string, string>, origin = world.url) => {
    const body = new URLSearchParams({ thread: "1", ...fields });
    return read(await fetch(`${world.url}/_playground/${action}`, { method: "POST", headers: { origin }, body }));
  };
  return { github: { ...github, api: api(github) }, url: world.url, get, post, raw: raw(world.url), fix: fix(github) };
}

function api({ world, tokens }: Github) {
  return (method: string, path: string, body: unknown) =>
    fetch(`${world.url}/api/v3/repos/${world.owner}/${world.repo}/${path}`, {
      method,
      headers: { authorization: `Bearer ${tokens.maintainer}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
}

/** Sends bytes that `fetch` refuses to send, such as a false Host. */
function raw(url: string) {
  return async (request: string) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.end(request);
    return text(socket);
  };
}

/** A branch with the sample's fix in one commit that has a note. */
function fix({ world: { gitDir } }: Github) {
  return async (branch: string) => {
    const source = (await git(gitDir, ["show", "main:src/parse.js"])).replace("(d|h|m|s|ms)", "(d|h|ms|m|s)");
    const data = (content: string) => `data ${Buffer.byteLength(content)}\n${content}\n`;
    const commit = `commit refs/heads/${branch}\nmark :1\ncommitter Bot <bot@example.com> now\n${data("Read ms")}`;
    const change = `from refs/heads/main\nM 100644 inline src/parse.js\n${data(source)}`;
    const note = `commit refs/notes/offshoot/01J\ncommitter Bot <bot@example.com> now\n${data("note")}N inline :1\n${data("turn: 1")}`;
    await git(gitDir, ["fast-import", "--quiet", "--date-format=now"], { input: commit + change + note });
  };
}
