import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mintToken } from "../../playground/github/access.ts";
import type { WorldEvents } from "../../playground/world.ts";
import { cloneUrl, openClone, type openEmpty, openWithMain } from "./github-fixture.ts";

test("anyone reads a public repository; pushing takes a token that may write", async () => {
  const { github, clone } = await openWithMain();
  const visitor = await openClone(github);
  await visitor.git("pull", "-q", "origin", "main");
  expect(await readFile(join(visitor.dir, "README.md"), "utf8")).toBe("# Sample\n");

  await visitor.commit("b.txt", "b");
  await expect(visitor.git("push", "origin", "main")).rejects.toMatchObject({
    stderr: expect.stringMatching(/could not read Username/),
  });
  await expect(visitor.git("push", cloneUrl(github, "ghp_wrong"), "main")).rejects.toMatchObject({
    stderr: expect.stringMatching(/Authentication failed/),
  });
  const outsider = cloneUrl(github, github.tokens.outsider);
  await expect(visitor.git("push", outsider, "main")).rejects.toMatchObject({ stderr: expect.stringMatching(/403/) });
  const reader = { kind: "installation", user: bot(github), permissions: { contents: "read" } } as const;
  const readOnly = cloneUrl(github, mintToken(github.world, reader));
  await expect(visitor.git("push", readOnly, "main")).rejects.toMatchObject({ stderr: expect.stringMatching(/403/) });
  expect(await visitor.git("ls-remote", "origin", "refs/heads/main")).toContain(await clone.git("rev-parse", "main"));
});

const bot = ({ world }: Awaited<ReturnType<typeof openEmpty>>) => {
  const user = world.users.get("offshoot[bot]");
  if (!user) throw new Error("the App has no bot");
  return user;
};

test("custom refs and notes are pushed atomically: one stale lease, and nothing moves", async () => {
  const { clone } = await openWithMain();
  const first = await clone.git("rev-parse", "main");
  await clone.git("notes", "--ref=offshoot/01AB", "add", "-m", "a checkpoint", "main");
  await clone.git("push", "-q", "--atomic", "origin", "main:refs/offshoot/sessions/01AB", "refs/notes/offshoot/01AB");
  const second = await clone.commit("c.txt", "c");

  const stale = [
    "--force-with-lease=refs/heads/other:1111111111111111111111111111111111111111",
    "main:refs/heads/other",
  ];
  const lease = `--force-with-lease=refs/offshoot/sessions/01AB:${first}`;
  const push = ["push", "--atomic", "origin", lease, "main:refs/offshoot/sessions/01AB"];
  await expect(clone.git(...push, ...stale)).rejects.toMatchObject({ stderr: expect.stringMatching(/stale info/) });
  expect(await clone.git("ls-remote", "origin", "refs/offshoot/*")).toBe(`${first}\trefs/offshoot/sessions/01AB`);

  await clone.git(...push);
  expect(await clone.git("ls-remote", "origin", "refs/offshoot/*")).toBe(`${second}\trefs/offshoot/sessions/01AB`);
  await clone.commit("c.txt", "d");
  await expect(clone.git(...push)).rejects.toMatchObject({ stderr: expect.stringMatching(/stale info/) });
});

test("refs/pull is the server's own: it can be fetched, not pushed", async () => {
  const { clone, maintainer } = await openWithMain();
  await clone.git("checkout", "-q", "-b", "fix");
  const tip = await clone.commit("fix.txt", "fixed");
  await clone.git("push", "-q", "origin", "fix");
  await maintainer.rest.pulls.create({ owner: "octo", repo: "sample", title: "Fix", head: "fix", base: "main" });

  await clone.git("fetch", "-q", "origin", "refs/pull/1/head");
  expect(await clone.git("rev-parse", "FETCH_HEAD")).toBe(tip);
  await expect(clone.git("push", "origin", "main:refs/pull/1/head")).rejects.toMatchObject({
    stderr: expect.stringMatching(/hidden ref/),
  });
});

test("each push is told once, as its pusher's, also when two push at the same time", async () => {
  const { github, clone } = await openWithMain();
  const other = await openClone(github, mintToken(github.world, { kind: "run", user: bot(github) }));
  await other.git("pull", "-q", "origin", "main");
  const told: WorldEvents["ref"][0][] = [];
  github.world.bus.on("ref", (event) => void told.push(event));
  await Promise.all(
    [clone, other].flatMap(({ git }, who) =>
      ["a", "b", "c"].map((name) => git("push", "-q", "origin", `main:refs/heads/${name}${who}`)),
    ),
  );
  await clone.git("push", "-q", "origin", ":a0");

  const lines = told.map(
    ({ ref, sender, after, startsWorkflows }) => `${ref} ${sender.login} ${after ? "set" : "gone"} ${startsWorkflows}`,
  );
  expect(lines.slice(0, 6).sort()).toEqual([
    "refs/heads/a0 maintainer set true",
    "refs/heads/a1 offshoot[bot] set false",
    "refs/heads/b0 maintainer set true",
    "refs/heads/b1 offshoot[bot] set false",
    "refs/heads/c0 maintainer set true",
    "refs/heads/c1 offshoot[bot] set false",
  ]);
  expect(lines.slice(6)).toEqual(["refs/heads/a0 maintainer gone true"]);
});

test("a pack too large for git's buffer comes in pieces, and the pull request follows", async () => {
  const { clone, maintainer } = await openWithMain();
  await clone.git("checkout", "-q", "-b", "big");
  await clone.commit("small.txt", "small");
  await clone.git("push", "-q", "origin", "big");
  const at = { owner: "octo", repo: "sample" };
  const pull = await maintainer.rest.pulls.create({ ...at, title: "Big", head: "big", base: "main" });
  const tip = await clone.commit("big.bin", randomBytes(2_000_000).toString("base64"));
  await clone.git("push", "-q", "origin", "big");
  const { data } = await maintainer.rest.pulls.get({ ...at, pull_number: pull.data.number });
  expect([data.head.sha, data.commits]).toEqual([tip, 2]);
});
