import { expect, test } from "vitest";
import { mask, readAssignments, readLine } from "../../playground/actions/commands.ts";
import { enter, leave } from "../../playground/actions/concurrency.ts";
import { openLanes, openPlaces } from "../../playground/actions/lanes.ts";
import { startsOn, type Trigger } from "../../playground/actions/triggers.ts";
import { readWorkflow } from "../../playground/actions/workflow.ts";

async function starts(on: string, trigger: Trigger): Promise<boolean> {
  const file = await readWorkflow("w.yml", `on: ${on}\njobs: { a: { runs-on: x, steps: [{ run: "true" }] } }\n`);
  if (!file.ok) throw new Error(file.problems.join("\n"));
  return startsOn(file.workflow.events, trigger);
}

const push = (branch: string): Trigger => ({ event: "push", branch });
const pull = (action: string, base = "main"): Trigger => ({ event: "pull_request", action, base });

test.each<[string, Trigger, boolean]>([
  ["push", push("any/thing"), true],
  ["pull_request", push("main"), false],
  ["[push, pull_request]", push("main"), true],
  ["{ push: { branches: [main] } }", push("main"), true],
  ["{ push: { branches: [main] } }", push("mainly"), false],
  ["{ push: { branches: ['release/*'] } }", push("release/1.2"), true],
  ["{ push: { branches: ['release/*'] } }", push("release/1/2"), false],
  ["{ push: { branches: ['release/**'] } }", push("release/1/2"), true],
  ["{ push: { branches: ['release/**', '!release/old'] } }", push("release/old"), false],
  ["{ push: { branches: ['v[12].[0-9]+'] } }", push("v2.10"), true],
  ["{ push: { branches: ['v[12].[0-9]+'] } }", push("v2x10"), false],
  ["{ push: { branches-ignore: ['offshoot/**'] } }", push("offshoot/1-fix"), false],
  ["{ push: { branches-ignore: ['offshoot/**'] } }", push("main"), true],
  ["{ push: { tags: ['v*'] } }", push("v1"), false],
  ["pull_request", pull("synchronize"), true],
  ["pull_request", pull("closed"), false],
  ["{ pull_request: { types: [closed] } }", pull("closed"), true],
  ["{ pull_request: { branches: [main] } }", pull("opened", "next"), false],
])("on: %s, %o: %s", async (on, trigger, expected) => {
  expect(await starts(on, trigger)).toBe(expected);
});

test("a concurrency group has one running and one pending", () => {
  const newcomer = (name: string, cancelInProgress = false) => ({ name, group: "g", cancelInProgress });
  const first = enter(new Map(), newcomer("a"));
  expect(first).toMatchObject({ starts: true, cancels: [] });
  const second = enter(first.groups, newcomer("b"));
  expect(second).toMatchObject({ starts: false, cancels: [] });
  const third = enter(second.groups, newcomer("c"));
  expect(third).toMatchObject({ starts: false, cancels: ["b"] });
  const impatient = enter(third.groups, newcomer("d", true));
  expect(impatient).toMatchObject({ starts: false, cancels: ["c", "a"] });

  expect(leave(impatient.groups, "g", "c")).toEqual({ groups: impatient.groups, starts: null });
  const left = leave(impatient.groups, "g", "a");
  expect(left.starts).toBe("d");
  expect(leave(left.groups, "g", "d")).toEqual({ groups: new Map(), starts: null });
  expect(enter(new Map(first.groups), { ...newcomer("x"), group: "other" }).starts).toBe(true);
});

test("a pending one that gives up leaves the place free", () => {
  const first = enter(new Map(), { name: "a", group: "g", cancelInProgress: false });
  const second = enter(first.groups, { name: "b", group: "g", cancelInProgress: false });
  expect(leave(second.groups, "g", "b")).toEqual({ groups: first.groups, starts: null });
});

test("whoever gives up while it waits leaves the group to the next one", async () => {
  const lanes = openLanes();
  const enter = (name: string, cancel: AbortController) =>
    lanes.enter({ name, group: "g", cancelInProgress: false, signal: cancel.signal, cancel: () => cancel.abort() });
  const patience = new AbortController();
  expect(await enter("a", new AbortController())).toBe(true);
  const waiting = enter("b", patience);
  patience.abort();
  expect(await waiting).toBe(false);
  lanes.leave("G", "a");
  expect(await enter("c", new AbortController())).toBe(true);
});

test.each([
  ["plain text", { kind: "text", text: "plain text" }],
  ["::group::Install", { kind: "text", text: "##[group]Install" }],
  ["::endgroup::", { kind: "text", text: "##[endgroup]" }],
  [
    "::error file=src/a%2Cb.ts,line=7,col=2::50%25 wrong%0Areally",
    { kind: "text", text: "##[error]src/a,b.ts:7: 50% wrong\nreally" },
  ],
  ["::notice title=a:b::c", { kind: "text", text: "##[notice]c" }],
  ["::add-mask::hidden", { kind: "mask", value: "hidden" }],
  ["::debug::noise", { kind: "hidden" }],
  ["::unknown::x", { kind: "text", text: "::unknown::x" }],
  ["std::vector::push", { kind: "text", text: "std::vector::push" }],
])("the line %s", (line, expected) => {
  expect(readLine(line, null)).toEqual(expected);
});

test("between stop-commands and its word nothing is a command", () => {
  expect(readLine("::stop-commands::word", null)).toEqual({ kind: "stop", until: "word" });
  expect(readLine("::error::x", "word")).toEqual({ kind: "text", text: "::error::x" });
  expect(readLine("::word::", "word")).toEqual({ kind: "resume" });
});

test("a file of assignments holds single lines and blocks", () => {
  expect(readAssignments("F", "a=1=2\nb<<END\nx\n\ny=z\nEND\nc=\n")).toEqual({
    ok: true,
    values: { a: "1=2", b: "x\n\ny=z", c: "" },
  });
  expect(readAssignments("F", "a=1\nnothing")).toEqual({
    ok: false,
    problem: 'F, line 2: "nothing" is neither name=value nor name<<END.',
  });
  expect(readAssignments("F", "a<<END\n1")).toEqual({
    ok: false,
    problem: 'F, line 1: no line "END" ends the value of a.',
  });
});

test("a secret that contains another is masked whole", () => {
  expect(mask("abc abcdef", ["abc", "abcdef"])).toBe("*** ***");
});

test("no more than so many pieces of work go on at once", async () => {
  const place = openPlaces(2);
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) =>
    place(() => {
      began.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const [a, b, c] = [work("a"), work("b"), work("c")];
  expect(began).toEqual(["a", "b"]);
  ends.get("b")?.();
  await b;
  expect(began).toEqual(["a", "b", "c"]);
  ends.get("a")?.();
  ends.get("c")?.();
  await Promise.all([a, c]);
});
