import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { startExecutor } from "../../playground/actions/executor.ts";
import { runGit } from "../../playground/github/git.ts";
import { seed } from "../../playground/seed.ts";
import type { Run } from "../../playground/world.ts";
import { type Grant, RunTokenError, revokeToken, runToken, tokenSource } from "../../src/github/run-token.ts";
import { at, client } from "../playground/github-fixture.ts";
import { logOf, openWorkshop } from "../playground/workshop.ts";
import { addRun, claimsOf, openTokenWorld, otherSession, session, type TokenWorld } from "./token-world.ts";

const ROOT = join(import.meta.dirname, "../..");

/** An action with the inputs of ours, which does its exchange and shows what it got. */
async function exchangingAction(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "offshoot-action-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "dist"));
  await copyFile(join(ROOT, "action.yml"), join(folder, "action.yml"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const script = `
    import { runToken } from ${JSON.stringify(join(ROOT, "src/github/run-token.ts"))};
    import { appendFileSync } from "node:fs";
    if (process.env.STATE_done) process.exit(); // the post part
    appendFileSync(process.env.GITHUB_STATE, "done=yes\\n");
    const { INPUT_BROKER: broker, INPUT_SESSION: session, INPUT_NONCE: nonce, ...env } = process.env;
    const requestUrl = env.ACTIONS_ID_TOKEN_REQUEST_URL, requestToken = env.ACTIONS_ID_TOKEN_REQUEST_TOKEN;
    const response = await fetch(requestUrl, { headers: { authorization: "bearer " + requestToken } });
    console.log("identity", (await response.json()).value.split(".")[1]);
    console.log("asks with", requestToken);
    const { token, ...grant } = await runToken({ broker, session, nonce, requestUrl, requestToken });
    const answer = await fetch(env.GITHUB_API_URL + "/repos/" + env.GITHUB_REPOSITORY + "/issues", {
      method: "POST", headers: { authorization: "token " + token }, body: JSON.stringify({ title: "By the run" }),
    });
    console.log("grant", JSON.stringify(grant), answer.status);
  `;
  await writeFile(join(folder, "dist/action.js"), script);
  return folder;
}

/** Dispatches the workflow that users copy, as the app does, and waits for its run. */
async function dispatch({ github, world, url, nonce }: TokenWorld): Promise<Run> {
  const ended = new Promise<Run>((resolve) => {
    world.bus.on("run", ({ action, run }) => action === "completed" && resolve(run));
  });
  await client(github, github.tokens.maintainer).rest.actions.createWorkflowDispatch({
    ...at,
    ...{ workflow_id: "offshoot.yml", ref: "main", inputs: { session, nonce, broker: url } },
  });
  return ended;
}

test("a dispatched run of the workflow exchanges its identity for a token, and acts as the App", async () => {
  const tokens = await openTokenWorld();
  const { github, world, asked } = tokens;
  await runGit(world.gitDir, ["update-ref", "-d", "refs/heads/main"]);
  await seed({ ...world, reporter: github.tokens.outsider, way: "app" });
  const complaints: string[] = [];
  const actions = { "offshoot/offshoot": await exchangingAction() };
  const executor = startExecutor({ world, actions, log: (line) => complaints.push(line) });
  onTestFinished(() => executor.close());

  const run = await dispatch(tokens);
  const log = logOf(run, "turn");
  expect(run.conclusion, log).toBe("success");
  expect(log).toContain('"actor":{"login":"offshoot[bot]","id":600004}} 201');
  expect([...world.issues.values()].at(-1)).toMatchObject({ title: "By the run", author: { login: "offshoot[bot]" } });
  expect(asked).toMatchObject([{ session, run: { id: run.id, attempt: 1 } }]);

  expect(log).toContain("asks with ***");
  const [, payload = ""] = /identity (\S+)/.exec(log) ?? [];
  const { jti, iat = 0, ...claims } = decodeJwt(`.${payload}.`);
  expect(jti).toMatch(/^[0-9a-f-]{36}$/);
  expect(claims).toEqual({
    ...{ iss: github.issuer.url, aud: `${world.url}/octo`, nbf: iat - 600, exp: iat + 300 },
    ...{ sub: "repo:octo/sample:ref:refs/heads/main", ref: "refs/heads/main", ref_type: "branch", base_ref: "" },
    ...{ head_ref: "", ref_protected: "false", sha: run.headSha, actor: "maintainer", actor_id: "600002" },
    ...{
      repository: "octo/sample",
      repository_id: "700001",
      repository_owner: "octo",
      repository_visibility: "public",
    },
    ...{ repository_owner_id: "600001", run_id: String(run.id), run_number: "1", run_attempt: "1" },
    ...{ workflow: "Offshoot", workflow_ref: "octo/sample/.github/workflows/offshoot.yml@refs/heads/main" },
    ...{ workflow_sha: run.headSha, job_workflow_sha: run.headSha, event_name: "workflow_dispatch" },
    job_workflow_ref: "octo/sample/.github/workflows/offshoot.yml@refs/heads/main",
    runner_environment: "self-hosted",
  });
  expect(world.idTokenRequests.size).toBe(0);
  expect([complaints, world.violations]).toEqual([[], []]);
});

test("only a job with id-token: write may ask who it is", async () => {
  await using shop = await openWorkshop();
  const job = (name: string, permissions = "") => `
  ${name}:
    runs-on: ubuntu-latest
    ${permissions}
    steps: [{ run: 'echo "asks \${ACTIONS_ID_TOKEN_REQUEST_URL:-nowhere}, \${ACTIONS_ID_TOKEN_REQUEST_TOKEN:-cannot}"' }]`;
  const jobs = [
    job("inherits"),
    job("narrower", "permissions: { contents: read }"),
    job("none", "permissions: {}"),
    job("reads", "permissions: { id-token: none, contents: write }"),
    job("all", "permissions: write-all"),
  ];
  const given = `on: workflow_dispatch\npermissions: { id-token: write }\njobs:${jobs.join("")}\n`;
  const silent = `on: workflow_dispatch\njobs:${job("silent")}\n`;
  await shop.push("main", { ".github/workflows/given.yml": given, ".github/workflows/silent.yml": silent });
  const run = await shop.completed({ id: shop.dispatch("given.yml") });
  const asks = `asks ${shop.world.url}/_services/pipelines/idtoken/${run.id}?api-version=2.0, ***`;
  for (const name of ["inherits", "all"]) expect(logOf(run, name)).toContain(asks);
  for (const name of ["narrower", "none", "reads"]) expect(logOf(run, name)).toContain("asks nowhere, cannot");
  const other = await shop.completed({ id: shop.dispatch("silent.yml") });
  expect(logOf(other, "silent")).toContain("asks nowhere, cannot");
});

/** What a job with an admission of its own would hand to `runToken`. */
async function openJob(overrides: { session?: typeof session } = {}) {
  const tokens = await openTokenWorld();
  const { world, url } = tokens;
  world.idTokenRequests.set("a job's secret", claimsOf(world, await addRun(world), url));
  const requestUrl = `${world.url}/_services/pipelines/idtoken/1?api-version=2.0`;
  const options = {
    broker: `${url}/`,
    session,
    nonce: tokens.nonce,
    requestUrl,
    requestToken: "a job's secret",
    ...overrides,
  };
  return { ...tokens, options };
}

const failure = async (grant: Promise<Grant>): Promise<RunTokenError> => {
  const error: unknown = await grant.catch((reason: unknown) => reason);
  if (error instanceof RunTokenError) return error;
  throw new Error(`That was no failure of the exchange: ${String(error)}`);
};

test("the app's URL may end in a slash", async () => {
  const { options } = await openJob();
  expect((await runToken(options)).actor).toEqual({ login: "offshoot[bot]", id: 600_004 });
});

test("what goes wrong is named, with its remedy", async () => {
  const { options } = await openJob();
  const cases = {
    "no permission": { ...options, requestUrl: "", requestToken: "" },
    "job is over": { ...options, requestToken: "another job's secret" },
    "no app there": { ...options, broker: "http://127.0.0.1:1" },
    "not an app": { ...options, broker: new URL(options.requestUrl).origin },
    "not this session": { ...options, session: otherSession },
  };
  const errors = Object.entries(cases).map(async ([name, given]) => {
    const { kind, message } = await failure(runToken(given));
    return [name, `${kind}: ${message.replace(/http:\S+:\d+/, "http://app")}`];
  });
  expect(Object.fromEntries(await Promise.all(errors))).toMatchInlineSnapshot(`
    {
      "job is over": "no-identity: GitHub gave this job no OIDC token (HTTP 401). Give the job the permission \`id-token: write\`; runs of forks never have it.",
      "no app there": "unreachable: The Offshoot app at http://app cannot be reached. Check the input \`broker\` and that the app is up.",
      "no permission": "no-identity: This job may not ask GitHub for an OIDC token. Give the job the permission \`id-token: write\`; runs of forks never have it.",
      "not an app": "refused: The Offshoot app at http://app gave no token (HTTP 404): It did not say why. Check that \`broker\` is the app's public URL.",
      "not this session": "refused: The Offshoot app at http://app gave no token (HTTP 403): The run was started for another session. Keep the workflow's \`run-name\` as \`Offshoot <session>\`.",
    }
  `);
});

test("a revoked token is worth nothing; revoking it again is fine; trouble is said", async () => {
  const { github, world, options } = await openJob();
  const { token } = await runToken(options);
  const api = `${world.url}/api/v3`;
  await revokeToken({ api, token });
  await expect(client(github, token).rest.repos.get(at)).rejects.toMatchObject({ status: 401 });
  await revokeToken({ api, token });
  github.faults.failNext("DELETE", /^\/installation\/token$/, 502);
  await expect(revokeToken({ api, token })).rejects.toMatchObject({ kind: "not-revoked" });
});

/** A source over a clock that the test sets, and an app that grants tokens of an hour. */
function openSource() {
  let minutes = 0;
  let granted = 0;
  let down = false;
  const now = () => new Date(Date.UTC(2026, 10, 21, 0, minutes));
  const source = tokenSource({
    now,
    obtain: async () => {
      if (down) throw new RunTokenError("unreachable", "The app is down.");
      granted += 1;
      const expiresAt = new Date(now().getTime() + 60 * 60_000).toISOString();
      return { token: `token ${granted}`, expiresAt, actor: { login: "offshoot[bot]", id: 1 } };
    },
  });
  return {
    source,
    at: async (minute: number) => {
      minutes = minute;
      return (await source()).token;
    },
    setDown: (value: boolean) => {
      down = value;
    },
    asked: () => granted,
  };
}

test("a token is replaced when less than 10 minutes are left, once for all who wait", async () => {
  const { at: tokenAt, source, asked } = openSource();
  expect(await tokenAt(0)).toBe("token 1");
  expect(await tokenAt(50)).toBe("token 1");
  expect(await tokenAt(51)).toBe("token 2");
  expect(await tokenAt(101)).toBe("token 2");
  expect(asked()).toBe(2);
  await tokenAt(102);
  expect(asked()).toBe(3);
  const fresh = openSource();
  const together = await Promise.all([fresh.source(), fresh.source(), fresh.source()]);
  expect(together.map(({ token }) => token)).toEqual(["token 1", "token 1", "token 1"]);
  expect((await source()).token).toBe("token 3");
});

test("while the app is down the old token is used to its end; then the failure is told, and later it is over", async () => {
  const { at: tokenAt, setDown } = openSource();
  await tokenAt(0);
  setDown(true);
  expect(await tokenAt(55)).toBe("token 1");
  setDown(false);
  expect(await tokenAt(55)).toBe("token 1"); // not asked again within the minute
  expect(await tokenAt(56)).toBe("token 2");
  setDown(true);
  expect(await tokenAt(115)).toBe("token 2");
  await expect(tokenAt(116)).rejects.toMatchObject({ kind: "unreachable" });
  setDown(false);
  expect(await tokenAt(117)).toBe("token 3");
});
