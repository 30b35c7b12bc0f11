import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { at, openWithMain } from "./github-fixture.ts";

test("a pull request is opened once, as a draft, and shows its changes", async () => {
  const { github, clone, maintainer } = await openWithMain();
  await clone.git("checkout", "-q", "-b", "fix");
  const wanted = { ...at, title: "Fix", head: "fix", base: "main", draft: true };
  await expect(maintainer.rest.pulls.create(wanted)).rejects.toThrow(/fix is not a branch/);
  await clone.git("push", "-q", "origin", "fix");
  await expect(maintainer.rest.pulls.create(wanted)).rejects.toThrow(/No commits between main and fix/);
  await clone.git("rm", "-q", "README.md");
  await clone.commit("new.txt", "one\ntwo\n");
  await clone.git("push", "-q", "origin", "fix");

  const { data: pull } = await maintainer.rest.pulls.create(wanted);
  expect(pull).toMatchObject({ draft: true, commits: 1, changed_files: 2, additions: 2, deletions: 1 });
  await expect(maintainer.rest.pulls.create(wanted)).rejects.toThrow(/already exists for octo:fix/);
  const { data: files } = await maintainer.rest.pulls.listFiles({ ...at, pull_number: pull.number });
  expect(files.map(({ filename, status, patch }) => [filename, status, patch])).toEqual([
    ["README.md", "removed", "@@ -1 +0,0 @@\n-# Sample"],
    ["new.txt", "added", "@@ -0,0 +1,2 @@\n+one\n+two"],
  ]);
  const found = await maintainer.rest.pulls.list({ ...at, head: "octo:fix" });
  expect(found.data.map(({ number }) => number)).toEqual([pull.number]);
  expect((await maintainer.rest.pulls.list({ ...at, head: "octo:other" })).data).toEqual([]);
  expect(github.world.violations).toEqual([]);
});

test("two requests at once for one pull request: one of them wins", async () => {
  const { github, clone, maintainer } = await openWithMain();
  await clone.git("checkout", "-q", "-b", "fix");
  await clone.commit("fix.txt", "1");
  await clone.git("push", "-q", "origin", "fix");
  const wanted = { ...at, title: "Fix", head: "fix", base: "main" };
  const results = await Promise.allSettled([1, 2, 3].map(() => maintainer.rest.pulls.create(wanted)));
  expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected", "rejected"]);
  expect(github.world.issues.size).toBe(1);
});

test("a pull request is merged by a push, and ends with its branch", async () => {
  const { clone, maintainer } = await openWithMain();
  for (const branch of ["a", "b", "c"]) {
    await clone.git("checkout", "-q", "-b", branch, "main");
    await clone.commit("README.md", `# ${branch}\n`);
    await clone.git("push", "-q", "origin", branch);
    await maintainer.rest.pulls.create({ ...at, title: branch, head: branch, base: "main" });
  }
  await clone.git("push", "-q", "origin", "a:main");
  await clone.git("push", "-q", "origin", ":c");
  const shown = async (pull_number: number) => {
    const { data } = await maintainer.rest.pulls.get({ ...at, pull_number });
    return [data.state, data.merged];
  };
  expect(await shown(1)).toEqual(["closed", true]);
  expect(await shown(2)).toEqual(["open", false]);
  expect(await shown(3)).toEqual(["closed", false]);
});

test("refs are made, swapped with one winner of many, found by prefix and deleted", async () => {
  const { github, maintainer, clone } = await openWithMain();
  const { git: refs } = maintainer.rest;
  const first = await clone.git("rev-parse", "main");
  const rival = async (name: string) => {
    await clone.git("checkout", "-q", "-b", name, first);
    const sha = await clone.commit(`${name}.txt`, name);
    await clone.git("push", "-q", "origin", name);
    return sha;
  };
  const rivals = [await rival("a"), await rival("b"), await rival("c")];
  const ref = "offshoot/sessions/01JH4QAAAA";
  await refs.createRef({ ...at, ref: `refs/${ref}`, sha: first });
  await expect(refs.createRef({ ...at, ref: `refs/${ref}`, sha: first })).rejects.toThrow(/already exists/);
  await expect(refs.createRef({ ...at, ref: "refs/pull/7/head", sha: first })).rejects.toThrow(/not be refs\/pull/);

  const races = await Promise.allSettled(rivals.map((sha) => refs.updateRef({ ...at, ref, sha })));
  const winners = rivals.filter((_, n) => races[n]?.status === "fulfilled");
  expect(winners).toHaveLength(1);
  const matching = await refs.listMatchingRefs({ ...at, ref: "offshoot/sessions/01JH" });
  expect(matching.data.map(({ ref, object }) => [ref, object.sha])).toEqual([[`refs/${ref}`, winners[0]]]);
  await expect(refs.updateRef({ ...at, ref, sha: first })).rejects.toThrow(/not a fast forward/);
  await refs.updateRef({ ...at, ref, sha: first, force: true });
  expect((await refs.getRef({ ...at, ref })).data.object.sha).toBe(first);
  await refs.deleteRef({ ...at, ref });
  await expect(refs.deleteRef({ ...at, ref })).rejects.toThrow(/does not exist/);
  await expect(refs.getRef({ ...at, ref })).rejects.toMatchObject({ status: 404 });
  expect(github.world.violations).toEqual([]);
});

test("commits, trees, files and folders are read", async () => {
  const { github, clone, maintainer } = await openWithMain();
  await mkdir(join(clone.dir, "docs"));
  const sha = await clone.commit("docs/a.txt", "a\n");
  await clone.git("push", "-q", "origin", "main:feature/x");

  const { data: commit } = await maintainer.rest.git.getCommit({ ...at, commit_sha: sha });
  expect(commit).toMatchObject({ message: "write docs/a.txt", author: { name: "Mona" }, parents: [{}] });
  const { data: tree } = await maintainer.rest.git.getTree({ ...at, tree_sha: commit.tree.sha, recursive: "1" });
  expect(tree.tree.map(({ path, type }) => [path, type])).toEqual([
    ["README.md", "blob"],
    ["docs", "tree"],
    ["docs/a.txt", "blob"],
  ]);
  const { data: blob } = await maintainer.rest.git.getBlob({ ...at, file_sha: tree.tree[2]?.sha ?? "" });
  expect(Buffer.from(blob.content, "base64").toString()).toBe("a\n");

  const contents = async (path: string, ref: string) =>
    (await maintainer.rest.repos.getContent({ ...at, path, ref })).data;
  expect(await contents("docs/a.txt", "feature/x")).toMatchObject({ type: "file", content: btoa("a\n") });
  expect(await contents("", "main")).toMatchObject([{ name: "README.md", type: "file" }]);
  expect(await contents("docs", "feature/x")).toMatchObject([{ path: "docs/a.txt", type: "file" }]);
  await expect(contents("docs/a.txt", "main")).rejects.toMatchObject({ status: 404 });
  const level = await maintainer.rest.repos.getCollaboratorPermissionLevel({ ...at, username: "outsider" });
  expect(level.data).toMatchObject({ permission: "read", user: { id: github.world.users.get("outsider")?.id } });
  expect(github.world.violations).toEqual([]);
});
