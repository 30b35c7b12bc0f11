import { describe, expect, test } from "vitest";
import { archivedJournal, archivedTip, archivedTips, findArchived } from "../../../src/sessions/archive/archive.ts";
import { clean, deleteSession } from "../../../src/sessions/archive/clean.ts";
import { gitStore } from "../../../src/sessions/git/git-store.ts";
import { Repository } from "../../../src/sessions/git/repository.ts";
import { refOf } from "../../../src/sessions/store.ts";
import { given, newSession } from "../events.ts";
import { cleaner, noteOn, personsClone, pictureOf, remoteWithSessions, useSession } from "./archive-world.ts";

const all = { days: 30, models: [] };
const path = process.env.PATH ?? "";

describe("a retired session", () => {
  test("CS2: is found by id and by prefix from a machine that never saw it, in order of creation", async () => {
    const { remote, sessions } = await remoteWithSessions(3);
    await clean(cleaner(await remote.clone()), all, { dryRun: false });
    const other = await remote.clone();
    const ids = sessions.map(({ id }) => id);
    const [first = newSession()] = ids;
    expect(await findArchived(other, "")).toEqual(ids);
    expect(await findArchived(other, first)).toEqual([first]);
    expect(await findArchived(other, first.slice(0, 6).toLowerCase())).toEqual(ids);
    expect(await findArchived(other, "7ZZ")).toEqual([]);
    expect(await gitStore(other).find("")).toEqual([]);
  });

  test("is read as it ended, and its whole journal, from a machine that never saw it", async () => {
    const { remote, sessions } = await remoteWithSessions(2, { texts: ["make it green", "make it blue"] });
    const before = await gitStore(await remote.clone()).journal(given(sessions[1]).id);
    await clean(cleaner(await remote.clone()), all, { dryRun: false });
    const other = await remote.clone();
    const { id, tip, work } = given(sessions[1]);
    const read = given(await archivedTip(other, id));
    expect(read.session).toEqual({
      ...tip.session,
      status: "retired",
      seq: tip.session.seq + 1,
      last_accessed: read.session.last_accessed,
      context: { appends_since_cut: tip.session.context.appends_since_cut + 1 },
    });
    expect(read.session.head).toBe(work);
    const journal = await archivedJournal(other, id);
    expect(journal.slice(0, -1)).toEqual(before);
    expect(journal.at(-1)).toMatchObject({
      commit: read.commit,
      events: [{ type: "session.retired", by: { login: "ada" } }],
    });
    expect((await archivedTips(other)).map(({ session }) => session.session)).toEqual(sessions.map(({ id }) => id));
  });

  test("that is not there is null, and has no journal; nor is there anything before the first", async () => {
    const { remote, sessions } = await remoteWithSessions(1);
    const other = await remote.clone();
    const missing = async () => [
      await findArchived(other, ""),
      await archivedTip(other, newSession()),
      await archivedJournal(other, newSession()),
      await archivedTips(other),
    ];
    expect(await missing()).toEqual([[], null, [], []]);
    await deleteSession(cleaner(other), given(sessions[0]).id);
    expect((await missing()).slice(1, 3)).toEqual([null, []]);
  });

  test("with a state of another fold is folded again from its journal", async () => {
    const { remote, sessions } = await remoteWithSessions(1);
    const { id } = given(sessions[0]);
    await deleteSession(cleaner(await remote.clone()), id);
    const { bare } = remote;
    const archive = given(await bare.resolve("refs/offshoot/archive"));
    const [entry] = await bare.read([`${archive}:${id}.toml`]);
    const old = Buffer.from(
      given(entry)
        .toString()
        .replace(/^fold = \d+$/m, "fold = 0"),
    );
    const who = { name: "Grace", email: "g@example.test", at: new Date() };
    const parents = (await bare.raw(["rev-parse", `${archive}^@`])).split("\n").filter(Boolean) as (typeof archive)[];
    const commit = await bare.commit({
      parents,
      author: who,
      committer: who,
      message: "old",
      tree: { [`${id}.toml`]: old },
    });
    await bare.raw(["update-ref", "refs/offshoot/archive", commit]);
    expect((await archivedTip(await remote.clone(), id))?.session).toMatchObject({
      session: id,
      deleted: "deleted",
      status: "retired",
    });
  });

  test("costs a push no line: of all of its refs none is left, and a merged branch goes too", async () => {
    const { remote, there, main, sessions } = await remoteWithSessions(2);
    const [merged, open] = [given(sessions[0]), given(sessions[1])];
    await there.push([
      { ref: "refs/heads/main", from: main, to: merged.work },
      { ref: refOf.wip(merged.id), from: null, to: merged.work },
    ]);
    const report = await clean(cleaner(await remote.clone()), all, { dryRun: false });
    expect(report.retired.map(({ session, branch }) => [session.session, branch])).toEqual([
      [merged.id, "deleted"],
      [open.id, "kept"],
    ]);
    expect([...(await remote.bare.refs("refs/")).keys()]).toEqual(
      [
        "refs/heads/main",
        refOf.branch(open.tip.session.branch),
        "refs/notes/offshoot/archive",
        "refs/offshoot/archive",
      ].sort(),
    );
  });

  test("leaves its thread to the session before it, or takes the thread with it", async () => {
    const { remote, there, main, sessions } = await remoteWithSessions(1);
    const stays = given(sessions[0]);
    const thread = (await gitStore(there).find("")).length + 500;
    const older = await useSession(there, { main, text: "older", thread });
    const newer = await useSession(there, { main, text: "newer", thread });
    const machine = await remote.clone();
    await deleteSession(cleaner(machine), newer.id);
    expect((await gitStore(await remote.clone()).thread(thread))?.sessions).toEqual([older.id]);
    expect(await remote.bare.raw(["log", "-1", "--format=%s", refOf.thread(thread)])).toBe(
      `${older.id} is the active session\n`,
    );
    await deleteSession(cleaner(machine), older.id);
    expect(await gitStore(await remote.clone()).thread(thread)).toBeNull();
    expect(await gitStore(machine).find("")).toEqual([stays.id]);
  });

  test("shows its notes in a plain clone's git log, also where two sessions noted one commit", async () => {
    const { remote, there, sessions } = await remoteWithSessions(3);
    const [one, two] = [given(sessions[0]), given(sessions[1])];
    await noteOn(there, two.id, one.work, "by hand");
    await deleteSession(cleaner(await remote.clone()), one.id);
    await deleteSession(cleaner(await remote.clone()), two.id);
    const git = await personsClone(remote.bare.dir);
    await git("git fetch --quiet origin '+refs/notes/offshoot/*:refs/notes/offshoot/*'");
    const log = (branch: string) => git(`git log -1 --notes='offshoot/*' --format='%N' origin/${branch}`);
    expect(await log(one.tip.session.branch)).toBe(
      `session = "${one.id}"\nturn = 1\nprompt = "prompt 0"\n\nsession = "${two.id}"\nby hand\n\n`,
    );
    expect(await log(given(sessions[2]).tip.session.branch)).toContain('prompt = "prompt 2"');
    expect(await git("git for-each-ref --format='%(refname)' refs/notes")).toBe(
      `refs/notes/offshoot/${given(sessions[2]).id}\nrefs/notes/offshoot/archive\n`,
    );
  });

  test("is kept by one archive, whether retired with others or alone, and git finds nothing wrong with it", async () => {
    const { remote, sessions } = await remoteWithSessions(3);
    const [first, ...rest] = sessions.map(({ id }) => id);
    await deleteSession(cleaner(await remote.clone()), given(first));
    const before = given(await remote.bare.resolve("refs/offshoot/archive"));
    await clean(cleaner(await remote.clone()), all, { dryRun: false });
    const tips = await archivedTips(await remote.clone());
    const parents = (await remote.bare.raw(["rev-parse", "refs/offshoot/archive^@"])).split("\n").filter(Boolean);
    expect(parents).toEqual([before, ...tips.slice(1).map(({ commit }) => commit)]);
    expect(await remote.bare.raw(["log", "-1", "--format=%an: %B", "refs/offshoot/archive"])).toBe(
      `ada: Retired 2 sessions\n\n${rest.join("\n")}\n`,
    );
    expect(await remote.bare.ask(["fsck", "--strict", "--connectivity-only"])).toMatchObject({ code: 0 });
    await remote.bare.raw(["gc", "--quiet", "--prune=now"]);
    expect(await archivedJournal(await remote.clone(), given(first))).toHaveLength(3);
  });

  test("is not brought along when a machine that knows the archive reads another session's journal", async () => {
    const { remote, there, main, sessions } = await remoteWithSessions(1);
    await clean(cleaner(await remote.clone()), all, { dryRun: false });
    const live = await useSession(there, { main, text: "still here" });
    const machine = await remote.clone();
    expect(await findArchived(machine, "")).toHaveLength(1);
    expect(await gitStore(machine).journal(live.id)).toHaveLength(2);
    expect(await machine.ask(["cat-file", "-e", given(sessions[0]).tip.commit])).toMatchObject({ code: 1 });
  });
});

test("in somebody's clone, whose own refs are worked on: the same, and a branch that is checked out stays", async () => {
  const { remote, there, main, sessions } = await remoteWithSessions(2);
  const [one, two] = [given(sessions[0]), given(sessions[1])];
  await there.push([
    { ref: refOf.branch(two.tip.session.branch), from: two.work, to: one.work },
    { ref: "refs/heads/main", from: main, to: one.work },
  ]);
  const git = await personsClone(remote.bare.dir);
  await git(
    "git fetch --quiet origin '+refs/offshoot/*:refs/offshoot/*' '+refs/notes/offshoot/*:refs/notes/offshoot/*' 'refs/heads/offshoot/*:refs/heads/offshoot/*'",
  );
  await git(`git checkout --quiet ${one.tip.session.branch}`);
  const mine = Repository.at((await git("git rev-parse --absolute-git-dir")).trim(), path);
  const before = await pictureOf(mine);
  const tried = await clean(cleaner(mine), all, { dryRun: true });
  expect(await pictureOf(mine)).toEqual(before);
  const report = await clean(cleaner(mine), all, { dryRun: false });
  expect(report.retired.map(({ branch }) => branch)).toEqual(["kept", "deleted"]);
  expect(tried).toEqual(report);
  expect(await findArchived(mine, "")).toEqual([one.id, two.id]);
  expect(await archivedJournal(mine, two.id)).toHaveLength(3);
  expect(await git("git log -1 --notes='offshoot/*' --format=%N")).toContain('prompt = "prompt 0"');
  expect(
    (await git("git for-each-ref --format='%(refname)' refs/heads refs/offshoot refs/notes")).trim().split("\n"),
  ).toEqual([refOf.branch(one.tip.session.branch), "refs/notes/offshoot/archive", "refs/offshoot/archive"]);
  expect((await remote.bare.refs("refs/offshoot/sessions/")).size).toBe(2);
});
