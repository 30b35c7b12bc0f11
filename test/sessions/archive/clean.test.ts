import { describe, expect, test, vi } from "vitest";
import { archivedJournal, archivedTip, findArchived } from "../../../src/sessions/archive/archive.ts";
import { clean, deleteSession } from "../../../src/sessions/archive/clean.ts";
import { type Holder, seizeLease } from "../../../src/sessions/decide.ts";
import { gitStore } from "../../../src/sessions/git/git-store.ts";
import type { SessionId } from "../../../src/sessions/ids.ts";
import type { Lease } from "../../../src/sessions/session.ts";
import { type Change, compose, refOf, type SessionStore, type Tip } from "../../../src/sessions/store.ts";
import { asked, given, hand, newSession, tipOf } from "../events.ts";
import { run } from "../model.ts";
import { dies, plainCommit } from "../remote.ts";
import { cleaner, pictureOf, remoteWithSessions, useSession } from "./archive-world.ts";

const rule = { days: 30, models: [] };
const forReal = { dryRun: false };
const ids = (sessions: readonly { id: SessionId }[]) => sessions.map(({ id }) => id);

async function append(store: SessionStore, id: SessionId, change: (tip: Tip) => Change): Promise<Tip> {
  const tip = given(await store.tip(id));
  return tipOf(await store.append(compose(id, tip, change(tip))));
}

const take =
  (holder: string, how: Partial<Holder> = { run: run(4712) }) =>
  (tip: Tip) => {
    const taken = seizeLease(hand(), tip.session, { holder, ...how, isVoid: () => false });
    if (taken.kind !== "taken") throw new Error("somebody has it");
    return taken.change;
  };

describe("clean", () => {
  test("CS18: a dry run says what would be done, and writes nothing", async () => {
    const { remote, there, main, sessions } = await remoteWithSessions(2);
    const busy = await useSession(there, { main, text: "busy" });
    const other = await useSession(there, { main, text: "other", model: "mistral:large" });
    await append(gitStore(there), busy.id, () => asked("2"));
    const before = await pictureOf(remote.bare);
    const only = { days: 30, models: ["gpt-5.5"] };
    const tried = await clean(cleaner(await remote.clone()), only, { dryRun: true });
    expect(await pictureOf(remote.bare)).toEqual(before);
    expect(tried.retired.map(({ session }) => session.session)).toEqual(ids(sessions));
    expect(tried.kept).toEqual([
      { session: other.id, why: { kind: "other model", model: "mistral:large" } },
      { session: busy.id, why: { kind: "waiting", prompts: 1 } },
    ]);
    expect(await clean(cleaner(await remote.clone()), only, forReal)).toEqual(tried);
    expect(await gitStore(await remote.clone()).find("")).toEqual([busy.id, other.id]);
    expect(await findArchived(await remote.clone(), "")).toEqual(ids(sessions));
  });

  test("CS18: takes none that was used within the days, and with nothing to do it writes nothing", async () => {
    const { remote, sessions } = await remoteWithSessions(1);
    const before = await pictureOf(remote.bare);
    const report = await clean(cleaner(await remote.clone(), 29), rule, forReal);
    expect(report).toMatchObject({ retired: [], kept: [{ session: sessions[0]?.id, why: { kind: "recent" } }] });
    expect(await pictureOf(remote.bare)).toEqual(before);
  });

  test("CS18: leaves a live session; one whose run has ended, or whose lease has run out, goes", async () => {
    const { remote, clone, there, sessions } = await remoteWithSessions(3);
    const [live, ended, expired] = ids(sessions);
    const store = gitStore(there);
    await append(store, given(live), take("at work"));
    await append(store, given(ended), take("gone"));
    await append(store, given(expired), take("asleep", { forMs: 60_000 }));
    const isVoid = async ({ holder }: Lease) => holder === "gone";
    const report = await clean({ ...cleaner(await remote.clone()), isVoid }, rule, forReal);
    expect(report.retired.map(({ session }) => session.session)).toEqual([ended, expired]);
    expect(report.kept).toMatchObject([{ session: live, why: { kind: "held", lease: { holder: "at work" } } }]);
    expect((await archivedTip(clone, given(ended)))?.session.lease).toBeUndefined();
  });

  test("passes over a session whose journal is damaged, and says so", async () => {
    const { remote, sessions } = await remoteWithSessions(2);
    const [bad, good] = [given(sessions[0]), given(sessions[1])];
    const tree = { "events.jsonl": Buffer.from("oops\n") };
    const commit = await remote.bare.commit({ ...plainCommit("by hand", [bad.tip.commit]), tree });
    await remote.bare.raw(["update-ref", refOf.session(bad.id), commit]);
    const report = await clean(cleaner(await remote.clone()), rule, forReal);
    expect(report.retired.map(({ session }) => session.session)).toEqual([good.id]);
    expect(report.kept).toMatchObject([{ session: bad.id, why: { kind: "corrupt" } }]);
    expect(await remote.bare.resolve(refOf.session(bad.id))).toBe(commit);
  });

  test("by two at once: every session is retired once, and nothing is lost", async () => {
    const { remote, sessions } = await remoteWithSessions(4);
    const reports = await Promise.all(
      [await remote.clone(), await remote.clone()].map((machine) => clean(cleaner(machine), rule, forReal)),
    );
    expect(reports.flatMap(({ retired }) => retired.map(({ session }) => session.session)).sort()).toEqual(
      ids(sessions),
    );
    const machine = await remote.clone();
    expect(await findArchived(machine, "")).toEqual(ids(sessions));
    for (const id of ids(sessions)) expect(await archivedJournal(machine, id)).toHaveLength(3);
    expect(await remote.bare.raw(["ls-tree", "-r", "--name-only", "refs/notes/offshoot/archive"])).toHaveLength(4 * 42);
  });

  test("while a prompt arrives: that session stays with its prompt, the others go", async () => {
    const { remote, there, sessions } = await remoteWithSessions(3);
    const [, asking] = ids(sessions);
    const machine = await remote.clone();
    const push = machine.push.bind(machine);
    vi.spyOn(machine, "push").mockImplementationOnce(async (updates) => {
      await append(gitStore(there), given(asking), () => asked("2", "one more thing"));
      return push(updates);
    });
    const report = await clean(cleaner(machine), rule, forReal);
    expect(report.retired.map(({ session }) => session.session)).toEqual([sessions[0]?.id, sessions[2]?.id]);
    expect(report.kept).toMatchObject([{ session: asking }]);
    const left = given(await gitStore(await remote.clone()).tip(given(asking)));
    expect(left.session.queue.at(-1)).toMatchObject({ status: "queued", text: "one more thing" });
    expect(await findArchived(await remote.clone(), "")).toEqual([sessions[0]?.id, sessions[2]?.id]);
  });

  test("while another session is retired elsewhere: it is decided again on top of that", async () => {
    const { remote, sessions } = await remoteWithSessions(2);
    const [one, two] = ids(sessions);
    const machine = await remote.clone();
    const push = machine.push.bind(machine);
    vi.spyOn(machine, "push").mockImplementationOnce(async (updates) => {
      await deleteSession(cleaner(await remote.clone()), given(one));
      return push(updates);
    });
    expect(await deleteSession(cleaner(machine), given(two))).toMatchObject({ kind: "deleted" });
    expect(await findArchived(await remote.clone(), "")).toEqual([one, two]);
  });
});

describe("a cleaner that is killed", () => {
  test("before its push: nothing has happened, and the next one does it", async () => {
    const { remote, sessions } = await remoteWithSessions(2);
    const before = await pictureOf(remote.bare);
    const machine = await remote.clone();
    vi.spyOn(machine, "push").mockRejectedValueOnce(new Error("killed"));
    await expect(clean(cleaner(machine), rule, forReal)).rejects.toThrow("killed");
    expect(await pictureOf(remote.bare)).toEqual(before);
    expect((await clean(cleaner(machine), rule, forReal)).retired).toHaveLength(2);
    expect(await findArchived(machine, "")).toEqual(ids(sessions));
  });

  test("after its push: all of it has happened, and the next one finds nothing to do", async () => {
    const { remote, sessions } = await remoteWithSessions(2);
    const machine = await remote.clone();
    const push = machine.push.bind(machine);
    vi.spyOn(machine, "push").mockImplementationOnce(async (updates) => {
      await push(updates);
      throw new Error("killed");
    });
    await expect(clean(cleaner(machine), rule, forReal)).rejects.toThrow("killed");
    const after = await pictureOf(remote.bare);
    expect(await clean(cleaner(machine), rule, forReal)).toEqual({ retired: [], kept: [] });
    expect(await pictureOf(remote.bare)).toEqual(after);
    expect(await findArchived(machine, "")).toEqual(ids(sessions));
  });

  test("in the middle of the push, on the remote: nothing, or all of it, is done, once", async () => {
    const { remote, sessions } = await remoteWithSessions(1);
    const { id } = given(sessions[0]);
    const machine = await remote.clone();
    await remote.hook("pre-receive", dies.before);
    await expect(deleteSession(cleaner(machine), id)).rejects.toMatchObject({ kind: "unreachable" });
    await remote.hook("pre-receive", null);
    expect(await findArchived(machine, "")).toEqual([]);
    await remote.hook("reference-transaction", dies.afterwards);
    const deletion = await deleteSession(cleaner(machine), id);
    await remote.hook("reference-transaction", null);
    expect(deletion).toMatchObject({ kind: "deleted" });
    expect(await archivedJournal(await remote.clone(), id)).toHaveLength(3);
    expect(await gitStore(await remote.clone()).find("")).toEqual([]);
  });
});

describe("delete", () => {
  test("CS17: leaves a tombstone: who, when, and everything that was said before", async () => {
    const { remote, sessions } = await remoteWithSessions(1, { texts: ["make it green"] });
    const { id } = given(sessions[0]);
    const deletion = await deleteSession(cleaner(await remote.clone(), 0), id);
    expect(deletion).toMatchObject({ kind: "deleted", session: { session: id, status: "active" }, branch: "kept" });
    const other = await remote.clone();
    expect((await archivedTip(other, id))?.session).toMatchObject({ status: "retired", deleted: "deleted" });
    const journal = await archivedJournal(other, id);
    expect(journal.at(-1)?.events).toMatchObject([
      { type: "session.deleted", reason: "deleted", by: { login: "ada" } },
      { type: "session.retired" },
    ]);
    expect(JSON.stringify(journal)).toContain("make it green");
    expect(await remote.bare.raw(["log", "-1", "--format=%an: %s", "refs/offshoot/archive^1"])).toBe(
      "ada: ada deleted the session\n",
    );
    expect(await deleteSession(cleaner(other), id)).toEqual({ kind: "missing" });
    expect(await deleteSession(cleaner(other), newSession())).toEqual({ kind: "missing" });
  });

  test("CS17: refuses a live session and names its holder; nothing is written", async () => {
    const { remote, there, sessions } = await remoteWithSessions(1);
    const { id } = given(sessions[0]);
    await append(gitStore(there), id, take("at work"));
    const before = await pictureOf(remote.bare);
    const deletion = await deleteSession(cleaner(await remote.clone()), id);
    expect(deletion).toMatchObject({ kind: "kept", why: { kind: "held", lease: { run: { id: 4712 } } } });
    expect(await pictureOf(remote.bare)).toEqual(before);
  });

  test("CS17: takes the prompts that wait along where nobody works on them; the tombstone shows them", async () => {
    const { remote, clone, there, sessions } = await remoteWithSessions(1);
    const { id } = given(sessions[0]);
    await append(gitStore(there), id, () => asked("2", "never done"));
    expect(await deleteSession(cleaner(clone), id)).toMatchObject({ kind: "deleted" });
    expect((await archivedTip(await remote.clone(), id))?.session.queue.at(-1)).toMatchObject({
      status: "queued",
      text: "never done",
    });
  });
});
