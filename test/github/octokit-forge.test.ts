import { ProbotOctokit } from "probot";
import { expect, test } from "vitest";
import { ForgeError } from "../../src/github/forge.ts";
import { type OctokitForgeOptions, octokitForge } from "../../src/github/octokit-forge.ts";
import type { SessionId } from "../../src/sessions/ids.ts";
import { at, client } from "../playground/github-fixture.ts";
import { someCommit } from "../sessions/events.ts";
import { openIntakeWorld } from "./intake-world.ts";

const session = "01JH4QTM5N8V2KX9C3PD7WBYRA" as SessionId;
const wake = { session, nonce: "n1", branch: "main" };

test("threads: an issue, a pull request, and none", async () => {
  const { forge, issue, clone, github } = await openIntakeWorld();
  expect(await forge.conversation.thread(issue)).toEqual({
    ...{ number: issue, node: expect.any(String), title: "It fails", body: "Since 1.2." },
    author: { login: "maintainer", id: 600_002, bot: false },
  });
  await clone.git("switch", "-q", "-c", "fix");
  const headCommit = await clone.commit("fix.txt", "fixed");
  await clone.git("push", "-q", "origin", "fix");
  const maintainer = client(github, github.tokens.maintainer);
  const { data } = await maintainer.rest.pulls.create({ ...at, title: "Fix", head: "fix", base: "main" });
  expect((await forge.conversation.thread(data.number))?.pull).toEqual({
    ...{ head: "fix", headCommit, base: "main", fork: false },
  });
  expect(await forge.conversation.thread(99)).toBeNull();
});

test("comments: written, found by their first line, edited, reacted to, removed", async () => {
  const { forge, issue, world, write } = await openIntakeWorld();
  const { conversation } = forge;
  const since = "2020-01-01T00:00:00Z";
  await write("<!-- m --> by a person");
  const posted = await conversation.post(issue, "<!-- m -->\nOne");
  expect(await conversation.find(issue, "<!-- m -->", since)).toEqual([posted]);
  const byAClockAhead = new Date(Date.now() + 5 * 60_000).toISOString();
  expect(await conversation.find(issue, "<!-- m -->", byAClockAhead)).toEqual([posted]);
  expect(await conversation.comment(posted.number)).toMatchObject({ thread: issue, body: "<!-- m -->\nOne" });
  expect(await conversation.edit(posted.number, "Two")).toBe(true);
  expect(await conversation.find(issue, "<!-- m -->", since)).toEqual([]);
  await conversation.react(posted.number, "rocket");
  expect(world.comments.get(posted.number)).toMatchObject({ body: "Two", reactions: [{ content: "rocket" }] });
  await conversation.remove(posted.number);
  await conversation.remove(posted.number);
  expect(await conversation.comment(posted.number)).toBeNull();
  expect(await conversation.edit(posted.number, "Three")).toBe(false);
  expect(world.violations).toEqual([]);
});

test("a comment is found among more than one page of them", async () => {
  const { forge, issue, write } = await openIntakeWorld();
  for (let written = 0; written < 100; written += 1) await write("something else");
  const { number } = await forge.conversation.post(issue, "<!-- m -->");
  const found = await forge.conversation.find(issue, "<!-- m -->", "2020-01-01T00:00:00Z");
  expect(found.map((comment) => comment.number)).toEqual([number]);
});

test("pull requests: opened as a draft, found by their branch, described", async () => {
  const { forge, clone, world } = await openIntakeWorld();
  await clone.git("switch", "-q", "-c", "offshoot/1-fix");
  await clone.commit("fix.txt", "fixed");
  await clone.git("push", "-q", "origin", "offshoot/1-fix");
  expect(await forge.pulls.from("offshoot/1-fix")).toBeNull();
  const opened = await forge.pulls.open({ head: "offshoot/1-fix", base: "main", title: "Fix", body: "One" });
  expect(opened).toEqual({ ok: true, number: 2, url: `${world.url}/octo/sample/pull/2` });
  expect(world.issues.get(2)?.pull?.draft).toBe(true);
  await forge.pulls.describe(2, "Two");
  expect(await forge.pulls.from("offshoot/1-fix")).toMatchObject({ number: 2, body: "Two" });
});

test("where the token may not open pull requests, a person can at a link; a rate limit is not taken for that", async () => {
  const { forge, github } = await openIntakeWorld();
  const pull = { head: "offshoot/1-fix", base: "main", title: "Fix", body: "" };
  github.faults.failNext("POST", /\/pulls$/, 403);
  expect(await forge.pulls.open(pull)).toEqual({
    ok: false,
    compareUrl: `${github.world.url}/octo/sample/compare/main...offshoot%2F1-fix?expand=1`,
  });
  const headers = { "x-ratelimit-remaining": "0" };
  const limited = Object.assign(new Error("API rate limit exceeded"), { status: 403, response: { headers } });
  const octokit = { request: () => Promise.reject(limited) } as unknown as OctokitForgeOptions["octokit"];
  await expect(octokitForge({ octokit, ...at, server: "" }).pulls.open(pull)).rejects.toMatchObject({ status: 429 });
});

test.each([
  [404, /There is no workflow `.github\/workflows\/offshoot.yml` on the default branch/, /Add the workflow/],
  [403, /does not let Offshoot start workflows/, /permission “Actions: write” at http.*settings\/installations/],
  [422, /refused to start `.github\/workflows\/offshoot.yml`: A failure/, /trigger `workflow_dispatch`/],
  [500, /did not start the run \(500: A failure/, /githubstatus/],
])("a dispatch that is refused with %s says why and what to do", async (status, problem, remedy) => {
  const { forge, github, dispatched } = await openIntakeWorld();
  github.faults.failNext("POST", /dispatches$/, status);
  expect(await forge.runs.dispatch(wake)).toEqual({
    ok: false,
    problem: expect.stringMatching(problem),
    remedy: expect.stringMatching(remedy),
  });
  expect(await forge.runs.dispatch(wake)).toEqual({ ok: true });
  expect(dispatched).toEqual([{ session, nonce: "n1" }]);
});

test("runs: over, under way, unknown", async () => {
  const world = await openIntakeWorld();
  const { runs } = world.forge;
  await world.comment("/agent fix it");
  const { session } = await world.session();
  expect(await runs.isUnderWay(session)).toBe(false);
  const run = await world.run("in_progress");
  expect(await runs.isUnderWay(session)).toBe(true);
  expect(await runs.hasEnded(run)).toBe(false);
  const known = world.world.runs.get(run.id);
  if (known) known.attempt = 2;
  expect(await runs.hasEnded(run)).toBe(true);
  expect(await runs.hasEnded(await world.run("completed"))).toBe(true);
  expect(await runs.hasEnded({ ...run, id: 1 })).toBe(true);
});

test("the repository: who may write, branches, files", async () => {
  const { forge, clone, github } = await openIntakeWorld();
  const { repo } = forge;
  const { users } = github.world;
  const standing = async (login: string, id: number) => repo.standing({ login, id, bot: false });
  expect(await standing("maintainer", 600_002)).toBe("admin");
  for (const permission of ["maintain", "write"] as const) {
    users.set("outsider", { login: "outsider", id: 600_003, type: "User", permission });
    expect(await standing("outsider", 600_003)).toBe(permission);
  }
  users.set("outsider", { login: "outsider", id: 600_003, type: "User", permission: "read" });
  expect(await standing("outsider", 600_003)).toBe("none");
  expect(await standing("maintainer", 600_003)).toBe("none");
  expect(await standing("nobody", 1)).toBe("none");
  expect(await repo.branch("main")).toBe(await clone.git("rev-parse", "HEAD"));
  expect(await repo.branch("no/such")).toBeNull();
  expect(await repo.file("README.md", "main")).toBe("# Sample\n");
  expect(await repo.file(".github", "main")).toBeNull();
  expect(await repo.file("no-such", "main")).toBeNull();
  github.faults.failNext("GET", /\/contents\//, 502);
  await expect(repo.file("README.md", "main")).rejects.toThrow(ForgeError);
});

test("what GitHub may have made although it answered 5xx is not sent twice, by a client that tries again", async () => {
  const { github, issue } = await openIntakeWorld();
  const octokit = new ProbotOctokit({
    auth: { token: github.tokens.maintainer },
    ...{ baseUrl: `${github.world.url}/api/v3`, throttle: { enabled: false } },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  }) as unknown as OctokitForgeOptions["octokit"];
  const forge = octokitForge({ octokit, ...at, server: github.world.url });
  github.faults.failNext("POST", /\/comments$/, 502);
  await expect(forge.conversation.post(issue, "Once")).rejects.toMatchObject({ status: 502 });
  github.faults.failNext("POST", /\/pulls$/, 502);
  const pull = { head: "fix", base: "main", title: "", body: someCommit };
  await expect(forge.pulls.open(pull)).rejects.toMatchObject({ status: 502 });
  const posts = github.requests.filter(({ method, path }) => method === "POST" && /(comments|pulls)$/.test(path));
  expect(posts.map(({ status }) => status)).toEqual([502, 502]);
});
