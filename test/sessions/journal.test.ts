import { describe, expect, test } from "vitest";
import type { CommitId } from "../../src/sessions/ids.ts";
import { decode, encode, JournalError, number } from "../../src/sessions/journal.ts";
import { asked, newSession, opening, someCommit } from "./events.ts";

const commit = "c0ffee".padEnd(40, "0") as CommitId;
const events = number(opening(newSession()).facts, 0);
const lines = encode(events);

/** The error that reading `text` as the first append of a chain ends in. */
function corruption(text: string, after = 0): { kind: string; commit: string; line: number; message: string } {
  try {
    decode(text, { commit, after });
  } catch (error) {
    if (error instanceof JournalError) return error;
    throw error;
  }
  throw new Error("the journal was read as if nothing were wrong");
}

test("an append is one JSON object a line, v and seq first, and reads back as it was", () => {
  expect(lines.split("\n").map((line) => line.slice(0, 14))).toEqual([
    '{"v":1,"seq":1',
    '{"v":1,"seq":2',
    '{"v":1,"seq":3',
    "",
  ]);
  expect(decode(lines, { commit, after: 0 })).toEqual(events);
});

test("ids stay when an append is numbered again after a lost swap", () => {
  const { facts } = asked("2");
  const [first, again] = [number(facts, 3), number(facts, 9)];
  expect(again.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  expect([first, again].map((append) => append.map(({ seq }) => seq))).toEqual([[4], [10]]);
});

test("text of any kind stays on its line", () => {
  const text = 'two\nlines\r\n\u2028 and "quotes", \\ and \u0000, 🦜';
  const [event] = number(asked("2", text).facts, 0);
  if (!event) throw new Error("no event");
  expect(encode([event]).match(/\n/g)).toHaveLength(1);
  expect(decode(encode([event]), { commit, after: 0 })).toEqual([event]);
});

describe("nothing is skipped: the reader stops with commit and line", () => {
  const [opened = "", prompt = "", wake = ""] = lines.split("\n");

  test.each([
    ["a line that is not JSON", `${opened}\n{"v":1,"seq":2,\n${wake}\n`, "malformed", 2, "not JSON"],
    ["a blank line", `${opened}\n\n${wake}\n`, "malformed", 2, "not JSON"],
    ["a torn last line", lines.slice(0, -1), "malformed", 3, "torn last line"],
    ["an append without events", "", "malformed", 1, "without events"],
    ["an unknown type", lines.replace("wake.requested", "wake.up"), "malformed", 3, 'unknown event type "wake.up"'],
    ["no type", `${JSON.stringify({ v: 1, seq: 1 })}\n`, "malformed", 1, "unknown event type undefined"],
    ["a field of another kind", lines.replace('"depth":0', '"depth":"0"'), "malformed", 1, "depth"],
    ["a field that is not known", lines.replace('"depth":0', '"depth":0,"x":1'), "malformed", 1, "x"],
    ["another version", lines.replaceAll('"v":1', '"v":2'), "malformed", 1, "v:"],
    ["an abbreviated commit", lines.replace(someCommit, "aaaaaaa"), "malformed", 1, "branch.base: not a commit id"],
    ["an event left out", `${opened}\n${wake}\n`, "gap", 2, "seq is 3 where 2 must follow"],
    ["an event twice", `${opened}\n${prompt}\n${prompt}\n`, "gap", 3, "seq is 2 where 3 must follow"],
  ])("%s", (_, text, kind, line, reason) => {
    const error = corruption(text);
    expect(error).toMatchObject({ kind, line, commit });
    expect(error.message).toContain(reason);
  });

  test("an append that does not follow the one before it", () => {
    expect(corruption(lines, 5)).toMatchObject({ kind: "gap", line: 1 });
  });

  test("the error tells what happened and what to do", () => {
    expect(corruption(`${opened}\n`.replace('"depth":0', '"depth":-1')).message).toMatchInlineSnapshot(
      `"The journal is corrupt at commit c0ffee0000000000000000000000000000000000, line 1 of events.jsonl: depth: Invalid value: Expected >=0 but received -1. Nothing was changed. Look at it with \`git show c0ffee0000000000000000000000000000000000:events.jsonl\`, and move the session's ref back to the last good commit to continue from there."`,
    );
  });
});

test("a fact that is no event is not numbered", () => {
  const [fact] = asked("2").facts;
  expect(() => number([{ ...fact, at: "yesterday" }], 0)).toThrow();
});
