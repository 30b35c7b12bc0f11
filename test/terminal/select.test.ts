import { describe, expect, test } from "vitest";
import type { SessionId } from "../../src/sessions/ids.ts";
import { given } from "../sessions/events.ts";
import { temporaryFolder } from "./clone-world.ts";
import { inProcess, openReadingWorld } from "./reading-world.ts";

const [one, two, other] = [
  "01JH4QAAAAAAAAAAAAAAAAAAAA",
  "01JH4QBBBBBBBBBBBBBBBBBBBB",
  "01JH5ZCCCCCCCCCCCCCCCCCCCC",
].map((id) => id as SessionId);

const reading = [
  ...["show", "result", "logs", "transcript", "log", "diff", "artifacts", "checkpoints", "stats", "verify"],
  "is-alive",
];

describe("CS2: a unique prefix is enough", () => {
  test("in every command that reads, in either case; one that fits several sessions lists them all", async () => {
    const world = await openReadingWorld();
    for (const session of [one, two, other]) await world.turn(await world.open({ session: given(session) }));
    for (const command of reading) {
      const byPrefix = await world.offshoot(["session", command, "-s", "01jh5"]);
      expect(byPrefix).toEqual(await world.offshoot(["session", command, "-s", given(other)]));
      expect(byPrefix.out + byPrefix.err).not.toBe("");
      expect(await world.offshoot(["session", command, "-s", "01JH4"])).toEqual({
        ...{ code: 5, out: "" },
        err: [
          "01JH4 fits 2 sessions:",
          `  ${one}  Parser drops the minus sign`,
          `  ${two}  Parser drops the minus sign`,
          "Give more of the id.",
          "",
        ].join("\n"),
      });
    }
  });

  test("without one, the session that was used last is meant", async () => {
    const world = await openReadingWorld();
    const first = await world.open({ session: given(other) });
    await world.turn(await world.open({ session: given(one) }));
    await world.turn(first, { answer: "The other one's answer." });
    expect((await world.offshoot(["session", "result"])).out).toBe("The other one's answer.\n");
  });
});

describe("CS28: what cannot be done is said with its reason, and what to do", () => {
  test("no sessions", async () => {
    const world = await openReadingWorld();
    for (const command of ["list", ...reading]) {
      expect(await world.offshoot(["session", command])).toEqual({
        ...{ code: 4, out: "" },
        err:
          "No sessions found.\n" +
          'Begin one with `offshoot run "what to do"`, or bring those of the origin with `offshoot session fetch`.\n',
      });
    }
    expect(await world.offshoot(["session", "stats", "--all"])).toMatchObject({ code: 4, out: "" });
    expect(await world.offshoot(["session", "list", "--json"])).toEqual({ code: 0, out: "[]\n", err: "" });
  });

  test("no session of that id", async () => {
    const world = await openReadingWorld();
    await world.open({ session: given(one) });
    for (const prefix of ["01JH9", "no id", "../main", "*"]) {
      expect(await world.offshoot(["session", "show", "-s", prefix])).toEqual({
        ...{ code: 4, out: "" },
        err:
          `No session here begins with ${prefix}.\n` +
          "`offshoot session list` shows those that are here; `offshoot session fetch` brings those of the origin.\n",
      });
    }
  });

  test("no clone around", async () => {
    const cwd = await temporaryFolder();
    const said = await inProcess({ cwd, env: { PATH: process.env.PATH ?? "" } }, ["session", "list"]);
    expect(said).toMatchObject({ code: 4, out: "" });
    expect(said.err).toContain(`${cwd} is not in a git clone`);
    expect(said.err).toContain("Change into a clone of the repository");
  });

  test("a journal that is corrupt: where, and that nothing was changed", async () => {
    const world = await openReadingWorld();
    const tip = await world.open({ session: given(one) });
    const bad = await world.repository.commit({
      ...{ parents: [tip.commit], message: "by hand", tree: { "events.jsonl": Buffer.from("oops\n") } },
      ...{
        author: { name: "a", email: "a@b", at: new Date() },
        committer: { name: "a", email: "a@b", at: new Date() },
      },
    });
    await world.git("update-ref", `refs/offshoot/sessions/${one}`, bad);
    const said = await world.offshoot(["session", "show"]);
    expect(said).toMatchObject({ code: 1, out: "" });
    expect(said.err).toContain(`The journal is corrupt at commit ${bad}, line 1 of events.jsonl: not JSON.`);
  });

  test("an option that there is not, a number that is none, and two that exclude each other", async () => {
    const world = await openReadingWorld();
    await world.open();
    const wrong = [
      ["show", "--colour"],
      ["logs", "--tail", "0"],
      ["logs", "--tail", "x"],
      ["transcript", "--format", "html"],
      ["stats", "--all", "-s", "01"],
      ["shwo"],
    ];
    for (const args of wrong) {
      const said = await world.offshoot(["session", ...args]);
      expect([args, said.code, said.out]).toEqual([args, 2, ""]);
      expect(said.err).toMatch(/error|exclude/);
    }
  });
});
