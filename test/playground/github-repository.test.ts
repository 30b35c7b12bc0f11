import { expect, test } from "vitest";
import { at, openWithMain } from "./github-fixture.ts";

test("a pull request is opened once, as a draft, and shows its changes", async () => {
  const { github, clone, maintainer } = await openWithMain();
  await clone.git("checkout", "-q", "-b", "fix");
  const wanted = { ...at, title: "Fix", head: "fix", base: "main", draft: true };
  await expect(maintainer.rest.pulls.create(wanted)).rejects.toMatchObject({ status: 422 });
  await clone.git("push", "-q", "origin", "fix");
  await expect(maintainer.rest.pulls.create(wanted)).rejects.toThrow(/No commits between main and fix/);
  await clone.git("mv", "README.md", "READ ME.md");
  await clone.commit("new.txt", "one\ntwo\n");
  await clone.git("push", "-q", "origin", "fix");

  const { data: pull } = await maintainer.rest.pulls.create(wanted);
  expect(pull).toMatchObject({
    draft: true,
    mergeable: true,
    commits: 1,
    changed_files: 2,
    additions: 2,
    deletions: 0,
  });
  await expect(maintainer.rest.pulls.create(wanted)).rejects.toThrow(/already exists for octo:fix/);
  const number = { ...at, pull_number: pull.number };
  const { data: files } = await maintainer.rest.pulls.listFiles(number);
  expect(files.map(({ filename, status, patch }) => [filename, status, patch])).toEqual([
    ["READ ME.md", "renamed", undefined],
    ["new.txt", "added", "@@ -0,0 +1,2 @@\n+one\n+two"],
  ]);
  const diff = await maintainer.rest.pulls.get({ ...number, mediaType: { format: "diff" } });
  expect(diff.data).toContain("+++ b/new.txt\n");
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

test("a pull request conflicts, is merged by a push, and ends with its branch", async () => {
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
    return [data.state, data.merged, data.mergeable_state];
  };
  expect(await shown(1)).toEqual(["closed", true, "unknown"]);
  expect(await shown(2)).toEqual(["open", false, "dirty"]);
  expect((await shown(3)).slice(0, 2)).toEqual(["closed", false]);
});

test("a chain of commits is built by the API and its ref swapped, one winner of many", async () => {
  const { github, maintainer, clone } = await openWithMain();
  const tree = await maintainer.rest.git.createTree({
    ...at,
    tree: [{ path: "a/events.jsonl", mode: "100644", type: "blob", content: "{}\n" }],
  });
  const commit = (message: string, parents: string[] = []) =>
    maintainer.rest.git.createCommit({ ...at, message, tree: tree.data.sha, parents }).then(({ data }) => data.sha);
  const first = await commit("session.opened");
  const ref = "offshoot/sessions/01JH4QAAAA";
  await maintainer.rest.git.createRef({ ...at, ref: `refs/${ref}`, sha: first });
  await expect(maintainer.rest.git.createRef({ ...at, ref: `refs/${ref}`, sha: first })).rejects.toThrow(
    /already exists/,
  );

  const rivals = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => commit(`rival ${n}`, [first])));
  const races = await Promise.allSettled(rivals.map((sha) => maintainer.rest.git.updateRef({ ...at, ref, sha })));
  const winners = rivals.filter((_, n) => races[n]?.status === "fulfilled");
  expect(winners).toHaveLength(1);
  const matching = await maintainer.rest.git.listMatchingRefs({ ...at, ref: "offshoot/sessions/01JH" });
  expect(matching.data.map(({ ref, object }) => [ref, object.sha])).toEqual([[`refs/${ref}`, winners[0]]]);

  await clone.git("fetch", "-q", "origin", `refs/${ref}`);
  expect(await clone.git("log", "--format=%s %an", "FETCH_HEAD")).toMatch(
    /^rival \d maintainer\nsession.opened maintainer$/,
  );
  expect(await clone.git("show", "FETCH_HEAD:a/events.jsonl")).toBe("{}");
  await maintainer.rest.git.updateRef({ ...at, ref, sha: first, force: true });
  await maintainer.rest.git.deleteRef({ ...at, ref });
  await expect(maintainer.rest.git.getRef({ ...at, ref })).rejects.toMatchObject({ status: 404 });
  expect(github.world.violations).toEqual([]);
});

test("a tree is changed by adding, replacing and removing entries", async () => {
  const { maintainer, clone } = await openWithMain();
  await clone.commit("old.txt", "old");
  await clone.git("push", "-q", "origin", "main");
  const { data: blob } = await maintainer.rest.git.createBlob({
    ...at,
    content: Buffer.from("zwölf\n").toString("base64"),
    encoding: "base64",
  });
  const { data: base } = await maintainer.rest.git.getTree({ ...at, tree_sha: "main" });
  const { data: tree } = await maintainer.rest.git.createTree({
    ...at,
    base_tree: base.sha,
    tree: [
      { path: "docs/twelve.txt", mode: "100644", type: "blob", sha: blob.sha },
      { path: "old.txt", mode: "100644", type: "blob", sha: null },
      { path: "copy", mode: "040000", type: "tree", sha: base.sha },
    ],
  });
  const { data: all } = await maintainer.rest.git.getTree({ ...at, tree_sha: tree.sha, recursive: "1" });
  expect(all.tree.filter(({ type }) => type === "blob").map(({ path }) => path)).toEqual([
    "README.md",
    "copy/README.md",
    "copy/old.txt",
    "docs/twelve.txt",
  ]);
  const { data: back } = await maintainer.rest.git.getBlob({ ...at, file_sha: blob.sha });
  expect(Buffer.from(back.content, "base64").toString()).toBe("zwölf\n");
});

test("files, folders, commits and comparisons are read", async () => {
  const { github, clone, maintainer } = await openWithMain();
  const base = await clone.git("rev-parse", "main");
  await clone.git("checkout", "-q", "-b", "feature/x");
  const head = await clone.commit("a.txt", "a\n");
  await clone.git("push", "-q", "origin", "feature/x");

  const { data: file } = await maintainer.rest.repos.getContent({ ...at, path: "a.txt", ref: "feature/x" });
  expect(file).toMatchObject({ type: "file", encoding: "base64", content: Buffer.from("a\n").toString("base64") });
  const { data: folder } = await maintainer.rest.repos.getContent({ ...at, path: "" });
  expect(folder).toMatchObject([{ name: "README.md", type: "file" }]);
  await expect(maintainer.rest.repos.getContent({ ...at, path: "a.txt" })).rejects.toMatchObject({ status: 404 });
  expect((await maintainer.rest.repos.getBranch({ ...at, branch: "feature/x" })).data.commit.sha).toBe(head);
  expect((await maintainer.rest.repos.getCommit({ ...at, ref: "feature/x" })).data.stats).toMatchObject({
    additions: 1,
    total: 1,
  });
  expect((await maintainer.rest.repos.getCommit({ ...at, ref: base })).data.files).toMatchObject([
    { filename: "README.md", status: "added" },
  ]);
  expect((await maintainer.rest.repos.listCommits({ ...at, sha: "feature/x" })).data.map(({ sha }) => sha)).toEqual([
    head,
    base,
  ]);
  const { data: ofPath } = await maintainer.rest.repos.listCommits({ ...at, sha: "feature/x", path: "README.md" });
  expect(ofPath.map(({ sha }) => sha)).toEqual([base]);
  const compared = await maintainer.rest.repos.compareCommitsWithBasehead({ ...at, basehead: "main...feature/x" });
  expect(compared.data).toMatchObject({
    status: "ahead",
    ahead_by: 1,
    behind_by: 0,
    commits: [{ sha: head }],
    files: [{ filename: "a.txt" }],
  });
  const level = await maintainer.rest.repos.getCollaboratorPermissionLevel({ ...at, username: "outsider" });
  expect(level.data).toMatchObject({ permission: "read", user: { id: github.world.users.get("outsider")?.id } });
  expect(github.world.violations).toEqual([]);
});
