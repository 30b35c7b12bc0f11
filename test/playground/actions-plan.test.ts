import { expect, test } from "vitest";
import { mask, readAssignments, readCommand } from "../../playground/actions/commands.ts";
import { openLanes } from "../../playground/actions/lanes.ts";

/** Work in a concurrency group, by name: what began, and how each is ended or cancelled. */
function openGroup() {
  const inTurn = openLanes();
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const cancels = new Map<string, AbortController>();
  const enter = (name: string, group = "g") => {
    const cancel = new AbortController();
    cancels.set(name, cancel);
    const work = () => {
      began.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    };
    return inTurn(group, cancel.signal, work);
  };
  return {
    began,
    enter,
    end: (name: string) => ends.get(name)?.(),
    cancel: (name: string) => cancels.get(name)?.abort(),
  };
}

test("a concurrency group has one at work and one waiting: a newcomer takes the place of whoever waits", async () => {
  const { began, enter, end } = openGroup();
  const [first, second, third] = [enter("a"), enter("b"), enter("c", "G")];
  expect(await second).toBe(false);
  void enter("x", "other");
  expect(began).toEqual(["a", "x"]);
  end("a");
  expect(await first).toBe(true);
  expect(began).toEqual(["a", "x", "c"]);
  end("c");
  expect(await third).toBe(true);
  void enter("d");
  expect(began).toEqual(["a", "x", "c", "d"]);
});

test("whoever gives up while it waits leaves the group to the next one", async () => {
  const { began, enter, end, cancel } = openGroup();
  const [first, second] = [enter("a"), enter("b")];
  cancel("b");
  expect(await second).toBe(false);
  end("a");
  await first;
  void enter("c");
  expect(began).toEqual(["a", "c"]);
});

test.each([
  ["plain text", null],
  ["::endgroup::", { name: "endgroup", message: "" }],
  ["::error file=a.ts,line=7::50%25 wrong%0Areally", { name: "error", message: "50% wrong\nreally" }],
  ["::add-mask::hidden", { name: "add-mask", message: "hidden" }],
  ["std::vector::push", null],
])("the line %s", (line, expected) => {
  expect(readCommand(line)).toEqual(expected);
});

test("a file of assignments holds single lines and blocks", () => {
  expect(readAssignments("F", "a=1=2\nb<<END\nx\n\ny=z\nEND\nc=\n")).toEqual({ a: "1=2", b: "x\n\ny=z", c: "" });
  expect(() => readAssignments("F", "a=1\nnothing")).toThrow(
    'F, line 2: "nothing" is neither name=value nor name<<END.',
  );
  expect(() => readAssignments("F", "a<<END\n1")).toThrow('F, line 1: no line "END" ends the value of a.');
});

test("a secret that contains another is masked whole", () => {
  expect(mask("abc abcdef", ["abc", "abcdef"])).toBe("*** ***");
});
