import { join } from "node:path";
import { monotonicFactory } from "ulid";
import { describe, expect, test } from "vitest";
import type { SessionId } from "../../src/sessions/ids.ts";
import type { Listed } from "../../src/terminal/listed.ts";
import { hand } from "../sessions/events.ts";
import { temporaryFolder } from "./clone-world.ts";
import { inProcess, openReadingWorld, type ReadingWorld } from "./reading-world.ts";
import { published } from "./schemas.ts";

/** Ids of a list, as the names that the test gave the sessions. */
async function listed({ offshoot }: ReadingWorld, ...args: readonly string[]): Promise<readonly string[]> {
  const said = await offshoot(["session", "list", "--json", ...args]);
  return published<readonly Listed[]>("session-list", said).map(({ description }) => description);
}

describe("offshoot session list", () => {
  test("CS1: ids have 26 characters, and those of one millisecond sort as they were made", async () => {
    const world = await openReadingWorld();
    const newId = monotonicFactory();
    const ids = Array.from({ length: 8 }, () => newId(Date.parse("2026-11-01T12:00:00Z")) as SessionId);
    for (const session of [...ids].reverse()) await world.open({ session });
    expect(await world.store.find("")).toEqual(ids);
    expect(new Set(ids.map((id) => `${id.length} ${id.slice(0, 10)}`)).size).toBe(1);
    const said = await world.offshoot(["session", "list"]);
    expect(
      said.out
        .match(/^[0-7][0-9A-HJKMNP-TV-Z]{25} /gm)
        ?.map((id) => id.trim())
        .sort(),
    ).toEqual(ids);
  });

  test("CS7: filters by model, branch, thread, state and touched path, which compose; the last used first", async () => {
    const world = await openReadingWorld();
    const first = await world.open({ description: "first", branch: "one", thread: 3 });
    await world.turn(first, { model: "openai:gpt-5.5@high", files: { "src/a.js": "1" } });
    const second = await world.open({ description: "second", branch: "two", thread: 3 });
    await world.turn(second, { model: "local:qwen", files: { "docs/a.md": "1" } });
    await world.open({ description: "third", branch: "three" });
    expect(await listed(world)).toEqual(["third", "second", "first"]);
    expect(await listed(world, "--model", "openai:gpt-5.5@high")).toEqual(["first"]);
    expect(await listed(world, "--model", "openai:gpt-5.5,local")).toEqual(["second", "first"]);
    expect(await listed(world, "--branch", "two")).toEqual(["second"]);
    expect(await listed(world, "--thread", "3")).toEqual(["second", "first"]);
    expect(await listed(world, "--status", "queued")).toEqual(["third"]);
    expect(
      await listed(world, "--status", "active", "--thread", "3", "--model", "local,openai", "--recent", "1"),
    ).toEqual(["second"]);
    expect(await listed(world, "--branch", "two", "--model", "openai")).toEqual([]);
    expect(await world.offshoot(["session", "list", "--branch", "four"])).toEqual({
      ...{ code: 0, err: "" },
      out: "None of the 3 sessions here fits.\n",
    });
  });

  test("CA31: --recent 10 --touching src/ names the sessions that changed something there", async () => {
    const world = await openReadingWorld();
    for (let n = 1; n <= 11; n += 1) {
      const tip = await world.open({ description: `in src, ${n}` });
      await world.turn(tip, { files: { [`src/${n}.js`]: "1" } });
    }
    await world.turn(await world.open({ description: "elsewhere" }), {
      files: { "srcs/a.js": "1", "lib/src/b.js": "1" },
    });
    const found = await listed(world, "--recent", "10", "--touching", "src/");
    expect(found).toHaveLength(10);
    expect(found.every((name) => name.startsWith("in src"))).toBe(true);
    expect(await listed(world, "--touching", "./src/7.js")).toEqual(["in src, 7"]);
    expect(await listed(world, "--touching", "lib")).toEqual(["elsewhere"]);
  });

  test("CS8: --tree draws children under the session that opened them", async () => {
    const world = await openReadingWorld();
    const by = hand();
    const parent = await world.open({ description: "the parent", hand: by });
    const child = await world.open({ description: "the older child", parent, hand: by });
    await world.open({ description: "a grandchild", parent: child, hand: by });
    await world.open({ description: "the younger child", parent, hand: by });
    await world.open({ description: "alone", hand: by });
    const { out } = await world.offshoot(["session", "list", "--tree"]);
    const drawn = out.split("\n").map((line) => line.replace(/[0-9A-Z]{26}.*offshoot\/fix-\S+ +/, "· "));
    expect(drawn).toEqual([
      "· alone",
      "· the parent",
      "├─ · the younger child",
      "└─ · the older child",
      "   └─ · a grandchild",
      "",
    ]);
  });

  test("CA33: who opened what, and for whom, is read from the refs alone, the same on another machine", async () => {
    const world = await openReadingWorld();
    const parent = await world.open({ description: "the parent" });
    const agent = hand({ kind: "agent", login: "offshoot", id: 0, for: { login: "grace", id: 8 } });
    await world.open({ description: "by the agent", parent, hand: agent });
    const here = await world.offshoot(["session", "list", "--tree", "--json"]);
    const other = join(await temporaryFolder(), "other");
    await world.git("clone", "--quiet", world.dir, other);
    await world.git("-C", other, "fetch", "--quiet", "origin", "+refs/offshoot/*:refs/offshoot/*");
    expect(await inProcess({ cwd: other, env: world.env }, ["session", "list", "--tree", "--json"])).toEqual(here);
    const [child] = published<readonly Listed[]>("session-list", here).filter(({ depth }) => depth === 1);
    expect(child).toMatchObject({
      parent: parent.session.session,
      created_by: { kind: "agent", login: "offshoot", for: { login: "grace", id: 8 } },
    });
  });

  test("AC1: each has its id, model, description and how much it holds, as the published schema says", async () => {
    const world = await openReadingWorld();
    const tip = await world.turn(await world.open({ thread: 7 }));
    const said = await world.offshoot(["session", "list", "--json"]);
    const { unpriced, ...usage } = tip.session.usage;
    expect(unpriced).toBeGreaterThan(0);
    expect(published("session-list", said)).toEqual([
      {
        id: tip.session.session,
        description: "Parser drops the minus sign",
        ...{ status: "active", phase: "idle", thread: 7, branch: tip.session.branch, parent: null, depth: 0 },
        model: "openai:gpt-5.5",
        created_at: tip.session.created_at,
        last_accessed: tip.session.last_accessed,
        created_by: { kind: "user", login: "ada", id: 7 },
        usage: { ...usage, cost_usd: null },
        seq: tip.session.seq,
      },
    ]);
  });

  test("a session that went on is read again, though what is known of the others is kept", async () => {
    const world = await openReadingWorld();
    const tip = await world.open({ description: "one" });
    await world.open({ description: "other" });
    expect(await listed(world, "--status", "queued")).toHaveLength(2);
    await world.turn(tip);
    expect(await listed(world, "--status", "idle")).toEqual(["one"]);
  });
});
