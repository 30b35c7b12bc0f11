import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openToken, sealToken } from "../../src/job/handover.ts";
import { readInputs } from "../../src/job/inputs.ts";
import { readJob } from "../../src/job/job.ts";
import { triggeringEvent } from "../../src/job/route.ts";

const session = "01JH4QTM5N8V2KX9C3PD7WBYRA";
const token = { INPUT_TOKEN: "ghs_job" };

describe("the inputs of the action", () => {
  test("an event is routed, a session that is named is worked on, and the mode says more than that", () => {
    expect(readInputs(token)).toEqual({ mode: "route", token: "ghs_job" });
    const turn = { mode: "turn", session, token: "ghs_job", nonce: "", broker: "", minutes: 330 };
    expect(readInputs({ ...token, INPUT_SESSION: session })).toEqual(turn);
    expect(readInputs({ ...token, INPUT_SESSION: session, INPUT_MINUTES: "0.5" })).toEqual({ ...turn, minutes: 0.5 });
    const recovering = { ...token, INPUT_SESSION: session.toLowerCase(), INPUT_MODE: "recover" };
    expect(readInputs(recovering)).toEqual({ mode: "recover", session, token: "ghs_job" });
  });

  test.each([
    [{ ...token, INPUT_MODE: "turns" }, 'The input `mode` is "turns"; it must be route, turn or recover.'],
    [{ ...token, INPUT_SESSION: "7" }, 'The input `session` is not a session\'s id (a ULID): "7".'],
    [{ ...token, INPUT_MODE: "recover" }, 'The input `session` is not a session\'s id (a ULID): "".'],
    [{ ...token, INPUT_SESSION: session, INPUT_MINUTES: "5h" }, 'The input `minutes` is "5h"; it must be a number'],
    [{ INPUT_MODE: "route" }, "The input `token` is empty; leave it out to use the job's own."],
  ])("%j cannot be meant", (env, message) => {
    expect(() => readInputs(env)).toThrow(message);
  });
});

describe("what GitHub tells a job", () => {
  const folder = mkdtempSync(join(tmpdir(), "offshoot-job-"));
  const env = {
    ...{
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_API_URL: "https://api.github.com",
      GITHUB_SHA: "a".repeat(40),
    },
    ...{ GITHUB_REPOSITORY: "octo/sample", GITHUB_RUN_ID: "12", GITHUB_REF: "refs/heads/main", RUNNER_TEMP: folder },
    ...{ GITHUB_WORKSPACE: folder, GITHUB_EVENT_NAME: "issue_comment", GITHUB_EVENT_PATH: join(folder, "event.json") },
  };
  const jobOf = (payload: object) => {
    writeFileSync(env.GITHUB_EVENT_PATH, JSON.stringify(payload));
    return readJob(env);
  };

  test("who can read the repository is as the event has it, and else not known", () => {
    const audiences = [{ private: true }, { private: false }, {}].map(
      (repository) => jobOf({ repository }).event.audience,
    );
    expect(audiences).toEqual(["members", "everyone", "unknown"]);
    expect(jobOf({}).event).toMatchObject({ audience: "unknown", defaultBranch: null });
  });

  test("the same event is the same source, however often its run is run again; others start nothing", () => {
    const event = triggeringEvent(jobOf({ action: "created", comment: { id: 1 } }));
    expect(event).toMatchObject({ id: "run-12", name: "issue_comment", payload: { comment: { id: 1 } } });
    expect(triggeringEvent(jobOf({ action: "deleted", comment: { id: 1 } }))).toBeNull();
    expect(triggeringEvent(jobOf({}))).toBeNull();
  });

  test("outside of a workflow it says what is missing", () => {
    expect(() => readJob({})).toThrow("GITHUB_SERVER_URL is not set. This program is a GitHub Action");
  });
});

test("a token is handed to the post part sealed: it is not to be read without the job's secret", () => {
  const sealed = sealToken("ghs_secret", "of the job");
  expect(Buffer.from(sealed, "base64").toString("latin1")).not.toContain("ghs_secret");
  expect(openToken(sealed, "of the job")).toBe("ghs_secret");
  expect(openToken(sealed, "of another job")).toBeNull();
  expect(openToken(sealed.slice(0, 20), "of the job")).toBeNull();
});
