import { describe, expect, test, vi } from "vitest";
import { archivedJournal, archivedTip, findArchived } from "../../../src/sessions/archive/archive.ts";
import { clean, deleteSession } from "../../../src/sessions/archive/clean.ts";
import { explainOutOfReach } from "../../../src/sessions/archive/out-of-reach.ts";
import { purgeSession } from "../../../src/sessions/archive/purge.ts";
import { fact } from "../../../src/sessions/decide.ts";
import { gitStore } from "../../../src/sessions/git/git-store.ts";
import { Repository } from "../../../src/sessions/git/repository.ts";
import type { SessionId } from "../../../src/sessions/ids.ts";
import { compose, refOf } from "../../../src/sessions/store.ts";
import { asked, given, hand, newSession, tipOf } from "../events.ts";
import { dies } from "../remote.ts";
import { cleaner, noteOn, personsClone, pictureOf, remoteWithSessions, useSession } from "./archive-world.ts";

const secret = "the password is swordfish";
const all = { days: 30, models: [] };

/** Every object of a repository, refs or none leading to it, as text. */
async function everything(repository: Repository): Promise<string> {
  const list = await repository.raw(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
  const objects = await repository.read(list.split("\n").filter(Boolean));
  return objects.map((object) => object?.toString("latin1")).join("\n");
}

describe("purge", () => {
  test("leaves nothing that the session said, and that there was one", async () => {
    const { remote, clone, sessions } = await remoteWithSessions(3, { texts: ["one", secret, "three"] });
    const { id, tip, work } = given(sessions[1]);
    const [first, , third] = sessions.map(({ id }) => id);
    await deleteSession(cleaner(clone), id);
    await clean(cleaner(await remote.clone()), all, { dryRun: false });
    expect(await everything(remote.bare)).toContain("swordfish");

    const purge = await purgeSession(cleaner(await remote.clone()), id);
    expect(purge.kind).toBe("purged");
    await remote.bare.raw(["gc", "--quiet", "--prune=now"]);
    expect(await everything(remote.bare)).not.toContain("swordfish");

    const other = await remote.clone();
    expect(await findArchived(other, "")).toEqual([first, id, third]);
    const { session, commit } = given(await archivedTip(other, id));
    expect(session).toMatchObject({ session: id, status: "retired", deleted: "purged", description: "purged" });
    expect(session).toMatchObject({
      created_at: tip.session.created_at,
      created_by: tip.session.created_by,
      queue: [],
    });
    expect((await archivedJournal(other, id)).map(({ events }) => events.map(({ type }) => type))).toEqual([
      ["session.opened", "session.deleted", "session.retired"],
    ]);
    expect(await remote.bare.raw(["rev-list", "--count", commit])).toBe("1\n");
    for (const kept of [given(first), given(third)]) {
      const journal = await archivedJournal(other, kept);
      expect(journal.map(({ events }) => events.at(-1)?.type)).toEqual([
        "wake.requested",
        "lease.released",
        "session.retired",
      ]);
    }
    const noted = await remote.bare.raw(["log", "--notes=offshoot/*", "--format=%s:%N", "--branches", "--not", "main"]);
    expect(noted).toContain('prompt = "three"');
    expect(noted).toContain(`Work of ${id}:\n`);
    expect(await remote.bare.resolve(work)).toBe(work);
    expect(await remote.bare.ask(["fsck", "--strict"])).toMatchObject({ code: 0 });
  });

  test("of a live session deletes it first; one that somebody works on stays as it is", async () => {
    const { remote, clone, there, sessions } = await remoteWithSessions(2, { texts: [secret, "two"] });
    const [idle, busy] = [given(sessions[0]), given(sessions[1])];
    const waiting = tipOf(await gitStore(there).append(compose(busy.id, busy.tip, asked("2"))));
    const taken = {
      facts: [fact(hand(), "lease.taken", { epoch: waiting.session.epoch + 1, holder: "laptop:77" })] as const,
    };
    tipOf(await gitStore(there).append(compose(busy.id, waiting, taken)));
    const before = await pictureOf(remote.bare);
    expect(await purgeSession(cleaner(clone), busy.id)).toMatchObject({
      kind: "kept",
      why: { kind: "held", lease: { holder: "laptop:77" } },
    });
    expect(await pictureOf(remote.bare)).toEqual(before);
    expect(await purgeSession(cleaner(clone), idle.id)).toMatchObject({ kind: "purged" });
    await remote.bare.raw(["gc", "--quiet", "--prune=now"]);
    expect(await everything(remote.bare)).not.toContain("swordfish");
    expect(await gitStore(await remote.clone()).find("")).toEqual([busy.id]);
  });

  test("twice does nothing the second time; of what is not there it says so", async () => {
    const { remote, clone, sessions } = await remoteWithSessions(1);
    const { id } = given(sessions[0]);
    const first = await purgeSession(cleaner(clone), id);
    const after = await pictureOf(remote.bare);
    const second = await purgeSession(cleaner(await remote.clone()), id);
    expect(second).toEqual({ kind: "purged before", tombstone: first.kind === "purged" && first.tombstone });
    expect(await purgeSession(cleaner(clone), newSession())).toEqual({ kind: "missing" });
    expect(await pictureOf(remote.bare)).toEqual(after);
  });

  test("takes its part out of a note that it shares with another session", async () => {
    const { remote, clone, there, sessions } = await remoteWithSessions(3, { texts: ["one", secret, "three"] });
    const [one, two, three] = sessions;
    for (const { id, tip } of [given(two), given(three)]) {
      const text = `session = "${id}"\nprompt = "again ${tip.session.description}"\n`;
      await noteOn(there, id, given(one).work, text);
    }
    await clean(cleaner(clone), all, { dryRun: false });
    expect(await purgeSession(cleaner(clone), given(two).id)).toMatchObject({ kind: "purged" });
    expect((await remote.bare.raw(["notes", "--ref=offshoot/archive", "show", given(one).work])).split("\n")).toEqual([
      `session = "${given(one).id}"`,
      "turn = 1",
      'prompt = "one"',
      "",
      `session = "${given(three).id}"`,
      'prompt = "again three"',
      "",
    ]);
    expect(await remote.bare.raw(["rev-list", "--count", "refs/notes/offshoot/archive"])).toBe("1\n");
  });

  test("says what it cannot reach: branches, pull requests, comments, runs, and sessions that went on from there", async () => {
    const { remote, clone, there, main, sessions } = await remoteWithSessions(1, { texts: [secret] });
    const { id, tip, work } = given(sessions[0]);
    const store = gitStore(there);
    const plan = fact(hand(), "effect.planned", { kind: "pull_request", key: tip.session.branch, thread: 1 });
    const done = fact(hand(), "effect.done", { effect: plan.id, number: 8, url: "https://example.test/pull/8" });
    tipOf(await store.append(compose(id, tip, { facts: [plan, done] })));
    const fork = newSession();
    const forked = fact(hand(), "session.forked", {
      session: fork,
      from: id,
      turn: 1,
      branch: { name: "offshoot/fork", own: true, from: "main", base: main },
      description: "another way",
    });
    tipOf(await store.append(compose(fork, tip, { facts: [forked] })));
    await there.push([
      { ref: "refs/heads/main", from: main, to: work },
      { ref: refOf.branch(`${tip.session.branch}-turn-2`), from: null, to: work },
    ]);
    await deleteSession(cleaner(clone), fork);
    const purge = await purgeSession(cleaner(await remote.clone()), id);
    expect(purge.kind === "purged" && purge.outOfReach).toEqual([
      { what: "branch", where: `${tip.session.branch}-turn-2` },
      { what: "branch", where: "main" },
      { what: "comment", where: "https://example.test/issues/1#1" },
      { what: "run", where: "https://example.test/runs/4711" },
      { what: "pull request", where: "https://example.test/pull/8" },
      { what: "session", where: fork },
    ]);
    const told = explainOutOfReach(purge.kind === "purged" ? purge.outOfReach : []);
    expect(told).toContain("The branch main has commits that the session made.");
    expect(told).toContain("Forks and clones of the repository keep what they have fetched.");
    await remote.bare.raw(["gc", "--quiet", "--prune=now"]);
    expect(await everything(remote.bare)).toContain("swordfish");
    await purgeSession(cleaner(await remote.clone()), fork);
    await remote.bare.raw(["gc", "--quiet", "--prune=now"]);
    expect(await everything(remote.bare)).not.toContain("swordfish");
  });

  test("names no word of the prompt, not in the branch's name either", async () => {
    const { remote, clone, sessions } = await remoteWithSessions(1);
    const { id, tip } = given(sessions[0]);
    await purgeSession(cleaner(clone), id);
    const left = given(await archivedTip(await remote.clone(), id)).session;
    expect(tip.session.branch).toBe(`offshoot/1-fix-${id.slice(-4).toLowerCase()}`);
    expect(left.branch).toBe(`offshoot/1-${id.slice(-4).toLowerCase()}`);
  });

  test("while another session is retired: that one stays in the archive", async () => {
    const { remote, clone, sessions } = await remoteWithSessions(2, { texts: [secret, "two"] });
    const [one, two] = sessions.map(({ id }) => id) as [SessionId, SessionId];
    await deleteSession(cleaner(clone), one);
    const machine = await remote.clone();
    const push = machine.push.bind(machine);
    vi.spyOn(machine, "push").mockImplementationOnce(async (updates) => {
      await deleteSession(cleaner(await remote.clone()), two);
      return push(updates);
    });
    expect(await purgeSession(cleaner(machine), one)).toMatchObject({ kind: "purged" });
    expect(await archivedJournal(await remote.clone(), two)).toHaveLength(3);
    await remote.bare.raw(["gc", "--quiet", "--prune=now"]);
    expect(await everything(remote.bare)).not.toContain("swordfish");
  });

  test("whose connection dies: nothing is done, or all of it", async () => {
    const { remote, clone, sessions } = await remoteWithSessions(1);
    const { id } = given(sessions[0]);
    await deleteSession(cleaner(clone), id);
    const before = await pictureOf(remote.bare);
    await remote.hook("pre-receive", dies.before);
    await expect(purgeSession(cleaner(clone), id)).rejects.toMatchObject({ kind: "unreachable" });
    await remote.hook("pre-receive", null);
    expect((await pictureOf(remote.bare)).refs).toEqual(before.refs);
    await remote.hook("reference-transaction", dies.afterwards);
    expect(await purgeSession(cleaner(clone), id)).toMatchObject({ kind: "purged" });
    await remote.hook("reference-transaction", null);
    expect(await archivedJournal(await remote.clone(), id)).toHaveLength(1);
  });
});

test("purge in somebody's clone leaves nothing there either, once git has collected", async () => {
  const { remote, there, main } = await remoteWithSessions(0);
  const session = await useSession(there, { main, text: secret });
  await useSession(there, { main, text: "another" });
  const git = await personsClone(remote.bare.dir);
  await git(
    "git fetch --quiet origin '+refs/offshoot/*:refs/offshoot/*' '+refs/notes/offshoot/*:refs/notes/offshoot/*'",
  );
  const mine = Repository.at((await git("git rev-parse --absolute-git-dir")).trim(), process.env.PATH ?? "");
  await clean(cleaner(mine), all, { dryRun: false });
  expect(await purgeSession(cleaner(mine), session.id)).toMatchObject({ kind: "purged" });
  await git("git gc --quiet --prune=now");
  expect(await everything(mine)).not.toContain("swordfish");
  expect(await archivedJournal(mine, session.id)).toHaveLength(1);
});
