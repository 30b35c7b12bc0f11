import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { git } from "../../playground/github/git.ts";
import type { Run } from "../../playground/world.ts";
import { jobOf, logOf, openWorkshop } from "./workshop.ts";

const checkout = "- uses: actions/checkout@v5";

test("a CI workflow is red, then green after the fix", async () => {
  await using shop = await openWorkshop();
  const ci = `
name: CI
on:
  push:
    branches: [main]
  pull_request:
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      ${checkout}
      - name: Run the tests
        run: node test.mjs
`;
  const red = await shop.push("main", { ".github/workflows/ci.yml": ci, "test.mjs": "process.exit(3)\n" });
  const first = await shop.completed({ sha: red });
  expect(first).toMatchObject({ name: "CI", event: "push", headBranch: "main", conclusion: "failure", number: 1 });
  expect(logOf(first, "test")).toContain("##[error]Process completed with exit code 3.");

  const green = await shop.push("fix", { "test.mjs": "console.log(process.version)\n" });
  const number = await shop.openPull("fix");
  const second = await shop.completed({ sha: green });
  expect(second).toMatchObject({ event: "pull_request", conclusion: "success", pulls: [number], number: 2 });
  expect(logOf(second, "test")).toContain(process.version);
  expect(jobOf(second, "test").steps.map(({ name, conclusion }) => `${name}: ${conclusion}`)).toEqual([
    "Run actions/checkout@v5: success",
    "Run the tests: success",
  ]);
  expect(await shop.webhooksOf(second)).toEqual([
    "workflow_run.requested",
    "workflow_run.in_progress",
    "workflow_run.completed",
  ]);
  expect(shop.complaints).toEqual([]);
});

/** A workflow for dispatches, from its jobs. */
const manual = (jobs: string, rest = "") => `name: Manual\non:\n  workflow_dispatch:\n${rest}\njobs:\n${jobs}`;

test("jobs pass outputs on to those that need them, and a failure skips what needs it", async () => {
  await using shop = await openWorkshop();
  const jobs = `
  build:
    runs-on: ubuntu-latest
    outputs:
      version: \${{ steps.read.outputs.version }}
    steps:
      - id: read
        run: |
          echo "version=1.2" >> "$GITHUB_OUTPUT"
          printf 'COLOUR=blue\\n' >> "$GITHUB_ENV"
          mkdir bin && printf '#!/bin/sh\\necho hello from a tool\\n' > bin/tool && chmod +x bin/tool
          echo "$PWD/bin" >> "$GITHUB_PATH"
          echo "# Built" >> "$GITHUB_STEP_SUMMARY"
      - run: tool && echo "colour $COLOUR \${{ env.COLOUR }} of \${{ inputs.who }}"
  test:
    needs: build
    runs-on: ubuntu-latest
    env:
      VERSION: \${{ needs.build.outputs.version }}
    steps:
      - run: echo "testing $VERSION" && exit 4
        if: "!inputs.lenient"
  publish:
    needs: test
    runs-on: ubuntu-latest
    steps: [{ run: echo published }]
  report:
    needs: [build, publish]
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: echo "publish was \${{ needs.publish.result }}"
  last:
    needs: report
    runs-on: ubuntu-latest
    steps: [{ run: echo all of it went well }]
`;
  const inputs = `
    inputs:
      who: { type: string, required: true }
      lenient: { type: boolean, default: false }
run-name: For \${{ inputs.who }}
`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs, inputs) });
  const strict = await shop.completed({ id: shop.dispatch("manual.yml", { who: "Ada" }) });
  expect(strict.title).toBe("For Ada");
  expect(strict.conclusion).toBe("failure");
  expect(strict.jobs.map((job) => `${job.name}: ${job.conclusion}`)).toEqual([
    "build: success",
    "test: failure",
    "publish: skipped",
    "report: success",
    "last: skipped",
  ]);
  expect(logOf(strict, "build")).toContain("hello from a tool\ncolour blue blue of Ada");
  expect(jobOf(strict, "build").summary).toBe("# Built\n");
  expect(logOf(strict, "test")).toContain("testing 1.2");
  expect(logOf(strict, "report")).toContain("publish was skipped");

  const lenient = await shop.completed({ id: shop.dispatch("manual.yml", { who: "Ada", lenient: "true" }) });
  expect(lenient.conclusion).toBe("success");
  expect(logOf(lenient, "publish")).toContain("published");
  expect(logOf(lenient, "last")).toContain("all of it went well");

  const refused = await shop.completed({ id: shop.dispatch("manual.yml", { whom: "Ada" }) });
  expect(refused.conclusion).toBe("failure");
  expect(logOf(refused, "workflow")).toBe(
    "##[error]Unexpected input `whom`: the workflow does not declare it.\n" +
      "##[error]The required input `who` is missing.",
  );
});

test("a concurrency group runs one, keeps the newest waiting and cancels the one that waited before", async () => {
  await using shop = await openWorkshop();
  const jobs = `
  turn:
    runs-on: ubuntu-latest
    steps:
      - if: inputs.kind == 'long'
        run: |
          ${shop.tell("started")}
          exec sleep 1000
      - run: echo "the turn of \${{ inputs.kind }}"
        if: always()
`;
  const rest = "    inputs: { kind: { required: true } }\nconcurrency:\n  group: session-1\n";
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs, rest) });
  const first = shop.dispatch("manual.yml", { kind: "long" });
  expect(await shop.told()).toBe("started");
  const second = shop.dispatch("manual.yml", { kind: "second" });
  await shop.runWhere((run) => run.id === second);
  const third = shop.dispatch("manual.yml", { kind: "third" });

  expect(await shop.completed({ id: second })).toMatchObject({ conclusion: "cancelled", startedAt: null });
  const running = await shop.runWhere((run) => run.id === first);
  expect(shop.world.runs.get(third)?.status).toBe("queued");

  shop.cancel(running);
  expect((await shop.completed({ id: first })).conclusion).toBe("cancelled");
  expect(logOf(running, "turn")).toContain("##[error]The operation was canceled.\n");
  expect(logOf(running, "turn")).toContain("the turn of long");
  const last = await shop.completed({ id: third });
  expect(last.conclusion).toBe("success");
  expect(logOf(last, "turn")).toContain("the turn of third");
});

test("a step killed from outside fails and says so; what must always run still runs", async () => {
  await using shop = await openWorkshop();
  const jobs = `
  turn:
    runs-on: ubuntu-latest
    steps:
      ${checkout}
      - name: Work
        run: printf 'without a newline' && kill -KILL $$
      - run: echo unreachable
      - name: Clean up
        if: always()
        run: echo cleaned
`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  expect(run.conclusion).toBe("failure");
  expect(jobOf(run, "turn").steps.map(({ name, conclusion }) => `${name}: ${conclusion}`)).toEqual([
    "Run actions/checkout@v5: success",
    "Work: failure",
    "Run echo unreachable: skipped",
    "Clean up: success",
  ]);
  expect(logOf(run, "turn")).toContain("without a newline\n##[error]The process was killed from outside by SIGKILL.");
});

test("nothing of a job survives it, and its folder is gone", async () => {
  await using shop = await openWorkshop();
  const note = (name: string) => `echo $! >> "${shop.world.dir}/${name}"`;
  const jobs = `
  messy:
    runs-on: ubuntu-latest
    steps:
      - run: |
          sleep 1000 & ${note("pids")}
          setsid sleep 1000 & ${note("pids")}
          setsid env -i PATH="$PATH" sleep 1000 & ${note("pids")}
          (cd / && exec setsid sleep 1000) & ${note("pids")}
          (cd / && RUNNER_TRACKING_ID= exec setsid sleep 1000) & ${note("pids")}
          (cd / && exec env -i PATH="$PATH" sleep 1000) & ${note("pids")}
          echo "$PWD" > "${shop.world.dir}/workspace"
          for pid in $(cat "${shop.world.dir}/pids"); do until grep -q sleep /proc/$pid/comm; do :; done; done
`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  expect(run.conclusion).toBe("success");
  const pids = (await readFile(join(shop.world.dir, "pids"), "utf8")).trim().split("\n").map(Number);
  expect(pids).toHaveLength(6);
  expect(pids.filter(isAlive)).toEqual([]);
  const workspace = (await readFile(join(shop.world.dir, "workspace"), "utf8")).trim();
  expect(existsSync(workspace)).toBe(false);
});

test("closing the executor ends what runs", async () => {
  await using shop = await openWorkshop();
  const jobs = `
  endless:
    runs-on: ubuntu-latest
    steps:
      - run: |
          trap 'echo asked' INT TERM
          sleep 1000 &
          ${shop.tell("$!")}
          until wait; do :; done
      - if: always()
        run: echo too late
`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs) });
  const id = shop.dispatch("manual.yml");
  const pid = Number(await shop.told());
  expect(isAlive(pid)).toBe(true);
  await shop.executor.close();
  expect(isAlive(pid)).toBe(false);
  const run = await shop.completed({ id });
  expect(run.conclusion).toBe("cancelled");
  expect(logOf(run, "endless")).toContain("##[error]The operation was canceled.");
  expect(logOf(run, "endless")).not.toContain("##[group]Run echo too late");
  expect(logOf(run, "endless").split("\n")).not.toContain("asked");
});

test("secrets do not show in logs, whatever a step does with them", async () => {
  await using shop = await openWorkshop();
  shop.world.secrets.set("API_KEY", "sk-very-secret\nsecond-line");
  shop.world.variables.set("MODEL", "openai:gpt");
  const jobs = `
  leak:
    runs-on: ubuntu-latest
    steps:
      - env: { KEY: "\${{ secrets.API_KEY }}" }
        run: |
          echo "$KEY and \${{ secrets.GITHUB_TOKEN }} and \${{ github.token }}"
          echo "::add-mask::derived"
          echo "::error::derived 50%25, \${{ vars.MODEL }}"
          echo "::debug::noise"
          echo "::unknown::x"
`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  expect(run.conclusion).toBe("success");
  const log = logOf(run, "leak");
  expect(log).toContain("***\n*** and *** and ***\n##[error]*** 50%, openai:gpt\n::unknown::x");
  expect(log).not.toMatch(/very-secret|second-line|ghs_/);
  expect([...shop.world.tokens.values()].filter(({ kind }) => kind === "run")).toEqual([]);
});

test("an invalid workflow is a failed run that names file, line and reason", async () => {
  await using shop = await openWorkshop();
  const wrong = "on: push\njobs:\n  test:\n    runs-on: x\n    needs: [nobody]\n    steps:\n      - runs: npm test\n";
  const sha = await shop.push("main", { ".github/workflows/wrong.yml": wrong });
  const run = await shop.completed({ sha });
  expect(run).toMatchObject({ name: ".github/workflows/wrong.yml", event: "push", conclusion: "failure" });
  expect(logOf(run, "workflow")).toContain(
    "##[error].github/workflows/wrong.yml (Line: 7, Col: 9): Unexpected value 'runs'",
  );
});

test("a node action gets inputs, keeps state for its post step and gives outputs", async () => {
  await using action = await folder({
    "action.yml": `
name: Greeter
description: Greets
inputs:
  who: { description: Whom }
  token: { description: A token, default: "\${{ github.token }}" }
runs: { using: node24, main: main.js, post: post.js }
`,
    "main.js": `
const { appendFileSync } = require("node:fs");
appendFileSync(process.env.GITHUB_OUTPUT, "greeting<<END\\nHello\\n" + process.env.INPUT_WHO + "\\nEND\\n");
appendFileSync(process.env.GITHUB_STATE, "who=" + process.env.INPUT_WHO);
console.log("token", process.env.INPUT_TOKEN, "names", Object.keys(process.env).filter((name) => name.startsWith("npm_") || name === "VITEST"));
`,
    "post.js": `console.log("bye", process.env.STATE_who);`,
  });
  await using shop = await openWorkshop({ "offshoot/greeter": action.path });
  const jobs = `
  greet:
    runs-on: ubuntu-latest
    steps:
      - id: greet
        uses: offshoot/greeter@v1
        with: { who: Ada }
      - run: echo "\${{ steps.greet.outputs.greeting }}" > greeting.txt
      - uses: actions/upload-artifact@v5
        with: { name: greetings, path: greeting.txt }
      - uses: someone/else@v1
`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  const log = logOf(run, "greet");
  expect(log).toContain("token *** names []");
  expect(log.trimEnd().endsWith("bye Ada")).toBe(true);
  expect(log).toContain("##[error]`uses: someone/else@v1` is not supported by the playground");
  expect(run.conclusion).toBe("failure");
  const [artifact] = shop.world.artifacts.values();
  expect(artifact).toMatchObject({ runId: run.id, name: "greetings" });
});

test("what a run does with its GITHUB_TOKEN starts no workflow, a dispatch does", async () => {
  await using shop = await openWorkshop();
  const ci = `on: push\njobs:\n  test: { runs-on: x, steps: [{ run: echo tested }] }\n`;
  const jobs = `
  push:
    runs-on: ubuntu-latest
    steps:
      ${checkout}
      - run: |
          git -c user.name=a -c user.email=a@b commit --quiet --allow-empty -m "from the run"
          git push --quiet origin HEAD:refs/heads/from-run
`;
  const files = { ".github/workflows/manual.yml": manual(jobs), ".github/workflows/ci.yml": ci };
  await shop.completed({ sha: await shop.push("main", files) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  expect(run.conclusion).toBe("success");
  const pushed = (await git(shop.world.gitDir, ["rev-parse", "refs/heads/from-run"])).trim();
  expect(pushed).not.toBe(run.headSha);

  const later = await shop.completed({ sha: await shop.push("from-run", { "by-a-person.txt": "" }) });
  expect([...shop.world.runs.values()].map(({ headSha, event }) => [headSha, event])).toEqual([
    [run.headSha, "push"],
    [run.headSha, "workflow_dispatch"],
    [later.headSha, "push"],
  ]);
});

test("checkout takes the run's commit alone, and keeps its credentials unless told not to", async () => {
  await using shop = await openWorkshop();
  const look = (name: string, inputs: string) => `
  ${name}:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
        with: ${inputs}
      - run: git log --format=%D && git config --get-regexp extraheader
`;
  const jobs = look("keeps", "{}") + look("forgets", "{ persist-credentials: false }") + look("other", "{ ref: side }");
  await shop.push("main", { "first.txt": "" });
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  const header = `http.${shop.world.url.toLowerCase()}/.extraheader AUTHORIZATION: basic ***`;
  expect(logOf(run, "keeps")).toContain(`grafted, HEAD -> main\n${header}`);
  expect(logOf(run, "forgets")).toContain("grafted, HEAD -> main\n##[error]Process completed with exit code 1.");
  expect(logOf(run, "other")).toContain(
    "##[error]The input `ref` of actions/checkout is not supported by the playground.",
  );
});

test("what the playground does not do is said, not left out in silence", async () => {
  await using shop = await openWorkshop();
  const jobs = `
  a:
    runs-on: x
    strategy: { matrix: { node: [22, 24] } }
    steps:
      - run: echo
        continue-on-error: true
`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  expect(run.conclusion).toBe("failure");
  expect(logOf(run, "workflow").split("\n")).toEqual([
    "##[error].github/workflows/manual.yml (Line: 9, Col: 5): `strategy` is not supported by the playground.",
    "##[error].github/workflows/manual.yml (Line: 12, Col: 9): `continue-on-error` is not supported by the playground.",
  ]);
});

test("an artifact is one file; where there is none, the step warns unless told not to", async () => {
  await using shop = await openWorkshop();
  const upload = (inputs: string) => `      - uses: actions/upload-artifact@v5\n        with: ${inputs}\n`;
  const jobs = `
  keep:
    runs-on: ubuntu-latest
    steps:
      - run: mkdir out && echo 1 > out/a.txt
${upload("{ name: one, path: out/a.txt }")}${upload("{ path: here }")}${upload("{ path: there, if-no-files-found: ignore }")}
${upload("{ path: out }")}
`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  const [artifact, ...others] = [...shop.world.artifacts.values()];
  expect(artifact).toMatchObject({ name: "one", runId: run.id, size: 2 });
  expect(readFileSync(artifact?.file ?? "", "utf8")).toBe("1\n");
  expect(others).toEqual([]);
  const said = logOf(run, "keep").split("\n");
  expect(said.filter((line) => /^##.(warning|error)/.test(line))).toEqual([
    "##[warning]There is no file here.",
    "##[error]out is a folder: the playground uploads single files.",
  ]);
});

test("a workflow's name that cannot be evaluated fails the run with the reason", async () => {
  await using shop = await openWorkshop();
  const jobs = "  a: { runs-on: x, steps: [{ run: echo }] }";
  const name = `run-name: \${{ fromJSON(github.nothing) }}`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs, name) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  expect(run.conclusion).toBe("failure");
  expect(logOf(run, "workflow")).toMatch(/^##\[error\].github\/workflows\/manual.yml: \S+/);
  expect(shop.complaints).toEqual([]);
});

test("a push or a pull request starts the workflows that ask for its branch", async () => {
  await using shop = await openWorkshop();
  const names = (event: Run["event"]) =>
    [...shop.world.runs.values()].filter((run) => run.event === event).map(({ name }) => name);
  const on = (name: string, filter: string) => ({
    [`.github/workflows/${name}.yml`]: `name: ${name}\non: ${filter}\njobs: { a: { runs-on: x, steps: [{ run: "true" }] } }\n`,
  });
  await shop.push("main", { "first.txt": "" });
  await shop.push("release/1.2", {
    ...on("any", "push"),
    ...on("both", "[push, pull_request]"),
    ...on("exact", "{ push: { branches: [release] } }"),
    ...on("glob", "{ push: { branches: ['release/*'] } }"),
    ...on("closing", "{ pull_request: { types: [closed] } }"),
    ...on("next", "{ pull_request: { branches: [next] } }"),
  });
  await shop.runWhere(() => names("push").length === 3);
  expect(names("push").sort()).toEqual(["any", "both", "glob"]);
  await shop.openPull("release/1.2");
  await shop.runWhere(() => names("pull_request").length === 1);
  expect(names("pull_request")).toEqual(["both"]);
});

test("a job that takes longer than its minutes is cancelled; what must always run still runs", async () => {
  await using shop = await openWorkshop();
  const jobs = `
  slow:
    runs-on: ubuntu-latest
    timeout-minutes: 0.005
    steps:
      - run: exec sleep 1000
      - if: always()
        run: echo cleaned
`;
  await shop.push("main", { ".github/workflows/manual.yml": manual(jobs) });
  const run = await shop.completed({ id: shop.dispatch("manual.yml") });
  expect(run.conclusion).toBe("cancelled");
  expect(logOf(run, "slow")).toContain("cleaned");
  expect(logOf(run, "slow")).toContain("##[error]The job has exceeded its 0.005 minutes.");
});

async function folder(files: Readonly<Record<string, string>>): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "offshoot-action-"));
  for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.split(") ").at(-1)?.startsWith("Z") === false;
  } catch {
    return false;
  }
}
