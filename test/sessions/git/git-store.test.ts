import { describe, expect, test } from "vitest";
import type { CommitId, SessionId } from "../../../src/sessions/ids.ts";
import { encode, number } from "../../../src/sessions/journal.ts";
import { formatState } from "../../../src/sessions/session.ts";
import { compose, refOf, type Tip } from "../../../src/sessions/store.ts";
import { transact } from "../../../src/sessions/transact.ts";
import { asked, given, newSession, openIn, opening, tipOf } from "../events.ts";
import { dies, type GitRemote, gitRemote, plainCommit } from "../remote.ts";

const noPause = async () => undefined;

/** Puts a commit with these files on top of a session, as anyone may who can push. */
async function pushOnTop({ bare }: GitRemote, tip: Tip, files: Record<string, string>): Promise<CommitId> {
  const tree = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]));
  const commit = await bare.commit({ ...plainCommit("by hand", [tip.commit]), tree });
  await bare.raw(["update-ref", refOf.session(tip.session.session), commit]);
  return commit;
}

/** A good append on top of whatever is there. */
function followUp(tip: Tip, id: string): { "events.jsonl": string; "state.toml": string } {
  const { events, state } = compose(tip.session.session, tip, asked(id));
  return { "events.jsonl": encode(events), "state.toml": formatState(state) };
}

describe("a commit of a session", () => {
  test("is by the actor, on top of the one before, and holds its own events and the state only", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const first = await openIn(store);
    const output = { "turn-1.txt": Buffer.from("long") };
    const { commit, session } = tipOf(
      await store.append(compose(first.session.session, first, { ...asked("2"), output })),
    );
    const ref = refOf.session(session.session);
    const format = "--format=%an <%ae>%n%cn %ct%n%P%n%s";
    expect(await remote.bare.raw(["log", "-1", format, ref])).toBe(
      [
        "ada <7+ada@users.noreply.github.com>",
        `ada ${Date.parse(session.last_accessed) / 1000}`,
        first.commit,
        "ada asked: make the failing test pass",
        "",
      ].join("\n"),
    );
    expect((await remote.bare.raw(["ls-tree", "-r", "--name-only", ref])).split("\n")).toEqual([
      "events.jsonl",
      "output/turn-1.txt",
      "state.toml",
      "",
    ]);
    const [events] = await remote.bare.read([`${commit}:events.jsonl`]);
    expect(events?.toString().split("\n")).toHaveLength(2);
  });

  test("on the same state, by two writers: ids differ, so exactly one wins", async () => {
    const remote = await gitRemote();
    const [one, two] = [await remote.store(), await remote.store()];
    const { session } = (await openIn(one)).session;
    const tip = given(await two.tip(session));
    const swaps = await Promise.all([
      one.append(compose(session, tip, asked("2"))),
      two.append(compose(session, tip, asked("2"))),
    ]);
    expect(swaps.map(({ ok }) => ok).sort()).toEqual([false, true]);
  });
});

test("up to a tip that was seen, a journal that is here is read without the remote; after it, what others wrote is there", async () => {
  const remote = await gitRemote();
  const writer = await remote.store();
  const { session } = (await openIn(writer)).session;
  const reader = await remote.store();
  const seen = given(await reader.tip(session));
  const other = await transact({ store: writer, session, pause: noPause }, () => ({
    change: asked("2"),
    result: null,
  }));
  const upTo = await reader.journal(session, undefined, seen.commit);
  expect(upTo.map(({ commit }) => commit)).toEqual([seen.commit]);
  const all = await reader.journal(session);
  expect(all.map(({ commit }) => commit)).toEqual([seen.commit, other.ok && other.tip.commit]);

  const late = await remote.store();
  const tip = given(await late.tip(session));
  expect(await late.journal(session, undefined, tip.commit)).toEqual(all);
  expect(await late.journal(session, 1, tip.commit)).toEqual(all.slice(1));
});

describe("a journal that someone damaged", () => {
  test("at its end: nothing reads or writes, the error names commit and line, nothing is overwritten", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const tip = await openIn(store);
    const { session } = tip.session;
    const files = followUp(tip, "2");
    const commit = await pushOnTop(remote, tip, { ...files, "events.jsonl": `${files["events.jsonl"]}{"v":1,` });
    const corrupt = `The journal is corrupt at commit ${commit}, line 2 of events.jsonl: torn last line.`;
    await expect(store.tip(session)).rejects.toThrow(corrupt);
    await expect(store.journal(session)).rejects.toThrow(corrupt);
    const writing = transact({ store, session, pause: noPause }, () => ({ change: asked("3"), result: null }));
    await expect(writing).rejects.toThrow(corrupt);
    expect(await remote.bare.resolve(refOf.session(session))).toBe(commit);
  });

  test("in its middle, under a good append: whoever reads the journal is stopped at commit and line", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const tip = await openIn(store);
    const { session } = tip.session;
    const bad = await pushOnTop(remote, tip, { ...followUp(tip, "2"), "events.jsonl": "oops\n" });
    const second = { commit: bad, session: compose(session, tip, asked("2")).state };
    const top = await pushOnTop(remote, second, followUp(second, "3"));
    await expect(store.journal(session)).rejects.toMatchObject({ kind: "malformed", commit: bad, line: 1 });
    expect((await store.tip(session))?.commit).toBe(top);
  });

  test.each([
    ["without events.jsonl", {}, "no events.jsonl in this commit"],
    ["with an empty one", { "events.jsonl": "" }, "an append without events"],
  ])("by a commit %s", async (_, files, reason) => {
    const remote = await gitRemote();
    const store = await remote.store();
    const tip = await openIn(store);
    const commit = await pushOnTop(remote, tip, { "state.toml": formatState(tip.session), ...files });
    await expect(store.tip(tip.session.session)).rejects.toMatchObject({ kind: "malformed", commit, line: 1 });
    await expect(store.tip(tip.session.session)).rejects.toThrow(reason);
  });

  test("by an event that cannot follow: the fold names it too", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const tip = await openIn(store);
    const events = number(opening(tip.session.session).facts, tip.session.seq);
    const commit = await pushOnTop(remote, tip, { "events.jsonl": encode(events) });
    await expect(store.tip(tip.session.session)).rejects.toMatchObject({ kind: "illegal", commit, line: 1 });
  });
});

describe("state.toml is a cache", () => {
  const damages: readonly [string, (text: string, tip: Tip) => string | null][] = [
    ["of another fold", (text) => text.replace(/^fold = \d+/, "fold = 0")],
    ["that is missing", () => null],
    ["with a merge conflict", (text) => `<<<<<<< ours\n${text}`],
    ["of an earlier append", (_, tip) => formatState(tip.session)],
    ["that is ahead of its events", (text) => text.replace(/^seq = 4/m, "seq = 9")],
  ];

  test.each(damages)("%s is folded again from the journal", async (_, damage) => {
    const remote = await gitRemote();
    const store = await remote.store();
    const tip = await openIn(store);
    const files = followUp(tip, "2");
    const state = damage(files["state.toml"], tip);
    const commit = await pushOnTop(remote, tip, {
      "events.jsonl": files["events.jsonl"],
      ...(state === null ? {} : { "state.toml": state }),
    });
    const read = given(await store.tip(tip.session.session));
    expect(read.commit).toBe(commit);
    expect(formatState(read.session)).toBe(files["state.toml"]);
    const next = tipOf(await store.append(compose(tip.session.session, read, asked("3"))));
    expect(next.session.queue.map(({ source }) => source.id)).toEqual(["1", "2", "3"]);
  });
});

describe("AC12: a push whose connection dies", () => {
  test("when all is done: the append is recognised, and is there once", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const tip = await openIn(store);
    const { session } = tip.session;
    await remote.hook("reference-transaction", dies.afterwards);
    const swap = await store.append(compose(session, tip, asked("2")));
    await remote.hook("reference-transaction", null);
    expect(swap.ok).toBe(true);
    expect(await store.tip(session)).toEqual(tipOf(swap));
    expect(await store.journal(session)).toHaveLength(2);
  });

  test("at the opening of a session: it is open, and its thread knows it", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    await remote.hook("reference-transaction", dies.afterwards);
    const tip = await openIn(store);
    expect((await store.thread(1))?.sessions).toEqual([tip.session.session]);
  });

  test("before anything is done: the store's silence is told, and the next try succeeds", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const tip = await openIn(store);
    const append = compose(tip.session.session, tip, asked("2"));
    await remote.hook("pre-receive", dies.before);
    await expect(store.append(append)).rejects.toMatchObject({ kind: "unreachable" });
    await remote.hook("pre-receive", null);
    expect((await store.append(append)).ok).toBe(true);
    expect(await store.journal(tip.session.session)).toHaveLength(2);
  });
});

test("what the remote refuses for good is told in its words, and nothing is written", async () => {
  const remote = await gitRemote();
  const store = await remote.store();
  const tip = await openIn(store);
  await remote.hook("pre-receive", "echo 'the quota is used up' >&2; exit 1");
  const swap = store.append(compose(tip.session.session, tip, asked("2")));
  await expect(swap).rejects.toMatchObject({ kind: "refused" });
  await expect(swap).rejects.toThrow("the quota is used up");
  expect(await store.tip(tip.session.session)).toEqual(tip);
});

describe("a thread", () => {
  test("is a chain: each change of the active session is a commit", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const older = await openIn(store);
    const newer = newSession();
    const index = given(await store.thread(1));
    const threads = [{ number: 1, from: index.commit, sessions: [...index.sessions, newer] }];
    tipOf(await store.append(compose(newer, null, { ...opening(newer), threads })));
    expect((await store.thread(1))?.sessions).toEqual([older.session.session, newer]);
    expect(await remote.bare.raw(["log", "--format=%an: %s", refOf.thread(1)])).toBe(
      `ada: ${newer} is the active session\nada: ${older.session.session} is the active session\n`,
    );
    expect(await remote.bare.raw(["show", `${refOf.thread(1)}:sessions`])).toBe(`${older.session.session}\n${newer}\n`);
  });

  test("is not mistaken for another whose number begins with its own", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const session = newSession();
    const threads = [{ number: 12, from: null, sessions: [session] }];
    tipOf(await store.append(compose(session, null, { ...opening(session), threads })));
    expect(await store.thread(1)).toBeNull();
    expect((await store.thread(12))?.sessions).toEqual([session]);
  });

  test.each([["no ids\n"], [""]])("that lists %j instead of ids is an error", async (text) => {
    const remote = await gitRemote();
    const tree = { sessions: Buffer.from(text) };
    const commit = await remote.bare.commit({ ...plainCommit("by hand"), tree });
    await remote.bare.raw(["update-ref", refOf.thread(1), commit]);
    const store = await remote.store();
    await expect(store.thread(1)).rejects.toThrow(`${refOf.thread(1)} at ${commit} does not list session ids`);
  });

  test("without a list is an error too", async () => {
    const remote = await gitRemote();
    await remote.bare.raw(["update-ref", refOf.thread(1), await remote.bare.commit(plainCommit("by hand"))]);
    const store = await remote.store();
    await expect(store.thread(1)).rejects.toMatchObject({ kind: "invalid" });
  });
});

describe("look-up", () => {
  test("leaves out what is no session", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const tip = await openIn(store);
    await remote.bare.raw(["update-ref", "refs/offshoot/sessions/notes", tip.commit]);
    expect(await store.find("")).toEqual([tip.session.session]);
  });

  test("no longer finds a session that was retired elsewhere", async () => {
    const remote = await gitRemote();
    const store = await remote.store();
    const tip = await openIn(store);
    expect(await store.find("")).toHaveLength(1);
    await remote.bare.raw(["update-ref", "-d", refOf.session(tip.session.session)]);
    expect(await store.find("")).toEqual([]);
    expect(await store.tip(tip.session.session)).toBeNull();
  });
});

test("a note on a commit, in the session's own notes ref, moves with the session and shows in git log", async () => {
  const remote = await gitRemote();
  const clone = await remote.clone();
  const store = await remote.store();
  const tip = await openIn(store);
  const session: SessionId = tip.session.session;
  const work = await clone.commit(plainCommit("Fix the parser"));
  const ref = refOf.notes(session);
  await clone.raw(["notes", `--ref=${ref}`, "add", "--message=turn = 1", work], {
    ...{ GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@example.test" },
    ...{ GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@example.test" },
  });
  const note = given(await clone.resolve(ref));
  const refs = [
    { ref: refOf.branch("offshoot/1-fix"), from: null, to: work },
    { ref, from: null, to: note },
  ];
  expect(await clone.push(refs)).toEqual({ ok: true });
  const log = await remote.bare.raw(["log", "--notes=offshoot/*", "--format=%s%n%N", "offshoot/1-fix"]);
  expect(log.trim()).toBe("Fix the parser\nturn = 1");
});
