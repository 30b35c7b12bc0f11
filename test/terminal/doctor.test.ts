import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Finding } from "../../src/setup/finding.ts";
import { published } from "./schemas.ts";
import { openHealthyWorld, openSetupWorld, runOf, type SetupWorld } from "./setup-world.ts";

const workflow = ".github/workflows/offshoot.yml";

async function findings(world: SetupWorld, change: Readonly<Record<string, string>> = {}) {
  const said = await world.offshoot(["doctor", "--json"], { env: { ...world.env, ...change } });
  return { code: said.code, all: published<Finding[]>("doctor", said) };
}

const open = (all: readonly Finding[]) => all.filter(({ status }) => status !== "ok");

test("a repository that is set up is well, both ways, and nothing of the trials is left", async () => {
  for (const way of ["workflow", "app"] as const) {
    const world = await openHealthyWorld(way);
    const said = await world.offshoot(["doctor"]);
    expect(said).toMatchObject({ code: 0, err: "\nAll is well.\n" });
    expect(said.out.split("\n").filter((line) => line && !line.startsWith("✓ "))).toEqual([]);
    expect(await world.git("ls-remote", "origin", "refs/offshoot/*")).toBe("");
    expect(said.out).not.toContain(world.env.GH_TOKEN);
    expect(world.github.world.violations).toEqual([]);
  }
});

interface Broken {
  readonly name: string;
  /** Breaks it, and gives what mends it again. */
  readonly breaks: () => (() => unknown) | Promise<() => unknown>;
  readonly env?: Readonly<Record<string, string>>;
  /** `check status`, and a part of what is said and of the remedy. */
  readonly found: readonly [check: string, says: string, remedy: string];
}

test("each thing that is wrong is found by itself, with what to do", async () => {
  const world = await openHealthyWorld();
  const double = world.github.world;
  const { settings, secrets, variables, runs } = double;
  const hook = join(double.gitDir, "hooks/pre-receive");
  const put = <T extends object>(target: T, change: Partial<T>) => {
    const before = { ...target };
    Object.assign(target, change);
    return () => Object.assign(target, before);
  };
  const without = (map: Map<string, string>, name: string) => {
    const before = map.get(name) ?? "";
    map.delete(name);
    return () => map.set(name, before);
  };
  const variable = (name: string, value: string) => {
    variables.set(name, value);
    return () => variables.delete(name);
  };
  const published = async (path: string, edit: (text: string) => string, old = "") => {
    const before = await world.read(path).catch(() => old);
    await world.write(path, edit(before));
    await world.publish();
    return async () => {
      await world.write(path, before);
      await world.publish();
    };
  };
  const cases: readonly Broken[] = [
    {
      name: "Actions are off",
      breaks: () => put(settings.actions, { enabled: false }),
      found: ["actions problem", "switched off", "/octo/sample/settings/actions"],
    },
    {
      name: "only the owner's own actions are allowed",
      breaks: () => put(settings.actions, { allowed: "selected", patterns: ["octo/*"] }),
      found: ["allowed-actions problem", "does not allow offshoot/offshoot@v1.", "Allow offshoot/offshoot@*"],
    },
    {
      name: "actions have to be pinned",
      breaks: () => put(settings.actions, { pinned: true }),
      found: ["allowed-actions problem", "full commit; offshoot/offshoot@v1", "Put the commit of the tag"],
    },
    {
      name: "Actions may not open pull requests",
      breaks: () => put(settings, { pullRequestsByActions: false }),
      found: ["pull-requests warning", "may not open pull requests", "Allow GitHub Actions to create"],
    },
    {
      name: "the workflow is disabled",
      breaks: () => put(settings, { workflowState: "disabled_inactivity" }),
      found: ["workflow problem", "switched off (disabled inactivity)", "gh workflow enable offshoot.yml"],
    },
    {
      name: "a policy stops the dispatch",
      breaks: () => {
        runs.set(9, runOf(world.github, "startup_failure"));
        return () => runs.set(9, runOf(world.github));
      },
      found: ["dispatch problem", "did not start the last run", "settings/actions/policies"],
    },
    {
      name: "a ruleset forbids new branches",
      breaks: () =>
        put(settings, {
          branchRules: [
            { type: "creation", ruleset_source_type: "Repository", ruleset_source: "octo/sample", ruleset_id: 1 },
          ],
        }),
      found: ["branches problem", "stop offshoot/…: creation (octo/sample)", "Take offshoot/** out"],
    },
    {
      name: "the model's key is missing",
      breaks: () => without(secrets, "OPENAI_API_KEY"),
      found: ["model-key problem", "no secret OPENAI_API_KEY", "gh secret set OPENAI_API_KEY"],
    },
    {
      name: "the journal's key is missing",
      breaks: () => without(secrets, "OFFSHOOT_JOURNAL_KEY"),
      found: ["journal-key warning", "no secret OFFSHOOT_JOURNAL_KEY", "openssl rand -base64 32 | gh secret set"],
    },
    {
      name: "a key is kept as a variable",
      breaks: () => variable("OPENAI_API_KEY", "sk-exposed"),
      found: ["variables problem", "has to be a secret", "make a new key"],
    },
    {
      name: "the model's variable names none",
      breaks: () => variable("OFFSHOOT_MODEL", "gpt"),
      found: ["variables problem", "names no model", "provider:model"],
    },
    {
      name: "the configuration is wrong",
      breaks: () => published(".github/offshoot.toml", (text) => `${text}\n[limit]\n`),
      found: ["config problem", "column 2: limit is not a setting", "Correct the file"],
    },
    {
      name: "the workflow's job for turns may not write",
      breaks: () => published(workflow, (text) => text.replaceAll(/^ +contents: write.*\n/gm, "")),
      found: ["permissions problem", "lacks contents: write", "`permissions:`"],
    },
    {
      name: "nothing can ask for the next run",
      breaks: () => published(workflow, (text) => text.replace(/^ {2}workflow_dispatch:\n( {4}.*\n)+/m, "")),
      found: ["triggers problem", "no workflow_dispatch", "offshoot init"],
    },
    {
      name: "the workflow was changed",
      breaks: () => published(workflow, (text) => text.replace("350", "90")),
      found: ["version warning", "changed by hand", "shows the difference"],
    },
    {
      name: "another file stands in the workflow's place",
      breaks: () => published(workflow, () => "on: push\njobs: { a: { runs-on: x, steps: [{ run: ls }] } }\n"),
      found: ["workflow problem", "does not use the action", "offshoot init"],
    },
    {
      name: "the server refuses refs/offshoot",
      breaks: async () => {
        await writeFile(hook, "#!/bin/sh\nwhile read a b ref; do case $ref in refs/offshoot/*) exit 1;; esac; done\n");
        await chmod(hook, 0o755);
        return () => writeFile(hook, "#!/bin/sh\n");
      },
      found: ["refs problem", "may not write refs/offshoot/", "Take refs/offshoot/** out"],
    },
    {
      name: "bubblewrap may not make namespaces",
      breaks: async () => {
        const bwrap = join(world.env.PATH?.split(":")[0] ?? "", "bwrap");
        await writeFile(bwrap, "#!/bin/sh\nexit 1\n");
        return () => writeFile(bwrap, "#!/bin/sh\nexit 0\n");
      },
      found: ["sandbox warning", "cannot make namespaces", "user namespaces"],
    },
    {
      name: "the model is on another server, by a variable",
      breaks: () => variable("OPENAI_BASE_URL", "http://models.example"),
      env: { OPENAI_BASE_URL: "" },
      found: ["model unknown", "names another server", "If http://models.example may have it"],
    },
    {
      name: "the model cannot be reached",
      breaks: () => () => {},
      env: { OPENAI_BASE_URL: "http://127.0.0.1:9" },
      found: ["model problem", "127.0.0.1:9", "right address"],
    },
    {
      name: "the model's key is not here",
      breaks: () => () => {},
      env: { OPENAI_API_KEY: "" },
      found: ["model unknown", "OPENAI_API_KEY is not set here", "which costs"],
    },
    {
      name: "the setup steps are old",
      breaks: () =>
        published(
          ".github/workflows/copilot-setup-steps.yml",
          () => "jobs: { copilot-setup-steps: { steps: [{ run: npm ci }] } }\n",
          "jobs: { copilot-setup-steps: { steps: [] } }\n",
        ),
      found: ["setup-steps warning", "are not those of", "offshoot init"],
    },
  ];
  for (const { name, breaks, env = {}, found } of cases) {
    const mend = await breaks();
    const { code, all } = await findings(world, env);
    await mend();
    const [check, says, remedy] = found;
    // Whatever is edited is also told as changed by hand.
    const seen = open(all).filter(({ check }) => check !== "version" || found[0].startsWith("version"));
    expect({ name, code, seen: seen.map(({ check, status }) => `${check} ${status}`) }).toEqual({
      ...{ name, code: check.endsWith("problem") ? 1 : 0, seen: [check] },
    });
    expect([name, seen[0]?.what, seen[0]?.remedy, seen[0]?.why]).toEqual([
      ...[name, expect.stringContaining(says), expect.stringContaining(remedy), expect.stringMatching(/\.$/)],
    ]);
  }
  expect(double.violations).toEqual([]);
});

test("the app: not installed, suspended, or its server down", async () => {
  const world = await openHealthyWorld("app");
  const { settings } = world.github.world;
  settings.installation = null;
  expect(open((await findings(world)).all)).toMatchObject([
    { check: "app", status: "problem", what: "The app is not installed." },
  ]);
  settings.installation = { suspendedAt: "2026-01-02T00:00:00Z" };
  expect(open((await findings(world)).all)).toMatchObject([{ check: "app", what: "The app offshoot is suspended." }]);
  settings.installation = { suspendedAt: null };
  await world.offshoot(["init", "--app", "http://127.0.0.1:9"]);
  await world.publish();
  expect(open((await findings(world)).all)).toMatchObject([{ check: "app-server", status: "problem" }]);
});

test("what a token is not shown is unknown, and without a token nothing is claimed", async () => {
  const world = await openHealthyWorld();
  const { code, all } = await findings(world, { GH_TOKEN: world.github.tokens.outsider });
  const byStatus = (status: string) => all.filter((one) => one.status === status).map(({ check }) => check);
  expect([code, byStatus("problem"), byStatus("warning")]).toEqual([0, [], ["token"]]);
  expect(byStatus("unknown")).toEqual([
    "actions",
    "allowed-actions",
    "model-key",
    "journal-key",
    "variables",
    "pull-requests",
  ]);

  const none = await findings(world, { GH_TOKEN: "" });
  expect([none.code, open(none.all)[0]?.remedy]).toEqual([1, "Sign in with `gh auth login`, or set GH_TOKEN."]);
  const wrong = await findings(world, { GH_TOKEN: "ghp_wrong" });
  expect(open(wrong.all)).toMatchObject([{ check: "token", why: expect.stringContaining("Bad credentials") }]);
});

test("before anything is there, it says where to begin", async () => {
  const world = await openSetupWorld();
  const { code, all } = await findings(world);
  expect([code, all.find(({ check }) => check === "workflow")?.remedy]).toEqual([
    1,
    "Run: offshoot init, and merge what it writes.",
  ]);
  await world.git("remote", "remove", "origin");
  expect((await findings(world)).all[0]).toMatchObject({ check: "remote", status: "problem" });
});
