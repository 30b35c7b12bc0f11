import { expect, test } from "vitest";
import { mintToken } from "../../playground/github/access.ts";
import { person } from "../../playground/github/create-world.ts";
import { listRefs } from "../../playground/github/git.ts";
import type { WorldEvents } from "../../playground/world.ts";
import { at, client, openWithMain } from "./github-fixture.ts";

const ZEROS = "0".repeat(40);
const author = { name: "Mona", email: "mona@example.com", date: "2026-11-01T12:00:00Z" };
const update = "mutation ($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }";

async function openWithId() {
  const world = await openWithMain();
  const query = "query ($owner: String!, $repo: String!) { repository(owner: $owner, name: $repo) { id } }";
  const { repository } = await world.maintainer.graphql<{ repository: { id: string } }>(query, at);
  return { ...world, repositoryId: repository.id, main: await world.clone.git("rev-parse", "main") };
}

test("objects are written: files, trees in trees, commits byte for byte as asked", async () => {
  const { clone, maintainer } = await openWithMain();
  const git = maintainer.rest.git;
  const bytes = Buffer.from([0, 255, 10]);
  const blob = (await git.createBlob({ ...at, content: bytes.toString("base64"), encoding: "base64" })).data;
  const entry = { mode: "100644", type: "blob" } as const;
  const tree = [
    { ...entry, path: "a/b/c.txt", content: "c\n" },
    { ...entry, path: "bytes", sha: blob.sha },
  ];
  const first = (await git.createTree({ ...at, tree })).data;
  expect(first.tree.map(({ path, type }) => `${type} ${path}`)).toEqual(["tree a", "blob bytes"]);
  const taken = [{ ...entry, path: "bytes", sha: null }];
  const second = (await git.createTree({ ...at, base_tree: first.sha, tree: taken })).data;
  const commit = { ...at, message: "no newline at its end", author, committer: author };
  const root = (await git.createCommit({ ...commit, tree: first.sha })).data;
  const next = (await git.createCommit({ ...commit, tree: second.sha, parents: [root.sha] })).data;
  expect((await git.createCommit({ ...commit, tree: first.sha })).data.sha).toBe(root.sha);
  await git.createRef({ ...at, ref: "refs/heads/made", sha: next.sha });

  await clone.git("fetch", "-q", "origin", "made");
  expect(await clone.git("log", "--format=%an %ae %aI %s", "FETCH_HEAD")).toBe(
    Array(2).fill("Mona mona@example.com 2026-11-01T12:00:00+00:00 no newline at its end").join("\n"),
  );
  expect(await clone.git("ls-tree", "-r", "--name-only", "FETCH_HEAD")).toBe("a/b/c.txt");
  expect(await clone.git("cat-file", "-s", "FETCH_HEAD~:bytes")).toBe("3");
  for (const malformed of [
    { ...entry, path: "a", content: "c", sha: blob.sha },
    { ...entry, path: "../a", content: "" },
  ])
    await expect(git.createTree({ ...at, tree: [malformed] })).rejects.toMatchObject({ status: 422 });
  await expect(git.createCommit({ ...commit, tree: ZEROS })).rejects.toMatchObject({ status: 422 });
  await expect(git.createCommit({ ...commit, tree: first.sha, parents: [ZEROS] })).rejects.toMatchObject({
    status: 422,
  });
});

test("a history is read in pages, with its files; text that is none, or too long, says so", async () => {
  const { github, clone, maintainer } = await openWithMain();
  for (const text of ["two", "x".repeat(600_000), "nul\0"]) await clone.commit("file.txt", text);
  await clone.git("push", "-q", "origin", "main");
  const query = `query ($owner: String!, $repo: String!, $after: String) {
    repository(owner: $owner, name: $repo) {
      none: object(expression: "refs/heads/none") { oid }
      object(expression: "refs/heads/main") { ... on Commit { history(first: 3, after: $after) {
        pageInfo { endCursor hasNextPage }
        nodes { oid file(path: "file.txt") { object { ... on Blob { text isBinary isTruncated } } } }
      } } }
    }
  }`;
  const read = async (after?: string) =>
    (await maintainer.graphql<{ repository: Answer }>(query, { ...at, after })).repository;
  const { none, object } = await read();
  expect(none).toBeNull();
  expect(object.history.nodes.map(({ file }) => file?.object)).toEqual([
    { text: null, isBinary: true, isTruncated: false },
    { text: "x".repeat(512_000), isBinary: false, isTruncated: true },
    { text: "two", isBinary: false, isTruncated: false },
  ]);
  const { endCursor, hasNextPage } = object.history.pageInfo;
  expect(hasNextPage).toBe(true);
  const last = (await read(endCursor)).object.history;
  expect(last.pageInfo.hasNextPage).toBe(false);
  expect(last.nodes).toEqual([{ oid: await clone.git("rev-list", "--max-parents=0", "main"), file: null }]);
  expect(github.requests.filter(({ path }) => path === "/graphql")).toHaveLength(2);
});

interface Answer {
  readonly none: null;
  readonly object: {
    readonly history: {
      readonly pageInfo: { readonly endCursor: string; readonly hasNextPage: boolean };
      readonly nodes: readonly { readonly oid: string; readonly file: { readonly object: unknown } | null }[];
    };
  };
}

test("updateRefs moves all refs or none, each only from where it was expected, and tells of every move", async () => {
  const { github, clone, maintainer, repositoryId, main } = await openWithId();
  const told: WorldEvents["ref"][0][] = [];
  github.world.bus.on("ref", (event) => void told.push(event));
  const swap = (...refUpdates: object[]) => maintainer.graphql(update, { input: { repositoryId, refUpdates } });
  const [a, b] = ["refs/offshoot/threads/1", "refs/offshoot/sessions/01AB"];
  const make = (name: string) => ({ name, beforeOid: ZEROS, afterOid: main });
  await swap(make(a), make(b));
  expect(told.map(({ ref, before, after, sender }) => [ref, before, after, sender.login])).toEqual([
    [a, null, main, "maintainer"],
    [b, null, main, "maintainer"],
  ]);
  const next = await clone.commit("b.txt", "b");
  await clone.git("push", "-q", "origin", "main");
  const refs = () => clone.git("ls-remote", "origin", "refs/offshoot/*");
  const before = await refs();
  const stale = { name: b, beforeOid: next, afterOid: next };
  for (const refused of [stale, make(b), { ...stale, afterOid: "1".repeat(40) }, make("refs/pull/1/head")])
    await expect(swap({ name: a, beforeOid: main, afterOid: next }, refused)).rejects.toThrow("Request failed");
  expect(await refs()).toBe(before);
  await swap({ name: a, beforeOid: main, afterOid: next }, { name: b, beforeOid: main, afterOid: ZEROS });
  expect(await refs()).toBe(`${next}\t${a}`);
  await expect(swap({ name: a, beforeOid: next, afterOid: main })).rejects.toThrow("not a fast forward");
  await swap({ name: a, beforeOid: next, afterOid: main, force: true });
  expect(await refs()).toBe(`${main}\t${a}`);
});

test("GraphQL asks who it is, and updateRefs takes a token that may write", async () => {
  const { github, repositoryId, main } = await openWithId();
  const query = `{ repository(owner: "octo", name: "sample") { id } }`;
  await expect(client(github).graphql(query)).rejects.toMatchObject({ status: 401 });
  const bot = person(github.world, "offshoot[bot]");
  const reader = mintToken(github.world, { ...bot, kind: "installation", permissions: { contents: "read" } });
  const refUpdates = [{ name: "refs/offshoot/threads/1", afterOid: main }];
  for (const token of [reader, github.tokens.outsider]) {
    expect(await client(github, token).graphql(query)).toEqual({ repository: { id: repositoryId } });
    const refused = client(github, token).graphql(update, { input: { repositoryId, refUpdates } });
    await expect(refused).rejects.toMatchObject({ errors: [{ type: "FORBIDDEN" }] });
  }
  expect((await listRefs(github.world.gitDir)).map(({ ref }) => ref)).toEqual(["refs/heads/main"]);
});

test("what is not there is GitHub's NOT_FOUND; what the double does not answer says so", async () => {
  const { maintainer } = await openWithMain();
  const other = maintainer.graphql(`{ repository(owner: "octo", name: "other") { id } }`);
  await expect(other).rejects.toMatchObject({ errors: [{ type: "NOT_FOUND", path: ["repository"] }] });
  const unknown = maintainer.graphql(`{ viewer { login } }`);
  await expect(unknown).rejects.toThrow("not part of this double of GitHub");
});

test("a failure can come after the deed, with headers of its own; a server can be too old for updateRefs", async () => {
  const { github, maintainer, repositoryId, main } = await openWithId();
  const refUpdates = [{ name: "refs/offshoot/threads/1", beforeOid: ZEROS, afterOid: main }];
  github.faults.failNext("POST", /^\/graphql$/, 502, { done: true, headers: { "retry-after": "7" } });
  const lost = maintainer.graphql(update, { input: { repositoryId, refUpdates } });
  await expect(lost).rejects.toMatchObject({ status: 502, response: { headers: { "retry-after": "7" } } });
  expect((await maintainer.rest.git.getRef({ ...at, ref: "offshoot/threads/1" })).data.object.sha).toBe(main);
  github.faults.forgetMutation("updateRefs");
  const old = maintainer.graphql(update, { input: { repositoryId, refUpdates } });
  await expect(old).rejects.toMatchObject({ errors: [{ extensions: { code: "undefinedField" } }] });
});
