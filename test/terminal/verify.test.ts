import { describe, expect, test } from "vitest";
import { fact } from "../../src/sessions/decide.ts";
import { signature } from "../../src/sessions/git/commit.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import { type Event, encode } from "../../src/sessions/journal.ts";
import { formatState } from "../../src/sessions/session.ts";
import { type Change, compose, refOf, type Tip } from "../../src/sessions/store.ts";
import { given, someCommit } from "../sessions/events.ts";
import { ada, openReadingWorld, prompt, type ReadingWorld } from "./reading-world.ts";
import { published } from "./schemas.ts";

interface Verified {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly check: string;
    readonly findings: readonly { readonly commit: string; readonly line: number | null; readonly reason: string }[];
  }[];
}

/** What is found, by check. */
async function findings(world: ReadingWorld): Promise<Record<string, Verified["checks"][number]["findings"]>> {
  const said = await world.offshoot(["session", "verify", "--json"]);
  const { ok, checks } = published<Verified>("session-verify", said);
  const found = checks.filter(({ findings }) => findings.length > 0);
  expect([ok, said.code]).toEqual(found.length === 0 ? [true, 0] : [false, 1]);
  return Object.fromEntries(found.map(({ check, findings }) => [check, findings]));
}

interface Forged {
  readonly events?: (events: readonly Event[]) => string;
  readonly state?: (state: string) => string | null;
  readonly author?: string;
  readonly parents?: readonly CommitId[];
  readonly output?: Readonly<Record<string, string>>;
}

/** One more append, as somebody would make it who can push and is not this program. */
async function forge(world: ReadingWorld, tip: Tip, forged: Forged, change?: Change): Promise<Tip> {
  const { events: lines = encode, state: stateOf = (state: string) => state } = forged;
  const { session } = tip.session;
  const next = compose(session, tip, change ?? { facts: [fact(ada, "prompt.queued", prompt("more"))] });
  const who = signature({ login: forged.author ?? "ada", id: 7 }, new Date(next.state.last_accessed));
  const state = stateOf(formatState(next.state));
  const output = Object.entries(forged.output ?? {}).map(([name, text]) => [`output/${name}`, Buffer.from(text)]);
  const commit = await world.repository.commit({
    ...{ parents: forged.parents ?? [tip.commit], author: who, committer: who, message: "forged" },
    tree: {
      "events.jsonl": Buffer.from(lines(next.events)),
      ...(state === null ? {} : { "state.toml": Buffer.from(state) }),
      ...Object.fromEntries(output),
    },
  });
  await world.git("update-ref", refOf.session(session), commit);
  return { commit, session: next.state };
}

describe("offshoot session verify", () => {
  test("a session as this program makes it is as it must be, from its first commit to its last", async () => {
    const world = await openReadingWorld();
    const tip = await world.turn(await world.open(), { files: { "a.js": "1\n" } });
    expect(await findings(world)).toEqual({});
    const said = await world.offshoot(["session", "verify"]);
    expect(said.code).toBe(0);
    expect(said.out.split("\n")).toEqual([
      tip.session.session,
      "  ok       chain      2 commits, each on the one before",
      "  ok       events     9 lines that are events",
      "  ok       seq        counted without a gap",
      "  ok       ids        no id twice",
      "  ok       fold       state.toml is the fold of the events, in 2 commits",
      "  ok       author     each commit is by who acted",
      "  ok       notes      1 checkpoint, each with a note",
      "  ok       redaction  nothing that looks like a secret",
      "  ok       hmac       nothing is signed that could be checked",
      "",
    ]);
  });

  test("a line that is no event is named with its commit, and the rest is still looked at", async () => {
    const world = await openReadingWorld();
    const tip = await world.open();
    const bad = await forge(world, tip, { events: () => '{"v":1,"seq":3\n{"v":1,"seq":4,"type":"oops"}\n{' });
    const { commit } = await forge(world, bad, { author: "mallory" });
    const found = await findings(world);
    expect(found.events).toEqual([
      { commit: bad.commit, line: 3, reason: "the last line is torn" },
      { commit: bad.commit, line: 1, reason: "not JSON" },
      { commit: bad.commit, line: 2, reason: 'type: unknown event type "oops"' },
      { commit: bad.commit, line: 3, reason: "not JSON" },
    ]);
    expect(found.author).toMatchObject([{ commit, line: null }]);
    expect(found.fold).toMatchObject([{ commit: bad.commit, reason: expect.stringContaining("no valid event") }]);
    const { code, out } = await world.offshoot(["session", "verify"]);
    expect(code).toBe(1);
    expect(out).toContain(
      `  finding  events     4 findings\n           ${bad.commit}, line 3: the last line is torn\n`,
    );
  });

  test("a gap in the count, and an id that is there twice", async () => {
    const world = await openReadingWorld();
    const tip = await world.open();
    const [first] = (await world.store.journal(tip.session.session)).flatMap(({ events }) => events);
    const twice = (events: readonly Event[]) =>
      encode(events.map((event) => ({ ...event, seq: 7, id: given(first).id })));
    const { commit } = await forge(world, tip, { events: twice });
    expect(await findings(world)).toMatchObject({
      seq: [{ commit, line: 1, reason: "seq is 7 where 3 must follow" }],
      ids: [{ commit, line: 1, reason: `id ${given(first).id} is that of line 1 of ${tip.commit}` }],
    });
  });

  test("a state that is not the fold of the events, in the middle of the chain too; another version's is none", async () => {
    const world = await openReadingWorld();
    const tip = await world.open();
    const changed = await forge(world, tip, { state: (state) => state.replace('login = "ada"', 'login = "eve"') });
    const without = await forge(world, changed, { state: () => null });
    await forge(world, without, { state: (state) => state.replace(/^fold = \d+/, "fold = 1") });
    expect(await findings(world)).toEqual({
      fold: [
        { commit: changed.commit, line: null, reason: "its state.toml is not the fold of the events up to here" },
        { commit: without.commit, line: null, reason: "it has no state.toml" },
      ],
    });
  });

  test("an event that cannot follow those before it", async () => {
    const world = await openReadingWorld();
    const tip = await world.open();
    const released = encodeAs({ type: "lease.released", epoch: 4 });
    const { commit } = await forge(world, tip, { events: released });
    expect((await findings(world)).fold).toEqual([
      {
        ...{ commit, line: 1 },
        reason: "lease.released cannot stand here: nobody holds epoch 4; what comes after it is not folded",
      },
    ]);
  });

  test("a commit with two parents, with none in the middle, or by somebody else than who acted", async () => {
    const world = await openReadingWorld();
    const tip = await world.open();
    const merged = await forge(world, tip, { parents: [tip.commit, world.main] });
    const { commit } = await forge(world, merged, { author: "mallory" });
    expect(await findings(world)).toMatchObject({
      chain: [{ commit: merged.commit, reason: "it has 2 parents where exactly one must be" }],
      author: [
        {
          commit,
          reason:
            "its author is mallory <7+mallory@users.noreply.github.com>, its events are by ada <7+ada@users.noreply.github.com>",
        },
      ],
    });
    const cut = await forge(world, merged, { parents: [] });
    expect(await findings(world)).toMatchObject({
      seq: [{ commit: cut.commit, line: 1 }],
      fold: [{ commit: cut.commit }],
    });
  });

  test("a chain of which only the end is here says where it is cut off", async () => {
    const world = await openReadingWorld();
    const tip = await world.open();
    const turned = await world.turn(tip);
    const { session } = tip.session;
    await world.git("clone", "--quiet", "--bare", "--depth=1", `file://${world.dir}`, "../shallow.git");
    const shallow = `${world.dir}/../shallow.git`;
    await world.git(
      "-C",
      shallow,
      "fetch",
      "--quiet",
      "--depth=1",
      "origin",
      `${refOf.session(session)}:${refOf.session(session)}`,
    );
    await world.git("-C", shallow, "config", "core.bare", "false");
    const said = await world.offshoot(["session", "verify", "--json"], { env: { ...world.env, GIT_DIR: shallow } });
    const [chain] = published<Verified>("session-verify", said).checks;
    expect(chain?.findings).toEqual([
      {
        ...{ commit: turned.commit, line: null },
        reason: `it is the first one that is here, and has a parent, ${tip.commit}, that is not`,
      },
    ]);
  });

  test("a checkpoint without its note, and a note that nobody can read", async () => {
    const world = await openReadingWorld();
    const tip = await world.turn(await world.open(), { files: { "a.js": "1\n" } });
    const lost = await world.append(tip, fact(ada, "checkpoint.made", { turn: 1, commit: someCommit }));
    const noted = given(tip.session.head);
    const who = ["-c", "user.name=a", "-c", "user.email=a@b"];
    await world.git(...who, "notes", `--ref=${refOf.notes(tip.session.session)}`, "add", "-f", "-m", "= oops", noted);
    const { notes } = await findings(world);
    expect(notes?.map(({ reason }) => reason)).toEqual([
      `the note on its checkpoint ${noted} is not TOML`,
      `there is no note on its checkpoint ${someCommit}`,
    ]);
    expect(notes?.at(-1)).toMatchObject({ commit: lost.commit, line: 1 });
  });

  test("a secret that was not taken out is named by its place, and not printed again", async () => {
    const world = await openReadingWorld();
    const token = `ghp_${"a1B2c3D4e5F6g7H8i9J0".repeat(2)}`;
    const tip = await world.open({ prompt: `use ${token}` });
    const { commit } = await forge(world, tip, { output: { "turn-1.txt": `x\n${token}\n` } });
    expect(await findings(world)).toEqual({
      redaction: [
        { commit: tip.commit, line: 2, reason: "it holds what looks like a secret" },
        { commit, line: null, reason: "output/turn-1.txt holds what looks like a secret" },
      ],
    });
    const { out } = await world.offshoot(["session", "verify"]);
    expect(out).not.toContain(token);
  });

  test("what is sealed may look like anything", async () => {
    const world = await openReadingWorld();
    const sealed = `offshoot-sealed:1:ab12:x-ghp_${"a1B2c3D4e5F6g7H8i9J0".repeat(2)}`;
    const message = { role: "tool" as const, call: "call_1", name: "exec", output: sealed };
    const more = [fact(ada, "message.added", { turn: 1, step: 1, message })];
    await world.turn(await world.open(), { more, output: { "long.txt": Buffer.from(sealed.replace(":x-", "\n")) } });
    expect(await findings(world)).toEqual({});
  });

  test("a fork's chain goes on in that of its origin, with the origin's notes", async () => {
    const world = await openReadingWorld();
    const tip = await world.turn(await world.open(), { files: { "a.js": "1\n" } });
    const other = await world.open();
    const branch = { name: "offshoot/fork", own: true, from: "main", base: world.main };
    const { session } = other.session;
    const origin = { from: tip.session.session, turn: 1, branch, description: "fork" };
    const facts = [fact(ada, "session.forked", { session, ...origin })] as const;
    await world.git("update-ref", "-d", refOf.session(session));
    await world.store.append(compose(session, tip, { facts: [...facts] }));
    const said = await world.offshoot(["session", "verify", "-s", session, "--json"]);
    expect(published<Verified>("session-verify", said).ok).toBe(true);
    await world.git("update-ref", refOf.session(session), tip.commit);
    const wrong = await world.offshoot(["session", "verify", "-s", session]);
    expect(wrong).toMatchObject({ code: 1 });
    expect(wrong.out).toContain(`this is the chain of session ${tip.session.session}`);
  });
});

function encodeAs(fields: object): (events: readonly Event[]) => string {
  return ([event]) => {
    const { v, seq, id, at, by } = given(event);
    return `${JSON.stringify({ v, seq, id, at, by, ...fields })}\n`;
  };
}
