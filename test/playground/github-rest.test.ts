import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { mintToken, revoke } from "../../playground/github/access.ts";
import { handlers } from "../../playground/github/handlers.ts";
import { appJwt, at, client, openEmpty, openWithMain } from "./github-fixture.ts";

test("an issue is opened, discussed, labelled and closed", async () => {
  const github = await openEmpty();
  const outsider = client(github, github.tokens.outsider);
  const maintainer = client(github, github.tokens.maintainer);
  const issue = { ...at, issue_number: (await outsider.rest.issues.create({ ...at, title: "It fails" })).data.number };
  const { data: comment } = await outsider.rest.issues.createComment({ ...issue, body: "Help!" });
  const reaction = { ...at, comment_id: comment.id, content: "eyes" } as const;
  expect((await maintainer.rest.reactions.createForIssueComment(reaction)).status).toBe(201);
  expect((await maintainer.rest.reactions.createForIssueComment(reaction)).status).toBe(200);
  expect((await outsider.rest.reactions.listForIssueComment(reaction)).data).toMatchObject([
    { content: "eyes", user: { login: "maintainer" } },
  ]);
  await maintainer.rest.issues.createLabel({ ...at, name: "bug", color: "ff0000" });
  await maintainer.rest.issues.addLabels({ ...issue, labels: ["agent", "bug"] });
  await maintainer.rest.issues.removeLabel({ ...issue, name: "bug" });
  expect((await outsider.rest.issues.listLabelsOnIssue(issue)).data.map(({ name }) => name)).toEqual(["agent"]);
  await maintainer.rest.issues.updateComment({ ...at, comment_id: comment.id, body: "Help, please!" });
  await maintainer.rest.issues.update({ ...issue, state: "closed" });

  const { data } = await client(github).rest.issues.get(issue);
  expect([data.user?.login, data.state, data.labels, data.comments]).toEqual([
    "outsider",
    "closed",
    [expect.objectContaining({ name: "agent" })],
    1,
  ]);
  const { data: seen } = await client(github).rest.issues.listComments(issue);
  expect(seen).toMatchObject([
    { body: "Help, please!", author_association: "NONE", reactions: { eyes: 1, total_count: 1 } },
  ]);
  expect(github.world.violations).toEqual([]);
});

test("who may not: nobody writes unnamed, an outsider changes only what is their own", async () => {
  const github = await openEmpty();
  const maintainer = client(github, github.tokens.maintainer);
  const outsider = client(github, github.tokens.outsider);
  const issue = { ...at, issue_number: (await maintainer.rest.issues.create({ ...at, title: "Mine" })).data.number };
  const { data: comment } = await maintainer.rest.issues.createComment({ ...issue, body: "mine" });
  const own = await outsider.rest.issues.createComment({ ...issue, body: "theirs" });

  await expect(client(github).rest.issues.createComment({ ...issue, body: "?" })).rejects.toMatchObject({
    status: 401,
  });
  await expect(client(github, "ghp_wrong").rest.issues.get(issue)).rejects.toMatchObject({ status: 401 });
  await expect(outsider.rest.issues.addLabels({ ...issue, labels: ["agent"] })).rejects.toMatchObject({ status: 403 });
  await expect(outsider.rest.issues.update({ ...issue, state: "closed" })).rejects.toMatchObject({ status: 403 });
  await expect(outsider.rest.issues.deleteComment({ ...at, comment_id: comment.id })).rejects.toMatchObject({
    status: 403,
  });
  expect((await outsider.rest.issues.deleteComment({ ...at, comment_id: own.data.id })).status).toBe(204);
  expect([...github.world.comments.values()].map(({ body }) => body)).toEqual(["mine"]);
});

test("requests are held to GitHub's description", async () => {
  const github = await openEmpty();
  const maintainer = client(github, github.tokens.maintainer);
  const create: string = "POST /repos/{owner}/{repo}/issues";
  await expect(maintainer.request(create, { ...at, body: "no title" })).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining("must have required property 'title'"),
  });
  await expect(maintainer.request("GET /repos/{owner}/{repo}/issues?state=ajar", at)).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining("/state must be equal to one of the allowed values"),
  });
  await expect(maintainer.request("GET /repos/{owner}/{repo}/releases", at)).rejects.toMatchObject({
    status: 501,
    message: expect.stringContaining("GET /repos/octo/sample/releases"),
  });
  await expect(maintainer.rest.issues.get({ ...at, issue_number: 99 })).rejects.toMatchObject({ status: 404 });
  await expect(maintainer.rest.issues.get({ owner: "octo", repo: "other", issue_number: 1 })).rejects.toMatchObject({
    status: 404,
  });
  expect(github.world.issues.size).toBe(0);
});

test("a comment may have 65,536 characters and not one more", async () => {
  const github = await openEmpty();
  const maintainer = client(github, github.tokens.maintainer);
  const issue = { ...at, issue_number: (await maintainer.rest.issues.create({ ...at, title: "Long" })).data.number };
  await maintainer.rest.issues.createComment({ ...issue, body: "x".repeat(65_536) });
  await expect(maintainer.rest.issues.createComment({ ...issue, body: "x".repeat(65_537) })).rejects.toMatchObject({
    status: 422,
  });
  expect(github.world.comments.size).toBe(1);
});

test("an answer that breaks GitHub's description is a 500 that names the reason, and is kept", async () => {
  const github = await openEmpty();
  github.world.labels.set("odd", { id: 1, name: "odd", color: 7 as unknown as string, description: "" });
  await expect(client(github).rest.issues.listLabelsForRepo(at)).rejects.toMatchObject({
    status: 500,
    message: expect.stringContaining("/0/color must be string"),
  });
  expect(github.world.violations).toEqual([
    expect.stringMatching(/^issues\/list-labels-for-repo 200: \/0\/color must be string/),
  ]);
});

test("lists come in pages that a client can follow", async () => {
  const github = await openEmpty();
  const maintainer = client(github, github.tokens.maintainer);
  for (const title of ["a", "b", "c", "d", "e"]) await maintainer.rest.issues.create({ ...at, title });
  const all = await maintainer.paginate(maintainer.rest.issues.listForRepo, { ...at, per_page: 2 });
  expect(all.map(({ title }) => title)).toEqual(["e", "d", "c", "b", "a"]);
  expect(github.requests.filter(({ method }) => method === "GET")).toHaveLength(3);
});

test("the App signs in with its key and narrows its token", async () => {
  const { github } = await openWithMain();
  const app = client(github, await appJwt(github));
  const { data: installation } = await app.rest.apps.getRepoInstallation(at);
  const exchange = { installation_id: installation.id, repositories: ["sample"] };
  const permissions = { issues: "write" } as const;
  const { data } = await app.rest.apps.createInstallationAccessToken({ ...exchange, permissions });
  expect(data).toMatchObject({ permissions: { issues: "write", metadata: "read" }, repository_selection: "selected" });

  const bot = client(github, data.token);
  const { data: issue } = await bot.rest.issues.create({ ...at, title: "from the App" });
  expect(issue.user).toMatchObject({ login: "offshoot[bot]", type: "Bot" });
  const head = (await bot.rest.git.getRef({ ...at, ref: "heads/main" })).data.object.sha;
  await expect(bot.rest.git.createRef({ ...at, ref: "refs/heads/x", sha: head })).rejects.toMatchObject({
    status: 403,
  });

  const other = { installation_id: installation.id, repositories: ["elsewhere"] };
  await expect(app.rest.apps.createInstallationAccessToken(other)).rejects.toMatchObject({ status: 422 });
  await bot.rest.apps.revokeInstallationAccessToken();
  await expect(bot.rest.issues.get({ ...at, issue_number: issue.number })).rejects.toMatchObject({ status: 401 });
});

test("only the App's own key, number and a life of ten minutes make a valid JWT", async () => {
  const github = await openEmpty();
  const foreign = generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs1", format: "pem" })
    .toString();
  for (const wrong of [{ pem: foreign }, { issuer: "99" }, { minutes: 20 }, { minutes: -1 }])
    await expect(client(github, await appJwt(github, wrong)).rest.apps.getAuthenticated()).rejects.toMatchObject({
      status: 401,
    });
  expect((await client(github, await appJwt(github)).rest.apps.getAuthenticated()).data).toMatchObject({
    id: 1234,
    slug: "offshoot",
  });
});

test("a token ends when its time is over, or when it is revoked", async () => {
  const github = await openEmpty();
  const user = github.world.users.get("github-actions[bot]") ?? expect.fail("no bot");
  const mint = (expiresAt: Date) => mintToken(github.world, { kind: "run", user, expiresAt });
  const expired = mint(new Date(Date.now() - 1));
  const valid = mint(new Date(Date.now() + 60_000));
  await expect(client(github, expired).rest.repos.get(at)).rejects.toMatchObject({ status: 401 });
  expect((await client(github, valid).rest.repos.get(at)).status).toBe(200);
  revoke(github.world, valid);
  await expect(client(github, valid).rest.repos.get(at)).rejects.toMatchObject({ status: 401 });
});

test("a client that goes away in mid-request is nobody's fault; a path that makes no sense is the client's", async () => {
  const github = await openEmpty();
  const { port } = new URL(github.world.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write("POST /api/v3/repos/octo/sample/issues HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{");
  await client(github).rest.repos.get(at); // answered after the request above has begun
  socket.destroy();
  const malformed = await fetch(`${github.world.url}/api/v3/repos/octo/sample/git/ref/heads%2`);
  expect(malformed.status).toBe(400);
  await github.close(); // waits for what is being answered
  expect(github.world.violations).toEqual([]);
});

test("a seeded failure happens once, and nothing is done", async () => {
  const github = await openEmpty();
  const maintainer = client(github, github.tokens.maintainer);
  github.faults.failNext("POST", /\/issues$/, 502);
  await expect(maintainer.rest.issues.create({ ...at, title: "lost" })).rejects.toMatchObject({ status: 502 });
  await maintainer.rest.issues.create({ ...at, title: "kept" });
  expect([...github.world.issues.values()].map(({ title }) => title)).toEqual(["kept"]);
});

test("the committed schemas hold exactly the operations that are answered", () => {
  const schemas = JSON.parse(readFileSync(new URL("../../playground/schemas/rest.json", import.meta.url), "utf8"));
  expect(Object.keys(schemas.operations).sort()).toEqual(Object.keys(handlers).sort());
});
