import { readFile } from "node:fs/promises";
import { afterAll, expect, test } from "vitest";
import { openWorld, settle } from "./world.ts";

const world = await openWorld();
afterAll(world.close);

test("a comment becomes a session, a turn, and a draft pull request", async () => {
  const comment = await world.comment("/agent make the failing test pass");
  await world.runsDone();

  expect(world.world.comments.get(comment)?.reactions.map(({ content }) => content)).toEqual(["eyes"]);
  expect(world.thread()).toMatchInlineSnapshot(`
    "maintainer: /agent make the failing test pass

    offshoot[bot]: <!-- offshoot:status <ULID> -->
    **Offshoot** · session \`<ULID>\` · idle, waiting for the next \`/agent\`

    | | |
    |---|---|
    | Branch | [\`offshoot/1-parse-250ms-is-more-than-four-hours-<end>\`](<url>/playground/durations/tree/offshoot/1-parse-250ms-is-more-than-four-hours-<end>) |
    | Pull request | [#2](<url>/playground/durations/pull/2) |
    | Run | [<run>](<url>/playground/durations/actions/runs/<run>) |
    | Model | \`openai:scripted\` |
    | Used | 1 turn, 5 steps, <n> tokens in (0 cached), <n> out |

    <details><summary>What you can do</summary>

    \`/agent <what to do>\` goes on with this session, here or on its pull request. While it works, prompts wait in line.

    \`/agent continue\` goes on with what was interrupted; \`--budget $5\` or \`--budget 500k\` (tokens) behind it allows that much more.

    Everything it did: \`git fetch origin refs/offshoot/sessions/<ULID> && git log FETCH_HEAD\`

    </details>

    offshoot[bot]: <!-- offshoot:answer <ULID> 1 -->
    > \`make the failing test pass\` ([asked](<url>/playground/durations/issues/1#issuecomment-<id>) by \`maintainer\`)

    (scripted model, not an AI) Read \`ms\` as milliseconds

    A regular expression takes the first alternative that fits, and in \`src/parse.js\`, \`m\` stood before \`ms\`: \`250ms\` was 250 minutes. I put \`ms\` first: \`(d|h|ms|m|s)\`. \`npm test\` passes.

    <sub>turn 1 of \`<ULID>\` · commit [\`<sha>\`](<url>/playground/durations/commit/<sha>) · pull request [#2](<url>/playground/durations/pull/2) · [run and transcript](<url>/playground/durations/actions/runs/<run>) · <n> s</sub>"
  `);
  const pull = world.world.issues.get(2);
  expect(pull?.pull).toMatchObject({ base: "main", draft: true, merged: false });
  expect(pull && settle(`${pull.title}\n\n${pull.body}`, world.world)).toMatchInlineSnapshot(`
    "(scripted model, not an AI) Read \`ms\` as milliseconds

    <!-- offshoot:work -->
    Work of Offshoot session \`<ULID>\` for #1. It is a draft: read it, then mark it ready or go on with \`/agent <what to do>\` here.

    ### Turn 1 (<sha>)

    (scripted model, not an AI) Read \`ms\` as milliseconds

    A regular expression takes the first alternative that fits, and in \`src/parse.js\`, \`m\` stood before \`ms\`: \`250ms\` was 250 minutes. I put \`ms\` first: \`(d|h|ms|m|s)\`. \`npm test\` passes.

    <!-- /offshoot:work -->"
  `);
  expect([...(await world.refs()).keys()].map((ref) => settle(ref, world.world))).toMatchInlineSnapshot(`
    [
      "refs/heads/main",
      "refs/heads/offshoot/1-parse-250ms-is-more-than-four-hours-<end>",
      "refs/notes/offshoot/<ULID>",
      "refs/offshoot/sessions/<ULID>",
      "refs/offshoot/threads/1",
      "refs/offshoot/threads/2",
      "refs/pull/2/head",
    ]
  `);
});

test("CI runs on the pull request and is green", () => {
  const runs = [...world.world.runs.values()].filter(({ event }) => event === "pull_request");
  expect(runs.map(({ name, conclusion, pulls }) => ({ name, conclusion, pulls }))).toEqual([
    { name: "CI", conclusion: "success", pulls: [2] },
  ]);
});

test("the journal, the notes and the thread's sessions are plain git in a fresh clone", async () => {
  const { git } = await world.clone();
  await git("fetch", "--quiet", "origin", "refs/offshoot/*:refs/offshoot/*", "refs/notes/*:refs/notes/*");
  const [session] = (await git("for-each-ref", "--format=%(refname)", "refs/offshoot/sessions")).split("\n");
  expect(settle(await git("log", "--reverse", "--format=%an: %s", session ?? ""), world.world)).toMatchInlineSnapshot(`
    "maintainer: maintainer opened the session: parse("250ms") is more than four hours
    offshoot[bot]: gave run <run> a token
    offshoot[bot]: run <run> took the session (epoch 1): turn 1 started with openai:scripted
    offshoot[bot]: turn 1 done: (scripted model, not an AI) Read \`ms\` as milliseconds A reg…
    offshoot[bot]: wrote <url>/playground/durations/pull/2
    offshoot[bot]: wrote <url>/playground/durations/issues/1#issuecomment-<id>
    offshoot[bot]: released: nothing left to do"
  `);

  const id = session?.split("/").at(-1);
  expect(await git("show", "refs/offshoot/threads/1:sessions")).toBe(id);
  expect(await git("show", "refs/offshoot/threads/2:sessions")).toBe(id);

  const head = world.world.issues.get(2)?.pull?.headSha ?? "";
  const shown = await git("log", "-1", "--notes=offshoot/*", "--format=%an%n%n%B%n%N", head);
  expect(settle(shown, world.world)).toMatchInlineSnapshot(`
    "offshoot[bot]

    (scripted model, not an AI) Read \`ms\` as milliseconds

    Asked at <url>/playground/durations/issues/1#issuecomment-<id>

    Co-authored-by: maintainer <600002+maintainer@users.noreply.github.com>
    Offshoot-Session: <ULID>
    Offshoot-Turn: 1

    session = "<ULID>"
    turn = 1
    model = "openai:scripted"
    at = "<time>"
    prompt = "make the failing test pass"
    answer = "(scripted model, not an AI) Read \`ms\` as milliseconds\\n\\nA regular expression takes the first alternative that fits, and in \`src/parse.js\`, \`m\` stood before \`ms\`: \`250ms\` was 250 minutes. I put \`ms\` first: \`(d|h|ms|m|s)\`. \`npm test\` passes."
    commands = [ "npm test (exit code 1)", "npm test (exit code 0)" ]
    journal = "refs/offshoot/sessions/<ULID>"

    [usage]
    input = <n>
    output = <n>"
  `);
});

test("the run keeps the session as a page and as its journal, and its summary tells what it did", async () => {
  const artifacts = [...world.world.artifacts.values()];
  const names = artifacts.map(({ name }) => settle(name, world.world));
  expect(names).toEqual(["offshoot-<ULID>.html", "offshoot-<ULID>.jsonl"]);
  const [page = "", journal = ""] = await Promise.all(artifacts.map(({ file }) => readFile(file, "utf8")));
  expect(page).toMatch(/^<!doctype html>/);
  expect(page).toContain("make the failing test pass");
  expect(journal.match(/"type":"turn.ended"/g)).toHaveLength(1);
  const turn = [...world.world.runs.values()].flatMap(({ jobs }) => jobs).find(({ key }) => key === "turn");
  expect(settle(turn?.summary ?? "", world.world)).toMatchInlineSnapshot(`
    "### Offshoot · session \`<ULID>\`

    Session <ULID>\\: turns done\\: 1; nothing is left to do\\.

    #### Turns

    **Turn 1: done** after <n> s, [\`<sha>\`](<url>/playground/durations/commit/<sha>)

    > \\(scripted model, not an AI\\) Read \\\`ms\\\` as milliseconds  
    >
    > A regular expression takes the first alternative that fits, and in \\\`src/parse\\.js\\\`, \\\`m\\\` stood before \\\`ms\\\`\\: \\\`250ms\\\` was 250 minutes\\. I put \\\`ms\\\` first\\: \\\`\\(d\\|h\\|ms\\|m\\|s\\)\\\`\\. \\\`npm test\\\` passes\\.  

    #### Session

    - **\`<ULID>\`** parse\\("250ms"\\) is more than four hours (this session, depth 0)

    #### Usage

    |  | Turns | Tokens in | of them cached | Tokens out |
    | --- | ---: | ---: | ---: | ---: |
    | These turns | 1 | <n> |
    | The session | 1 | <n> |

    #### Changes

    1 file, +1 −1

    | File | Added | Removed |
    | --- | ---: | ---: |
    | \`src/parse.js\` | +1 | −1 |

    #### Where it is

    - Branch [\`offshoot/1-parse-250ms-is-more-than-four-hours-<end>\`](<url>/playground/durations/tree/offshoot/1-parse-250ms-is-more-than-four-hours-<end>) at [\`<sha>\`](<url>/playground/durations/commit/<sha>)
    - [Pull request 2](<url>/playground/durations/pull/2)
    - [Thread 1](<url>/playground/durations/issues/1)
    - \`offshoot-<ULID>.html\`: the session as a page
    - \`offshoot-<ULID>.jsonl\`: its journal, one event a line
    - All of it: \`git fetch origin refs/offshoot/sessions/<ULID> && git log FETCH_HEAD\`

    "
  `);
});

test("a second comment, on the pull request, goes on with the same session, branch and pull request", async () => {
  const [before] = [...world.world.issues.values()].filter(({ pull }) => pull);
  const first = before?.pull?.headSha;
  await world.comment("/agent also add a test for milliseconds", { thread: 2 });
  await world.runsDone();

  expect([...world.world.issues.values()].filter(({ pull }) => pull)).toEqual([before]);
  expect(before?.pull?.headSha).not.toBe(first);
  const { git } = await world.clone();
  expect(await git("log", "--reverse", "--format=%s", `main..origin/${before?.pull?.head}`)).toMatchInlineSnapshot(`
    "(scripted model, not an AI) Read \`ms\` as milliseconds
    (scripted model, not an AI) Test milliseconds next to seconds"
  `);
  expect([...(await world.refs()).keys()].filter((ref) => ref.startsWith("refs/offshoot/sessions/"))).toHaveLength(1);
  expect(world.thread(2)).toMatchInlineSnapshot(`
    "maintainer: /agent also add a test for milliseconds

    offshoot[bot]: <!-- offshoot:status <ULID> -->
    **Offshoot** · session \`<ULID>\` · idle, waiting for the next \`/agent\`

    | | |
    |---|---|
    | Branch | [\`offshoot/1-parse-250ms-is-more-than-four-hours-<end>\`](<url>/playground/durations/tree/offshoot/1-parse-250ms-is-more-than-four-hours-<end>) |
    | Pull request | [#2](<url>/playground/durations/pull/2) |
    | Run | [<run>](<url>/playground/durations/actions/runs/<run>) |
    | Model | \`openai:scripted\` |
    | Used | 2 turns, 10 steps, <n> tokens in (0 cached), <n> out |

    <details><summary>What you can do</summary>

    \`/agent <what to do>\` goes on with this session, here or on its pull request. While it works, prompts wait in line.

    \`/agent continue\` goes on with what was interrupted; \`--budget $5\` or \`--budget 500k\` (tokens) behind it allows that much more.

    Everything it did: \`git fetch origin refs/offshoot/sessions/<ULID> && git log FETCH_HEAD\`

    </details>

    offshoot[bot]: <!-- offshoot:answer <ULID> 2 -->
    > \`also add a test for milliseconds\` ([asked](<url>/playground/durations/pull/2#issuecomment-<id>) by \`maintainer\`)

    (scripted model, not an AI) Test milliseconds next to seconds

    \`test/parse.test.js\` now checks that \`1s 250ms\` is 1,250 milliseconds. It is the one test that my script knows, whatever was asked for. \`npm test\` passes.

    <sub>turn 2 of \`<ULID>\` · commit [\`<sha>\`](<url>/playground/durations/commit/<sha>) · pull request [#2](<url>/playground/durations/pull/2) · [run and transcript](<url>/playground/durations/actions/runs/<run>) · <n> s</sub>"
  `);
});
