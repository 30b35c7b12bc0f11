import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { exec, gate, hold, say, script, write } from "../../playground/scripted-model.ts";
import { type CloneWorld, openClone, openOrigin } from "./clone-world.ts";

const run = promisify(execFile);
const on = async (origin: string, ...args: string[]) => (await run("git", ["-C", origin, ...args])).stdout.trim();
const opened = async (world: CloneWorld, ...args: string[]): Promise<string> =>
  JSON.parse((await world.offshoot("run", "--json", "--new", ...args)).out).session;
const done = { code: 0 };

const threeWrites = script(
  ...[write("a.txt", "1"), say("One."), write("b.txt", "2"), say("Two."), write("c.txt", "3"), say("Three.")],
);

test("what the origin retired leaves the notes of sessions that were retired here alone, and both can be verified", async () => {
  const world = await openClone({ origin: await openOrigin(), model: threeWrites });
  const here = await opened(world, "one");
  expect(await world.offshoot("session", "delete", "-s", here)).toMatchObject(done);
  const there = await opened(world, "two");
  expect(await world.offshoot("session", "push", "-s", there)).toMatchObject(done);
  expect(await world.offshoot("session", "delete", "-s", there)).toMatchObject(done);
  expect(await world.offshoot("session", "fetch")).toMatchObject(done);
  for (const session of [here, there])
    expect(await world.offshoot("session", "verify", "-s", session)).toMatchObject({ ...done, err: "" });
});

test("a person who lets git prune keeps the notes of sessions that are only here", async () => {
  const world = await openClone({ origin: await openOrigin(), model: threeWrites });
  const session = await opened(world, "one");
  const shared = await opened(world, "two");
  await world.git("config", "fetch.prune", "true");
  const notes = await world.git("rev-parse", `refs/notes/offshoot/${session}`);
  await world.offshoot("session", "push", "-s", shared);
  expect(await world.offshoot("run", "--session", shared, "three")).toMatchObject(done);
  expect(await world.offshoot("session", "fetch")).toMatchObject(done);
  expect(await world.git("rev-parse", `refs/notes/offshoot/${session}`)).toBe(notes);
});

test("a session that goes on here while it is pushed loses nothing: the push is taken back and works later", async () => {
  const origin = await openOrigin();
  const thinking = gate();
  const world = await openClone({ origin, model: script(say("One."), hold(thinking, exec("true")), say("Two.")) });
  const session = await opened(world, "one");
  await run("mkfifo", [join(origin, "reached"), join(origin, "go")]);
  const hook = "#!/bin/sh\n[ -e once ] && exit 0\ntouch once; echo > reached; cat go\n";
  await writeFile(join(origin, "hooks/pre-receive"), hook, { mode: 0o755 });
  const pushing = world.start({ args: ["session", "push"] });
  await readFile(join(origin, "reached"));
  const running = world.start({ args: ["run", "--last", "two"] });
  await thinking.reached;
  await writeFile(join(origin, "go"), "");
  const { code, err } = await pushing.ended;
  expect(code).toBe(6);
  expect(err).toContain(`Session ${session} went on here while it was pushed`);
  expect(await on(origin, "for-each-ref", "refs/offshoot")).toBe("");
  thinking.release();
  expect(await running.ended).toMatchObject(done);
  expect((await world.only()).usage.turns).toBe(2);
  expect(await world.offshoot("session", "push")).toMatchObject(done);
  expect(await on(origin, "rev-parse", `refs/offshoot/sessions/${session}`)).toBe((await tip(world)).commit);
});

async function tip({ store, only }: CloneWorld) {
  const found = await store.tip((await only()).session);
  if (!found) throw new Error("There is no session.");
  return found;
}

test("what is here and not on the origin stays when another command follows the origin, and is pushed later", async () => {
  const origin = await openOrigin();
  const model = script(say("One."), say("Two."));
  const world = await openClone({ origin, model });
  const session = await opened(world, "one");
  await world.offshoot("session", "push");
  await world.git("update-ref", "-d", `refs/offshoot-origin/sessions/${session}`);
  await world.offshoot("run", "--last", "two");
  const ahead = await tip(world);
  expect(JSON.parse((await world.offshoot("session", "fetch", "--json")).out)).toMatchObject({ diverged: [session] });
  expect(await world.offshoot("session", "push")).toMatchObject(done);
  expect(await on(origin, "rev-parse", `refs/offshoot/sessions/${session}`)).toBe(ahead.commit);
});

test("a session that went on in two places keeps both: here its own, on the origin the other's", async () => {
  const origin = await openOrigin();
  const world = await openClone({ origin, model: script(write("a.txt", "1"), say("One."), say("Two.")) });
  const session = await opened(world, "one");
  await world.offshoot("session", "push");
  const other = await openClone({ origin, model: script(write("a.txt", "1"), say("One."), say("Other.")) });
  await other.offshoot("session", "fetch");
  await world.git("update-ref", "-d", `refs/offshoot-origin/sessions/${session}`);
  await world.offshoot("run", "--last", "two");
  const own = await tip(world);
  await other.offshoot("run", "--last", "other");
  await world.offshoot("session", "fetch");
  const { code, err } = await world.offshoot("session", "checkpoint", "-s", session, "named");
  expect(code).toBe(0);
  expect(err).toContain(`Session ${session} has what is not on the origin`);
  expect(await tip(world)).toEqual(own);
  const push = await world.offshoot("session", "push");
  expect(push.code).toBe(3);
  expect(push.err).toContain("it has gone on there as well");
});

test("a session whose run was killed is pushed with what was saved of its open turn", async () => {
  const origin = await openOrigin();
  const thinking = gate();
  const model = script(write("a.txt", "saved"), hold(thinking, exec("true")), say("One."));
  const world = await openClone({ origin, model });
  const running = world.start({ args: ["run", "one"] });
  await thinking.reached;
  running.kill("SIGKILL");
  await running.ended;
  thinking.release();
  const { session } = await world.only();
  const wip = `refs/offshoot/wip/${session}`;
  const saved = await world.git("commit-tree", "-m", "saved", "-p", "HEAD", "HEAD^{tree}");
  await world.git("update-ref", wip, saved);
  expect(await world.offshoot("session", "push")).toMatchObject(done);
  expect(await on(origin, "rev-parse", wip)).toBe(saved);
});

test("a session on a branch of the person's takes its commits along, and none of the origin's away", async () => {
  const origin = await openOrigin();
  const world = await openClone({ origin, model: threeWrites });
  await world.git("branch", "feature");
  await world.git("push", "--quiet", "origin", "main:feature");
  await opened(world, "--branch", "feature", "one");
  const start = await on(origin, "rev-parse", "main");
  const theirs = await on(
    origin,
    ...["-c", "user.name=G", "-c", "user.email=g@x", "commit-tree", "-m", "Theirs"],
    ...["-p", start, `${start}^{tree}`],
  );
  await on(origin, "update-ref", "refs/heads/feature", theirs);
  const { code, err } = await world.offshoot("session", "push");
  expect(code).toBe(3);
  expect(err).toContain("git push origin feature");
  expect(await on(origin, "for-each-ref", "refs/offshoot")).toBe("");
  await on(origin, "update-ref", "refs/heads/feature", start);
  expect(JSON.parse((await world.offshoot("session", "push", "--json")).out).branch).toBe("feature");
  expect(await on(origin, "rev-parse", "feature")).toBe(await world.git("rev-parse", "feature"));
});

test("an origin whose default branch is master: pushed, gone on with elsewhere, deleted", async () => {
  const origin = await openOrigin();
  await on(origin, "branch", "--move", "main", "master");
  await on(origin, "symbolic-ref", "HEAD", "refs/heads/master");
  const world = await openClone({ origin, model: threeWrites });
  const session = await opened(world, "one");
  expect(await world.offshoot("session", "push")).toMatchObject(done);
  const other = await openClone({ origin, model: threeWrites });
  await other.offshoot("session", "fetch");
  expect(await other.offshoot("run", "--last", "two")).toMatchObject(done);
  expect(await other.offshoot("session", "delete", "-s", session)).toMatchObject(done);
});

test("nothing of a session stays here that is gone on the origin: its notes go with it", async () => {
  const origin = await openOrigin();
  const world = await openClone({ origin, model: threeWrites });
  const session = await opened(world, "one");
  await world.offshoot("session", "push");
  const other = await openClone({ origin, model: threeWrites });
  await other.offshoot("session", "fetch");
  expect(await other.offshoot("session", "purge", "-s", session)).toMatchObject(done);
  expect((await world.offshoot("session", "fetch")).out).toContain("retired on the origin");
  for (const { git } of [world, other])
    expect(await git("for-each-ref", `refs/*/offshoot/${session}`, `refs/offshoot/*/${session}`, "refs/notes")).toBe(
      "",
    );
});

test("an origin whose address is a folder beside the clone is found from a run's own folder, too", async () => {
  const origin = await openOrigin();
  const world = await openClone({ origin, model: threeWrites });
  await opened(world, "one");
  await world.git("remote", "set-url", "origin", relative(world.dir, origin));
  expect(await world.offshoot("session", "push")).toMatchObject(done);
  expect(await world.offshoot("run", "--last", "two")).toMatchObject(done);
});

test("runs on the origin reach it as the person's git does: by their configuration's short name, by their ssh", async () => {
  const origin = await openOrigin();
  const world = await openClone({ origin, model: threeWrites });
  await opened(world, "one");
  await world.offshoot("session", "push");
  await mkdir(join(world.home, ".config/git"), { recursive: true });
  await writeFile(join(world.home, ".config/git/config"), `[url "${dirname(origin)}/"]\n\tinsteadOf = work:\n`);
  await world.git("remote", "set-url", "origin", `work:${basename(origin)}`);
  expect(await world.offshoot("run", "--last", "two")).toMatchObject(done);
  const ssh = join(world.home, "ssh.sh");
  await writeFile(ssh, '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n', { mode: 0o755 });
  await world.git("remote", "set-url", "origin", `ssh://git.example.test${origin}`);
  const env = { GIT_SSH_COMMAND: ssh, GIT_SSH_VARIANT: "ssh" };
  expect(await world.start({ args: ["run", "--last", "three"], env }).ended).toMatchObject(done);
});
