import * as v from "valibot";
import { expect, test } from "vitest";
import { type Claims, checkClaims, claimsSchema, type Expected } from "../../src/github/claims.ts";
import { otherSession, session } from "./token-world.ts";

const claims: Claims = {
  jti: "a-token",
  exp: 1,
  repository: "octo/sample",
  repository_id: 7,
  repository_owner_id: 8,
  workflow_ref: "octo/sample/.github/workflows/offshoot.yml@refs/heads/trunk",
  event_name: "workflow_dispatch",
  run_id: 9,
  run_attempt: 2,
};

const run = { id: 9, attempt: 2, title: `Offshoot ${session}`, over: false };

const expected: Expected = {
  session,
  repository: { id: 7, ownerId: 8, owner: "octo", name: "sample", defaultBranch: "trunk" },
  run,
};

test("the run that was started for the session passes", () => {
  expect(checkClaims(claims, expected)).toEqual({ ok: true });
});

const file = "octo/sample/.github/workflows/offshoot.yml";

test.each<[string, Partial<Claims>, string]>([
  ["another repository under the name", { repository_id: 70 }, "repository"],
  ["another owner", { repository_owner_id: 80 }, "owner"],
  ["another workflow", { workflow_ref: "octo/sample/.github/workflows/ci.yml@refs/heads/trunk" }, "workflow"],
  ["the workflow of another branch", { workflow_ref: `${file}@refs/heads/evil` }, "workflow"],
  ["a branch that ends like the default one", { workflow_ref: `${file}@refs/heads/trunk2` }, "workflow"],
  ["a tag named like the default branch", { workflow_ref: `${file}@refs/tags/trunk` }, "workflow"],
  ["another repository's workflow", { workflow_ref: `evil/${file}@refs/heads/trunk` }, "workflow"],
  ["another event", { event_name: "pull_request_target" }, "event"],
  ["another run", { run_id: 90 }, "run"],
  ["an earlier attempt", { run_attempt: 1 }, "attempt"],
  ["an attempt yet to come", { run_attempt: 3 }, "attempt"],
])("refused: %s", (_, wrong, refusal) => {
  expect(checkClaims({ ...claims, ...wrong }, expected)).toEqual({ ok: false, refusal });
});

test.each<[string, Partial<Expected>, string]>([
  ["a run that the repository does not have", { run: null }, "run"],
  ["a run that has ended", { run: { ...run, over: true } }, "over"],
  ["a run that was started for another session", { session: otherSession }, "session"],
  ["a run whose title only contains the session", { run: { ...run, title: `Offshoot ${session} !` } }, "session"],
])("refused: %s", (_, wrong, refusal) => {
  expect(checkClaims(claims, { ...expected, ...wrong })).toEqual({ ok: false, refusal });
});

const sent = { ...claims, repository_id: "7", repository_owner_id: "8", run_id: "9", run_attempt: "2" };

test("claims are read as GitHub sends them, numbers as text", () => {
  expect(v.parse(claimsSchema, { ...sent, sub: "anything", environment: "production" })).toEqual(claims);
});

test.each([
  ["a number as such", { run_id: 9 }],
  ["a number with more in it", { repository_id: "7e0" }],
  ["a number beyond what can be told apart", { repository_id: "9007199254740993" }],
  ["a repository that is a path", { repository: "octo/sample/../other" }],
  ["no token id", { jti: "" }],
])("not claims: %s", (_, wrong) => {
  expect(v.is(claimsSchema, { ...sent, ...wrong })).toBe(false);
});
