import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { Repository } from "../../../src/sessions/git/repository.ts";
import type { CommitId } from "../../../src/sessions/ids.ts";
import { type RefUpdate, StoreError } from "../../../src/sessions/store.ts";
import { dies, gitRemote, plainCommit } from "../remote.ts";

const main = "refs/heads/main";
const path = process.env.PATH ?? "";

afterEach(() => vi.unstubAllEnvs());

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-git-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

const create = (ref: string, to: CommitId): RefUpdate => ({ ref, from: null, to });

describe("commits", () => {
  test.each([["dependabot[bot]"], ["Zoë 🦜 Ærø"], ["<script>"], ["two\nlines\0"], ['"quoted" \\ #'], ["<>"], [" . "]])(
    "are sound with the author's name %j",
    async (name) => {
      const { bare } = await gitRemote();
      const commit = plainCommit("one");
      const id = await bare.commit({ ...commit, author: { ...commit.author, name } });
      await bare.raw(["update-ref", main, id]);
      expect(await bare.ask(["fsck", "--strict"])).toMatchObject({ code: 0 });
      expect((await bare.raw(["log", "--format=%an|%ae|%at", main])).trim()).toBe(
        `${name.replace(/[<>\n\0]/g, "").trim()}|grace@example.test|1793534400`,
      );
    },
  );

  test("hold their files word for word, in folders too, and none of the parent's", async () => {
    const { bare } = await gitRemote();
    const first = await bare.commit(plainCommit("one"));
    const bytes = Buffer.from([0, 10, 255, 34, 13, 10]);
    const tree = { 'output/turn-1 "ü".bin': bytes, "empty.txt": Buffer.alloc(0) };
    const second = await bare.commit({ ...plainCommit("two", [first]), tree });
    const names = [`${second}:output/turn-1 "ü".bin`, `${second}:empty.txt`, `${second}:file.txt`, `${first}:file.txt`];
    expect(await bare.read(names)).toEqual([bytes, Buffer.alloc(0), null, Buffer.from("one")]);
  });

  test("take a tree that is there already, and several parents", async () => {
    const { bare } = await gitRemote();
    const [one, two] = [await bare.commit(plainCommit("one")), await bare.commit(plainCommit("two"))];
    const tree = (await bare.raw(["rev-parse", `${two}^{tree}`])).trim();
    const merge = await bare.commit({ ...plainCommit("merge", [one, two]), tree });
    expect(await bare.read([`${merge}:file.txt`])).toEqual([Buffer.from("two")]);
    expect(await bare.chain(merge)).toEqual([one, merge]);
    expect(await Promise.all([one, two].map((parent) => bare.isAncestor(parent, merge)))).toEqual([true, true]);
    expect(await bare.isAncestor(merge, one)).toBe(false);
  });

  test("move no ref, also when many are made at once", async () => {
    const { bare } = await gitRemote();
    const ids = await Promise.all(Array.from({ length: 8 }, (_, index) => bare.commit(plainCommit(`${index}`))));
    expect(new Set(ids).size).toBe(8);
    expect(await bare.refs("refs/")).toEqual(new Map());
  });

  test("that git does not take are an error in its words", async () => {
    const { bare } = await gitRemote();
    const made = bare.commit(plainCommit("one", ["b".repeat(40) as CommitId]));
    await expect(made).rejects.toThrow(StoreError);
    await expect(made).rejects.toThrow(/^git fast-import failed: fatal: .*b{40}/);
  });
});

describe("names", () => {
  test("resolve to a full commit id or to nothing", async () => {
    const { bare } = await gitRemote();
    const id = await bare.commit(plainCommit("one"));
    await bare.raw(["update-ref", main, id]);
    const found = await Promise.all(
      ["main", id, id.slice(0, 12), "nope", "", "--all"].map((name) => bare.resolve(name)),
    );
    expect(found).toEqual([id, id, id, null, null, null]);
  });
});

describe("a push", () => {
  test("moves all of its refs", async () => {
    const { bare, clone } = await gitRemote();
    const ours = await clone();
    const [one, two] = [await ours.commit(plainCommit("one")), await ours.commit(plainCommit("two"))];
    expect(await ours.push([create(main, one), create("refs/offshoot/x", one)])).toEqual({ ok: true });
    const updates = [
      { ref: main, from: one, to: two },
      { ref: "refs/offshoot/x", from: one, to: null },
    ];
    expect(await ours.push(updates)).toEqual({ ok: true });
    expect(await bare.refs("refs/")).toEqual(new Map([[main, two]]));
  });

  test("of which one ref has moved moves none, and names just that one", async () => {
    const { bare, clone } = await gitRemote();
    const ours = await clone();
    const [one, two] = [await ours.commit(plainCommit("one")), await ours.commit(plainCommit("two"))];
    await ours.push([create(main, one), create("refs/heads/other", one)]);
    const pushed = await ours.push([
      { ref: main, from: one, to: two },
      { ref: "refs/heads/other", from: two, to: null },
      create("refs/heads/third", two),
    ]);
    expect(pushed).toEqual({ ok: false, moved: ["refs/heads/other"] });
    expect(await bare.refs("refs/heads/")).toEqual(
      new Map([
        [main, one],
        ["refs/heads/other", one],
      ]),
    );
  });

  test("does not create what is there, nor delete what is not", async () => {
    const { clone } = await gitRemote();
    const ours = await clone();
    const [one, two] = [await ours.commit(plainCommit("one")), await ours.commit(plainCommit("two"))];
    await ours.push([create(main, one)]);
    expect(await ours.push([create(main, two)])).toEqual({ ok: false, moved: [main] });
    expect(await ours.push([{ ref: "refs/heads/gone", from: one, to: two }])).toEqual({
      ok: false,
      moved: ["refs/heads/gone"],
    });
  });

  test.each([[""], ["main"], ["abc1234"]])("with %j for an object id never reaches git", async (to) => {
    const { bare, clone } = await gitRemote();
    const ours = await clone();
    const one = await ours.commit(plainCommit("one"));
    await ours.push([create(main, one)]);
    const push = ours.push([{ ref: main, from: one, to: to as CommitId }]);
    await expect(push).rejects.toMatchObject({
      kind: "invalid",
      message: `${main} cannot move to ${JSON.stringify(to)}`,
    });
    expect(await bare.resolve(main)).toBe(one);
  });

  test("from a clone without the history moves all of its refs, on top of any commit that the remote has", async () => {
    const { bare, clone } = await gitRemote();
    const one = await bare.commit(plainCommit("one"));
    const two = await bare.commit(plainCommit("two", [one]));
    const three = await bare.commit(plainCommit("three", [two]));
    await bare.raw(["update-ref", main, three]);
    const ours = await clone();
    await ours.fetch([two], 1);
    const work = await ours.commit(plainCommit("work", [two]));
    expect(await ours.push([create("refs/heads/work", work), { ref: main, from: three, to: work }])).toEqual({
      ok: true,
    });
    expect(await bare.chain(work)).toEqual([one, two, work]);
    expect(await bare.ask(["rev-parse", "--is-shallow-repository"])).toMatchObject({ stdout: "false\n" });
  });

  test("that the remote refuses is told in its words, and is no race", async () => {
    const { clone, hook } = await gitRemote();
    const ours = await clone();
    await hook("pre-receive", "echo 'main is protected' >&2; exit 1");
    const push = ours.push([create(main, await ours.commit(plainCommit("one")))]);
    await expect(push).rejects.toMatchObject({ kind: "refused" });
    await expect(push).rejects.toThrow(/refs\/heads\/main .*pre-receive hook declined.*main is protected/);
  });

  test.each([
    ["before anything is done", "pre-receive", dies.before, null],
    ["when all is done", "reference-transaction", dies.afterwards, "one"],
  ] as const)("whose connection dies %s got no answer", async (_, name, script, applied) => {
    const { bare, clone, hook } = await gitRemote();
    const ours = await clone();
    await hook(name, script);
    const one = await ours.commit(plainCommit("one"));
    await expect(ours.push([create(main, one)])).rejects.toMatchObject({ kind: "unreachable" });
    expect(await bare.resolve(main)).toBe(applied && one);
  });

  test("to where no repository is got no answer, and says what git says", async () => {
    const dir = await folder();
    const remote = { url: join(dir, "nowhere.git"), authorization: async () => undefined };
    const ours = await Repository.open({ dir: join(dir, "ours.git"), remote, path });
    const push = ours.push([create(main, await ours.commit(plainCommit("one")))]);
    await expect(push).rejects.toMatchObject({ kind: "unreachable" });
    await expect(push).rejects.toThrow(/^git push failed: fatal: .*nowhere\.git/);
  });

  test("of byte-identical commits by two writers succeeds twice: this is why every event has a fresh id", async () => {
    const { clone } = await gitRemote();
    const [ours, theirs] = [await clone(), await clone()];
    const [one, same] = [await ours.commit(plainCommit("one")), await theirs.commit(plainCommit("one"))];
    expect(same).toBe(one);
    expect(await ours.push([create(main, one)])).toEqual({ ok: true });
    expect(await theirs.push([create(main, same)])).toEqual({ ok: true });
  });
});

describe("a fetch", () => {
  test("of a pattern that matches nothing is fine, with a depth too, and forgets what is gone", async () => {
    const { bare, clone } = await gitRemote();
    const ours = await clone();
    await bare.raw(["update-ref", main, await bare.commit(plainCommit("one"))]);
    const refspec = `+${main}*:${main}*`;
    for (const depth of [undefined, 1, "all"] as const) {
      await ours.fetch([refspec], depth);
      expect((await ours.refs(main)).size).toBe(1);
      await bare.raw(["update-ref", "-d", main]);
      await ours.fetch([refspec], depth);
      expect((await ours.refs(main)).size).toBe(0);
      await bare.raw(["update-ref", main, await bare.commit(plainCommit("one"))]);
    }
  });

  test("with a depth takes so many commits, and all of them afterwards", async () => {
    const { bare, clone } = await gitRemote();
    const ours = await clone();
    const one = await bare.commit(plainCommit("one"));
    const two = await bare.commit(plainCommit("two", [one]));
    await bare.raw(["update-ref", main, two]);
    await ours.fetch([`+${main}:${main}`], 1);
    expect(await ours.chain(two)).toEqual([two]);
    await ours.fetch([`+${main}:${main}`], "all");
    await ours.fetch([`+${main}:${main}`], "all");
    expect(await ours.chain(two)).toEqual([one, two]);
  });

  test("of a name that is not there says so", async () => {
    const ours = await (await gitRemote()).clone();
    await expect(ours.fetch([`+${main}:${main}`])).rejects.toThrow(
      "git fetch failed: fatal: couldn't find remote ref refs/heads/main",
    );
  });
});

test("hostile configuration of the machine and its user does nothing", async () => {
  const dir = await folder();
  const mark = join(dir, "was-here");
  const hostile = [
    `[core]\n\thooksPath = ${dir}/hooks\n\tfsmonitor = touch ${mark}\n\tsshCommand = touch ${mark}`,
    `[url "/nowhere/"]\n\tinsteadOf = ${tmpdir()}/`,
    `[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = ${dir}/hooks/pre-push`,
    `[transfer]\n\thideRefs = refs/offshoot\n[push]\n\tgpgSign = true\n\tfollowTags = true`,
  ].join("\n");
  await mkdir(join(dir, "hooks"));
  for (const hook of ["pre-push", "reference-transaction", "post-checkout"]) {
    await writeFile(join(dir, "hooks", hook), `#!/bin/sh\ntouch ${mark}\nexit 1\n`, { mode: 0o755 });
  }
  await writeFile(join(dir, ".gitconfig"), hostile);
  for (const [name, value] of Object.entries({
    HOME: dir,
    GIT_CONFIG_GLOBAL: join(dir, ".gitconfig"),
    GIT_CONFIG_SYSTEM: join(dir, ".gitconfig"),
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "core.hooksPath",
    GIT_CONFIG_VALUE_0: join(dir, "hooks"),
    GIT_DIR: join(dir, "elsewhere.git"),
    GIT_SSH_COMMAND: `touch ${mark}`,
    GIT_EXEC_PATH: dir,
  })) {
    vi.stubEnv(name, value);
  }
  const { bare, clone } = await gitRemote();
  const ours = await clone();
  const one = await ours.commit(plainCommit("one"));
  expect(await ours.push([create("refs/offshoot/x", one)])).toEqual({ ok: true });
  await ours.fetch(["+refs/offshoot/*:refs/offshoot/*"]);
  expect(await bare.resolve("refs/offshoot/x")).toBe(one);
  expect(await readdir(dir)).not.toContain("was-here");
});

test("a credential reaches the server, and neither the arguments of git nor any file", async () => {
  const dir = await folder();
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(403).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const bin = join(dir, "bin");
  await mkdir(bin);
  const log = join(dir, "arguments");
  await writeFile(join(bin, "git"), `#!/bin/sh\necho "$@" >> ${log}\nPATH='${path}' exec git "$@"\n`, { mode: 0o755 });
  const secret = `Basic ${Buffer.from("x-access-token:ghs_very_secret").toString("base64")}`;
  const remote = { url: `http://127.0.0.1:${port}/octo/sample.git`, authorization: async () => secret };
  const ours = await Repository.open({ dir: join(dir, "ours.git"), remote, path: `${bin}:${path}` });
  await expect(ours.fetch(["+refs/heads/*:refs/heads/*"])).rejects.toThrow(/403/);
  const updates = [create(main, await ours.commit(plainCommit("one")))];
  for (const way of ["without git", "by git"]) {
    await expect(ours.push(updates), way).rejects.toMatchObject({ kind: "unreachable" });
  }
  expect(seen).toEqual([secret, secret, secret]);
  expect(await readFile(log, "utf8")).toMatch(/fetch .*push /s);
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const contents = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), "latin1")));
  expect(contents.some((content) => content.includes(secret.slice(6)) || content.includes("very_secret"))).toBe(false);
});

test("transfers of one repository run one after another, also after one that failed", async () => {
  const { bare, clone } = await gitRemote();
  const ours = await clone();
  const one = await ours.commit(plainCommit("one"));
  const [failed, pushed, fetched] = await Promise.allSettled([
    ours.fetch(["+refs/heads/nope:refs/heads/nope"]),
    ours.push([create(main, one)]),
    ours.fetch([`+${main}:refs/seen`]),
  ]);
  expect([failed.status, pushed.status, fetched.status]).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect([await bare.resolve(main), await ours.resolve("refs/seen")]).toEqual([one, one]);
});
