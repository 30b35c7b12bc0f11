import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { parser } from "../../playground/actions/language.ts";
import { parseConfig } from "../../src/config.ts";
import { settingNames } from "../../src/config-keys.ts";
import { workflowTemplate } from "../../src/setup/template.ts";
import { writeWorkflow } from "../../src/setup/workflow-file.ts";
import { client } from "../playground/github-fixture.ts";
import { openClone, openOrigin } from "./clone-world.ts";
import { collector } from "./reading-world.ts";
import { openSetupWorld, type SetupWorld } from "./setup-world.ts";

const workflow = ".github/workflows/offshoot.yml";
const config = ".github/offshoot.toml";
const copilot = ".github/workflows/copilot-setup-steps.yml";

/** What GitHub's own parser says of the workflow, and what starts it. */
async function accepted(world: SetupWorld) {
  const content = await world.read(workflow);
  const { context, value } = parser.parseWorkflow({ name: workflow, content }, new parser.NoOperationTraceWriter());
  const template = value && (await parser.convertWorkflowTemplate(context, value));
  const steps = (template?.jobs ?? []).flatMap((job) =>
    job.type === "job" && job.id.value === "turn" ? job.steps : [],
  );
  return {
    errors: context.errors.getErrors().map(({ message }) => message),
    events: Object.keys(template?.events ?? {}),
    steps: steps.map((step) => step.name?.toString() ?? step.id),
  };
}

test("the workflow alone: both files are written, valid and complete; a second time changes nothing", async () => {
  const world = await openSetupWorld();
  const said = await world.offshoot(["init", "--workflow", "--model", "openai:gpt-5.5@high"]);
  expect(said).toMatchObject({ code: 0, err: "" });
  expect(said.out).toContain(`wrote   ${workflow}\nwrote   ${config}\n`);
  expect(said.out).toContain("gh secret set OPENAI_API_KEY --repo octo/sample");
  expect(said.out).toContain("openssl rand -base64 32 | gh secret set OFFSHOOT_JOURNAL_KEY --repo octo/sample");
  expect(await accepted(world)).toMatchObject({ errors: [], events: ["issue_comment", "issues", "workflow_dispatch"] });

  const text = await world.read(config);
  expect(parseConfig(text)).toMatchObject({
    ok: true,
    config: { model: { default: { model: "gpt-5.5", effort: "high" } } },
  });
  expect(text.split("\n", 1)[0]).toMatch(/^#:schema https:\/\/.+\/offshoot\.schema\.json$/);
  const everything = text.replace(/^# (?=\[|\w+ = )/gm, "");
  expect(parseConfig(everything)).toMatchObject({ ok: true });
  const last = (name: string) => name.split(".").at(-1);
  expect(settingNames().filter((name) => !new RegExp(`^${last(name)} = `, "m").test(everything))).toEqual([]);

  await world.publish();
  world.github.world.secrets.set("OPENAI_API_KEY", "x").set("OFFSHOOT_JOURNAL_KEY", "x");
  const again = await world.offshoot(["init"]);
  expect(again.out).toBe(`kept    ${workflow}
kept    ${config}

Left to do:
1. Then comment on an issue: /agent <what to do>. To see whether all is well: offshoot doctor
`);
  expect(await world.git("status", "--porcelain")).toBe("");
});

test("with the app, whose address a person gives when asked", async () => {
  const world = await openSetupWorld();
  const stdin = Object.assign(new PassThrough(), { isTTY: true }) as unknown as NodeJS.ReadStream;
  const stderr = collector();
  const running = world.offshoot(["init"], { stdin, stderr: stderr.stream });
  const answers = [
    ["Which one?", "2"],
    ["The app's address", "https://offshoot.example.com/"],
    ["Which model?", ""],
  ] as const;
  for (const [question, answer] of answers) {
    await stderr.says(question);
    stdin.push(`${answer}\n`);
  }
  expect(await running).toMatchObject({ code: 0 });
  expect(await accepted(world)).toMatchObject({ errors: [], events: ["workflow_dispatch"] });
  expect(await world.read(workflow)).toContain("# The app that asks for runs: https://offshoot.example.com\n");

  await world.offshoot(["init", "--workflow"]);
  expect(await accepted(world)).toMatchObject({ events: ["issue_comment", "issues", "workflow_dispatch"] });
});

test("what people changed stays: the configuration, the workflow unless they say otherwise, setup steps always", async () => {
  const world = await openSetupWorld();
  await world.offshoot(["init", "--workflow"]);
  const written = await world.read(workflow);
  const steps = "      # setup: mine\n      - run: make tools\n      # /setup\n";
  const own = written
    .replace(/^ +# setup:[\s\S]*?# \/setup\n/m, steps)
    .replace("timeout-minutes: 350", "timeout-minutes: 90");
  await world.write(workflow, own);
  await world.write(config, '[providers.local]\nbase_url = "http://models.example"\nkey = "LOCAL_KEY"\n');

  const kept = await world.offshoot(["init"]);
  expect(kept.err).toContain("-     timeout-minutes: 90\n+     timeout-minutes: 350\n");
  expect(kept.out).toContain(`${workflow} was left as it is; --yes replaces it.`);
  expect(await world.read(workflow)).toBe(own);

  expect((await world.offshoot(["init", "--yes"])).out).toContain(`updated ${workflow}\nkept    ${config}\n`);
  const replaced = await world.read(workflow);
  expect(replaced).toContain("timeout-minutes: 350");
  expect(replaced).toContain("      - run: make tools\n      # /setup\n");
  expect(replaced).toMatch(/^ {10}LOCAL_KEY: \$\{\{ secrets.LOCAL_KEY \}\}$/m);
  expect(await world.read(config)).toContain("LOCAL_KEY");

  await world.write(config, "[limits]\nstep = 3\n");
  const refused = await world.offshoot(["init", "--yes"]);
  expect(refused).toMatchObject({ code: 1, out: "" });
  expect(refused.err).toContain('line 2, column 1: limits.step is not a setting. Did you mean "steps"?');
});

test("a workflow that an earlier version wrote is brought up to date without asking", async () => {
  const world = await openSetupWorld();
  const earlier = workflowTemplate.replace("timeout-minutes: 350", "timeout-minutes: 300");
  await world.write(workflow, writeWorkflow(earlier, { way: "workflow", app: null, keys: [], steps: "" }));
  expect((await world.offshoot(["init"])).out).toContain(`updated ${workflow}\n`);
  expect(await world.read(workflow)).toContain("timeout-minutes: 350");
});

test("the steps of copilot-setup-steps.yml prepare the machine, and follow that file", async () => {
  const world = await openSetupWorld();
  const file = (more: string) => `on: workflow_dispatch
jobs:
  copilot-setup-steps:
    runs-on: ubuntu-latest
    services: { db: { image: postgres } }
    steps:
      - uses: actions/checkout@v5
      # The tools of the build.
      - name: Node
        uses: actions/setup-node@v5
        with: { node-version: 24 }
      - name: Build
        run: |
          npm ci

          npm run build
${more}`;
  await world.write(copilot, file(""));
  const said = await world.offshoot(["init", "--workflow"]);
  expect(said.out).toContain(
    `The setup steps are those of ${copilot}. Not copied, since it is not of a step: services.`,
  );
  expect(await accepted(world)).toMatchObject({
    errors: [],
    steps: ["Check out", "Node", "Build", "Work on the session", "Keep the page", "Keep the transcript"],
  });
  expect(await world.read(workflow)).toContain("      # The tools of the build.\n      - name: Node\n");
  expect(await world.read(workflow)).toContain("          npm ci\n\n          npm run build\n");
  expect((await world.offshoot(["init"])).out).toContain(`kept    ${workflow}`);

  await world.write(copilot, file("      - name: Seed\n        run: npm run seed\n"));
  expect((await world.offshoot(["init"])).out).toContain(`updated ${workflow}`);
  expect((await accepted(world)).steps).toContain("Seed");

  await world.write(workflow, (await world.read(workflow)).replace("npm run seed", "npm run seed -- --small"));
  const own = await world.offshoot(["init"]);
  expect(own.out).toContain("The workflow has setup steps of your own");
  expect(await world.read(workflow)).toContain("npm run seed -- --small");
});

test("the command as it is released brings the workflow with it, and needs no token to leave files", async () => {
  const { dir, offshoot } = await openClone({ origin: await openOrigin() });
  const said = await offshoot("init", "--app", "https://offshoot.example.com", "--yes");
  expect(said).toMatchObject({ code: 0, err: expect.stringContaining("Set GITHUB_API_URL") });
  expect(await readFile(join(dir, workflow), "utf8")).toContain(
    "# The app that asks for runs: https://offshoot.example",
  );
});

test("a question that nobody answers ends without a trace", async () => {
  const world = await openSetupWorld();
  const stdin = Object.assign(new PassThrough(), { isTTY: true }) as unknown as NodeJS.ReadStream;
  const stderr = collector();
  const running = world.offshoot(["init"], { stdin, stderr: stderr.stream });
  await stderr.says("Which one?");
  stdin.push(null);
  expect(await running).toMatchObject({ code: 1 });
  expect(stderr.text()).toContain("Nothing was written.");
  expect(await world.git("status", "--porcelain")).toBe("");
});

test("as a pull request, opened once; the clone is not touched", async () => {
  const world = await openSetupWorld();
  const { github, env } = world;
  const outsider = { env: { ...env, GH_TOKEN: github.tokens.outsider } };
  const refused = await world.offshoot(["init", "--workflow", "--pull-request"], outsider);
  expect(refused).toMatchObject({ code: 3, err: expect.stringContaining("scope workflow") });

  const first = await world.offshoot(["init", "--workflow", "--pull-request"]);
  const again = await world.offshoot(["init", "--pull-request"]);
  expect(first.out).toContain(`Pull request: ${github.world.url}/octo/sample/pull/1\n`);
  expect(again.out).toContain("pull/1 (it is open already)\n");
  expect(await world.git("status", "--porcelain")).toBe("");
  const pulls = await client(github).rest.pulls.list({ owner: "octo", repo: "sample" });
  expect(pulls.data.map(({ title, head }) => [title, head.ref])).toEqual([["Set up Offshoot", "offshoot/init"]]);
  const files = await client(github).rest.pulls.listFiles({ owner: "octo", repo: "sample", pull_number: 1 });
  expect(files.data.map(({ filename }) => filename)).toEqual([config, workflow]);

  // To the app instead: the open pull request gets another commit.
  await world.offshoot(["init", "--app", "https://offshoot.example.com", "--pull-request"]);
  await world.git("fetch", "--quiet", "origin", "offshoot/init");
  expect(await world.git("show", `FETCH_HEAD:${workflow}`)).toContain("https://offshoot.example.com");
  expect(github.world.violations).toEqual([]);

  const nobody = await world.offshoot(["init", "--workflow", "--pull-request"], { env: { ...env, GH_TOKEN: "" } });
  expect(nobody).toMatchObject({ code: 1, err: expect.stringContaining("gh auth login") });
});
