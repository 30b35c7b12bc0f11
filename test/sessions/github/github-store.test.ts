import { describe, expect, test } from "vitest";
import { git } from "../../../playground/github/git.ts";
import { stepsOf } from "../../../src/sessions/chain.ts";
import { gitStore } from "../../../src/sessions/git/git-store.ts";
import { githubStore } from "../../../src/sessions/github/github-store.ts";
import type { SessionId } from "../../../src/sessions/ids.ts";
import { encode } from "../../../src/sessions/journal.ts";
import { formatState } from "../../../src/sessions/session.ts";
import { compose, refOf, type Tip } from "../../../src/sessions/store.ts";
import { at, client } from "../../playground/github-fixture.ts";
import { asked, given, newSession, openIn, opening, tipOf } from "../events.ts";
import { type GithubWorld, githubWorld } from "./github-world.ts";

/** A good append on top of whatever is there. */
function followUp(tip: Tip, id: string) {
  const { events, state } = compose(tip.session.session, tip, asked(id));
  return { "events.jsonl": encode(events), "state.toml": formatState(state) };
}

const openSession = async (world: GithubWorld) => {
  const tip = await openIn(world.store);
  return { tip, session: tip.session.session };
};

const sessionRefs = ({ clone }: GithubWorld) => clone.git("ls-remote", "origin", "refs/offshoot/sessions/*");

describe("AC9: GitHub's API and git are two ways to the same sessions", () => {
  test("the same append makes the same commit, and each reads what the other wrote", async () => {
    const world = await githubWorld();
    const other = gitStore(await world.repository());
    const { session } = await openSession(world);
    const output = { bytes: Buffer.from([0, 255, 10]), "notes.txt": Buffer.from("grün\n") };
    const append = compose(session, given(await other.tip(session)), { ...asked("2"), output });
    const here = tipOf(await world.store.append(append));
    expect(tipOf(await other.append(append))).toEqual(here);
    const there = tipOf(await other.append(compose(session, here, asked("3"))));
    expect(await world.store.tip(session)).toEqual(there);
    expect(await world.store.journal(session)).toEqual(await other.journal(session));
    expect(await world.store.thread(1)).toEqual(await other.thread(1));
    expect(await world.store.find("")).toEqual([session]);
    const { gitDir } = world.github.world;
    expect(await git(gitDir, ["cat-file", "-s", `${here.commit}:output/bytes`])).toBe("3\n");
    expect(await git(gitDir, ["show", `${here.commit}:output/notes.txt`])).toBe("grün\n");
  });

  test("a tip costs one request, a thread one, an append three, an opening four, a lost swap one more", async () => {
    const { store, requestsOf } = await githubWorld();
    const session = newSession();
    await store.thread(1);
    expect((await requestsOf(() => openIn(store, session))).toSorted()).toEqual([
      ...["POST /git/commits", "POST /git/commits", "POST /git/trees", "POST /graphql"],
    ]);
    expect(await requestsOf(() => store.thread(1))).toEqual(["POST /graphql"]);
    expect(await requestsOf(() => store.tip(session))).toEqual(["POST /graphql"]);
    const tip = given(await store.tip(session));
    const swap = ["POST /git/trees", "POST /git/commits", "PATCH /git/refs/offshoot…"];
    expect(await requestsOf(() => store.append(compose(session, tip, asked("2"))))).toEqual(swap);
    expect(await requestsOf(() => store.append(compose(session, tip, asked("3"))))).toEqual([...swap, "POST /graphql"]);
    expect(await requestsOf(() => store.journal(session, 1))).toEqual(["POST /graphql"]);
    expect(await requestsOf(() => store.find("01"))).toEqual(["GET /git/matching-refs/offshoot…"]);
  });
});

describe("a journal", () => {
  test("of more appends than a page holds is read whole, or its end alone", async () => {
    const world = await githubWorld();
    const repository = await world.repository();
    let { tip, session } = await openSession(world);
    await repository.fetch([`+${refOf.session(session)}:${refOf.session(session)}`]);
    const from = tip.commit;
    for (let id = 2; id <= 103; id += 1) {
      const append = compose(session, tip, asked(String(id)));
      tip = { commit: await repository.commit(stepsOf(append)[0].commit), session: append.state };
    }
    expect(await repository.push([{ ref: refOf.session(session), from, to: tip.commit }])).toEqual({ ok: true });
    const { store, requestsOf } = world;
    const all = await store.journal(session);
    expect(all.map(({ events }) => events.at(-1)?.seq)).toEqual(Array.from({ length: 103 }, (_, index) => index + 3));
    expect(await store.journal(session, 101)).toEqual(all.slice(-101));
    expect(await requestsOf(() => store.journal(session))).toHaveLength(2);
    expect(await requestsOf(() => store.journal(session, 100))).toHaveLength(1);
  });

  test("with a text of which GraphQL gives the beginning only is read whole all the same", async () => {
    const { store } = await githubWorld();
    const tip = await openIn(store);
    const text = "long ".repeat(150_000);
    const next = tipOf(await store.append(compose(tip.session.session, tip, asked("2", text))));
    expect(await store.tip(tip.session.session)).toEqual(next);
    const [stored] = await store.journal(tip.session.session, 1);
    expect(stored?.events).toMatchObject([{ text }]);
  });

  test.each([
    ["of another fold", (text: string) => text.replace(/^fold = \d+/, "fold = 0")],
    ["that is missing", () => null],
    ["that is ahead of its events", (text: string) => text.replace(/^seq = 4/m, "seq = 9")],
  ])("beside a state %s is folded again", async (_, damage) => {
    const world = await githubWorld();
    const { tip, session } = await openSession(world);
    const files = followUp(tip, "2");
    const state = damage(files["state.toml"]);
    const events = { "events.jsonl": files["events.jsonl"] };
    const commit = await world.putOnTop(session, state === null ? events : { ...events, "state.toml": state });
    const read = given(await world.store.tip(session));
    expect(read.commit).toBe(commit);
    expect(formatState(read.session)).toBe(files["state.toml"]);
  });

  test.each([
    ["nothing in place of its events", { "state.toml": "" }, "no events.jsonl in this commit"],
    ["a folder in their place", { "events.jsonl/a": "{}\n" }, "no events.jsonl in this commit"],
    ["bytes in their place", { "events.jsonl": "\0\n" }, "not JSON"],
  ])("with %s stops its reader there", async (_, files, reason) => {
    const world = await githubWorld();
    const { session } = await openSession(world);
    const commit = await world.putOnTop(session, files);
    await expect(world.store.tip(session)).rejects.toMatchObject({ kind: "malformed", commit, line: 1 });
    await expect(world.store.journal(session, 1)).rejects.toThrow(reason);
  });
});

test("a chain whose first event is not number one is no journal", async () => {
  const { store, repository: openRepository } = await githubWorld();
  const tip = await openIn(store);
  const { session } = tip.session;
  const repository = await openRepository();
  const { commit } = stepsOf(compose(session, tip, asked("2")))[0];
  const root = await repository.commit({ ...commit, parents: [] });
  await repository.push([{ ref: refOf.session(session), from: tip.commit, to: root }]);
  const gap = { name: "JournalError", kind: "gap", commit: root, line: 1 };
  await expect(store.journal(session)).rejects.toMatchObject(gap);
  await expect(store.journal(session, 1)).rejects.toMatchObject(gap);
});

test("a thread that lists no ids is an error; a session's look-up passes over what is none, and over pages", async () => {
  const world = await githubWorld();
  const { gitDir } = world.github.world;
  const commit = await world.clone.git("rev-parse", "main");
  await git(gitDir, ["update-ref", refOf.thread(2), commit]);
  await expect(world.store.thread(2)).rejects.toMatchObject({ kind: "invalid" });
  const ids = Array.from({ length: 101 }, () => newSession()).toSorted();
  const lines = [...ids, "none"].map((id) => `create refs/offshoot/sessions/${id} ${commit}\n`);
  await git(gitDir, ["update-ref", "--stdin"], { input: lines.join("") });
  expect(await world.store.find("")).toEqual(ids);
});

describe("AC12: a request that fails", () => {
  const move = ["PATCH", /\/git\/refs\//] as const;
  const limit = { headers: { "x-ratelimit-remaining": "0" } };

  test("after the append was applied: it is recognised, and is there once", async () => {
    const world = await githubWorld();
    const { tip, session } = await openSession(world);
    world.github.faults.failNext(...move, 500, { done: true });
    const next = tipOf(await world.store.append(compose(session, tip, asked("2"))));
    expect(await world.store.tip(session)).toEqual(next);
    expect(await world.store.journal(session)).toHaveLength(2);
  });

  test("after it was applied, and others have gone on from there: still recognised", async () => {
    const world = await githubWorld();
    const { tip, session } = await openSession(world);
    const append = compose(session, tip, asked("2"));
    const next = tipOf(await world.store.append(append));
    tipOf(await world.store.append(compose(session, next, asked("3"))));
    expect(tipOf(await world.store.append(append))).toEqual(next);
    expect(await world.store.journal(session)).toHaveLength(3);
  });

  test.each([
    ["502 before anything is done", 502, {}, "unreachable"],
    ["429", 429, {}, "unreachable"],
    ["403 for a rate limit", 403, limit, "unreachable"],
    ["403 for good", 403, {}, "refused"],
    ["422 although the ref is where it was", 422, {}, "refused"],
    ["404", 404, {}, "refused"],
  ])(
    "with %s: nothing is written, the failure is told, the same append succeeds later",
    async (_, status, more, kind) => {
      const world = await githubWorld();
      const { tip, session } = await openSession(world);
      const append = compose(session, tip, asked("2"));
      for (const [method, path] of [move, ["POST", /\/git\/trees$/], ["POST", /\/git\/commits$/]] as const) {
        world.github.faults.failNext(method, path, status, more);
        await expect(world.store.append(append)).rejects.toMatchObject({ name: "StoreError", kind });
        expect(await world.store.tip(session)).toEqual(tip);
      }
      expect((await world.store.append(append)).ok).toBe(true);
      expect(await world.store.journal(session)).toHaveLength(2);
    },
  );

  test("when somebody was faster anyway: the swap is lost", async () => {
    const world = await githubWorld();
    const { tip, session } = await openSession(world);
    tipOf(await world.store.append(compose(session, tip, asked("2"))));
    world.github.faults.failNext(...move, 502);
    const lost = await world.store.append(compose(session, tip, asked("3")));
    expect(lost).toEqual({ ok: false, moved: [refOf.session(session)] });
  });

  test.each([
    ["before a session is opened: it is not, and later it is", 502, false],
    ["whose answer is cut off, before a session is opened: it is not", 200, false],
    ["after a session was opened: it is recognised", 502, true],
    ["whose answer is cut off, after a session was opened: it is recognised", 200, true],
  ])("%s", async (_, status, done) => {
    const { store, github } = await githubWorld();
    await store.thread(1);
    const session = newSession();
    const append = compose(session, null, opening(session));
    github.faults.failNext("POST", /^\/graphql$/, status, { done });
    if (!done) {
      await expect(store.append(append)).rejects.toMatchObject({ kind: "unreachable" });
      expect([await store.tip(session), await store.thread(1)]).toEqual([null, null]);
    }
    expect(await store.tip(tipOf(await store.append(append)).session.session)).not.toBeNull();
    expect((await store.thread(1))?.sessions).toEqual([session]);
    expect(await store.journal(session)).toHaveLength(1);
  });

  test.each([
    ["502", 502, "unreachable"],
    ["an answer that is cut off", 200, "unreachable"],
    ["401", 401, "refused"],
  ])("in a reading, with %s, is told", async (_, status, kind) => {
    const { store, github } = await githubWorld();
    const reads = [() => store.tip(newSession()), () => store.journal(newSession()), () => store.thread(1)];
    for (const read of reads) {
      github.faults.failNext("POST", /^\/graphql$/, status);
      await expect(read()).rejects.toMatchObject({ name: "StoreError", kind });
    }
    github.faults.failNext("GET", /matching-refs/, status);
    await expect(store.find("")).rejects.toMatchObject({ name: "StoreError", kind });
  });

  test("a repository that the token does not see is told as GitHub words it", async () => {
    const { github, token } = await githubWorld();
    const store = githubStore({ octokit: client(github, token), owner: "octo", repo: "other" });
    const looking = store.thread(1);
    await expect(looking).rejects.toMatchObject({ kind: "refused" });
    await expect(looking).rejects.toThrow("Could not resolve to a Repository with the name 'octo/other'");
  });

  test("a token that may only read: every write is refused, and nothing is left behind", async () => {
    const world = await githubWorld();
    const store = githubStore({ octokit: client(world.github, world.github.tokens.outsider), ...at });
    await expect(openIn(store)).rejects.toMatchObject({ kind: "refused" });
    expect(await sessionRefs(world)).toBe("");
  });
});

describe("on a server without updateRefs", () => {
  async function oldWorld() {
    const world = await githubWorld();
    world.github.faults.forgetMutation("updateRefs");
    return world;
  }

  const createRef = ["POST", /\/git\/refs$/] as const;

  test("a session and its thread are opened one after the other", async () => {
    const world = await oldWorld();
    const { session } = await openSession(world);
    expect((await world.store.thread(1))?.sessions).toEqual([session]);
    expect(await world.store.find("")).toEqual([session]);
  });

  test("two racing first comments end in one session, and of the other nothing is left", async () => {
    const world = await oldWorld();
    const ids = [newSession(), newSession()];
    const swaps = await Promise.all(ids.map((id) => world.store.append(compose(id, null, opening(id)))));
    expect(swaps.map(({ ok }) => ok).toSorted()).toEqual([false, true]);
    expect(swaps.find(({ ok }) => !ok)).toEqual({ ok: false, moved: [refOf.thread(1)] });
    const { sessions } = given(await world.store.thread(1));
    expect(await world.store.find("")).toEqual(sessions);
  });

  test("a loser that cannot be withdrawn stays without a thread; the thread is the winner's all the same", async () => {
    const world = await oldWorld();
    const winner = await openSession(world);
    const loser = newSession();
    world.github.faults.failNext("DELETE", /\/git\/refs\//, 500);
    const lost = await world.store.append(compose(loser, null, opening(loser)));
    expect(lost).toEqual({ ok: false, moved: [refOf.thread(1)] });
    expect((await world.store.thread(1))?.sessions).toEqual([winner.session]);
    expect((await world.store.find("")).toSorted()).toEqual([winner.session, loser].toSorted());
  });

  test.each([
    ["the session's ref, before it is made", 0, false],
    ["the session's ref, after it was made", 0, true],
    ["the thread's ref, before it is made", 1, false],
    ["the thread's ref, after it was made", 1, true],
  ])("an answer lost at %s: sent again, the opening is whole and there once", async (_, place, done) => {
    const world = await oldWorld();
    const session: SessionId = newSession();
    const append = compose(session, null, opening(session));
    const body = place === 0 ? refOf.session(session) : refOf.thread(1);
    world.github.faults.failNext(...createRef, 502, { done, body });
    const first = world.store.append(append);
    if (done) expect((await first).ok).toBe(true);
    else await expect(first).rejects.toMatchObject({ kind: "unreachable" });
    tipOf(await world.store.append(append));
    expect((await world.store.thread(1))?.sessions).toEqual([session]);
    expect(await world.store.journal(session)).toHaveLength(1);
  });

  test("one more session on a thread is opened too; what cannot be undone is refused before anything moves", async () => {
    const world = await oldWorld();
    const { tip, session } = await openSession(world);
    const index = given(await world.store.thread(1));
    const newer = newSession();
    const threads = [{ number: 1, from: index.commit, sessions: [session, newer] }];
    tipOf(await world.store.append(compose(newer, null, { ...opening(newer), threads })));
    const now = given(await world.store.thread(1));
    expect(now.sessions).toEqual([session, newer]);
    const resume = { ...asked("2"), threads: [{ number: 1, from: now.commit, sessions: [newer, session] }] };
    const refused = world.store.append(compose(session, tip, resume));
    await expect(refused).rejects.toMatchObject({ kind: "refused" });
    await expect(refused).rejects.toThrow("GraphQL's updateRefs");
    expect(await world.store.tip(session)).toEqual(tip);
  });
});
