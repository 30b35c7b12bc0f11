import { createHash, generateKeyPairSync } from "node:crypto";
import { decodeJwt, exportSPKI, importJWK, SignJWT } from "jose";
import { expect, test } from "vitest";
import { iso } from "../../playground/github/render.ts";
import { type Refusal, refusals } from "../../src/github/claims.ts";
import { fact } from "../../src/sessions/decide.ts";
import { type Change, compose } from "../../src/sessions/store.ts";
import { at, client, openClone } from "../playground/github-fixture.ts";
import { given, hand, offshoot } from "../sessions/events.ts";
import { addRun, claimsOf, openTokenWorld, otherSession, session, type TokenWorld } from "./token-world.ts";

/** A broker, a live run of the session, and what GitHub says about that run. */
async function openWithRun(options: Parameters<typeof openTokenWorld>[0] = {}) {
  const tokens = await openTokenWorld(options);
  const run = await addRun(tokens.world);
  return { ...tokens, run, claims: claimsOf(tokens.world, run, tokens.url), sign: tokens.github.issuer.sign };
}

const refused = (status: 401 | 403, refusal: Refusal) => ({ status, body: { refusal, message: refusals[refusal] } });

/** The broker's own client takes one token of the installation to read with. */
const mintsOfBroker = 1;

const mints = ({ github }: Pick<TokenWorld, "github">) =>
  github.requests.filter(({ method, path }) => method === "POST" && path.endsWith("/access_tokens"));

test("a run gets a token for its repository, with what the runner needs and no more", async () => {
  const { github, world, run, claims, sign, post, asked, logged } = await openWithRun();
  const { status, body } = await post(await sign(claims));

  expect(status).toBe(200);
  expect(body).toEqual({
    token: expect.stringMatching(/^ghs_/),
    expiresAt: expect.any(String),
    actor: { login: "offshoot[bot]", id: 600_004 },
  });
  const repository = { id: 700_001, ownerId: 600_001, owner: "octo", name: "sample", defaultBranch: "main" };
  expect(asked).toMatchObject([{ session, run: { id: run.id, attempt: 1 }, repository, installation: 500_001 }]);
  const { permissions, expiresAt } = world.tokens.get(String(body.token)) ?? {};
  expect(permissions).toEqual({
    ...{ contents: "write", issues: "write", pull_requests: "write" },
    ...{ actions: "read", metadata: "read" },
  });
  expect(expiresAt && iso(expiresAt)).toBe(body.expiresAt);
  expect(logged.join()).not.toContain(String(body.token));
  expect(world.violations).toEqual([]);

  const clone = await openClone(github, String(body.token));
  await clone.commit("README.md", "# Sample\n");
  await clone.git("push", "-q", "origin", "HEAD:refs/heads/work");
  const bot = client(github, String(body.token));
  const { data: issue } = await bot.rest.issues.create({ ...at, title: "An issue" });
  expect(issue.user?.login).toBe("offshoot[bot]");
  await expect(bot.rest.actions.cancelWorkflowRun({ ...at, run_id: run.id })).rejects.toMatchObject({ status: 403 });
});

test("a token is exchanged once, however fast it is sent again", async () => {
  const { github, claims, sign, post } = await openWithRun();
  const jwt = await sign(claims);
  const answers = await Promise.all([post(jwt), post(jwt), post(jwt)]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401, 401]);
  expect(await post(jwt)).toEqual(refused(401, "replayed"));
  expect(mints({ github })).toHaveLength(mintsOfBroker + 1);
});

const file = "octo/sample/.github/workflows";

test.each<[string, Record<string, unknown>, 401 | 403, Refusal]>([
  ["another audience", { aud: "https://other.example" }, 401, "audience"],
  ["GitHub's default audience", { aud: "http://github.example/octo" }, 401, "audience"],
  ["no audience", { aud: undefined }, 401, "audience"],
  ["another issuer", { iss: "https://token.actions.githubusercontent.com" }, 401, "issuer"],
  ["an issuer of the same server", { iss: "https://token.actions.githubusercontent.com/octo" }, 401, "issuer"],
  ["an expired token", { exp: Math.floor(Date.now() / 1000) - 1 }, 401, "time"],
  ["a token that never expires", { exp: undefined }, 401, "time"],
  ["a token that is not valid yet", { nbf: Math.floor(Date.now() / 1000) + 100 }, 401, "time"],
  ["a token without an id", { jti: undefined }, 401, "malformed"],
  ["a token that names no run", { run_id: undefined }, 401, "malformed"],
  ["a repository without the App", { repository: "octo/other" }, 403, "not-installed"],
  ["a repository that had the name before", { repository_id: "700002" }, 403, "repository"],
  ["the repository's former owner", { repository_owner_id: "600002" }, 403, "owner"],
  ["another workflow", { workflow_ref: `${file}/ci.yml@refs/heads/main` }, 403, "workflow"],
  ["the workflow on another branch", { workflow_ref: `${file}/offshoot.yml@refs/heads/fix` }, 403, "workflow"],
  ["another event", { event_name: "push" }, 403, "event"],
  ["a run that does not exist", { run_id: "12" }, 403, "run"],
  ["another attempt", { run_attempt: "2" }, 403, "attempt"],
])("refused: %s", async (_, wrong, status, refusal) => {
  const { github, claims, sign, post, asked } = await openWithRun();
  expect(await post(await sign({ ...claims, ...wrong }))).toEqual(refused(status, refusal));
  expect(asked).toEqual([]);
  expect(mints({ github }).length).toBeLessThanOrEqual(mintsOfBroker);
});

test("refused: a run for another session, another session for the run, a run that is over", async () => {
  const { world, url, claims, sign, post } = await openWithRun();
  const elsewhere = claimsOf(world, await addRun(world, { title: `Offshoot ${otherSession}` }), url);
  expect(await post(await sign(elsewhere))).toEqual(refused(403, "session"));
  const identity = await sign(claims);
  expect(await post(identity, { session: otherSession, identity })).toEqual(refused(403, "session"));
  const ended = claimsOf(world, await addRun(world, { status: "completed", conclusion: "success" }), url);
  expect(await post(await sign(ended))).toEqual(refused(403, "over"));
});

test("a proof that another app has taken is refused here; a run whose wake-up was replaced is told so, unless it holds the session", async () => {
  const { claims, sign, post, nonce, store, run } = await openWithRun();
  const identity = await sign(claims);
  const proof = createHash("sha256")
    .update(String(decodeJwt(identity).jti))
    .digest("base64url");
  const granted = fact(hand(offshoot), "token.granted", { run: run.id, proof, until: "2126-11-27T00:00:00Z" });
  const append = async (...facts: Change["facts"]) => {
    await store.append(compose(session, given(await store.tip(session)), { facts }));
  };
  await append(granted);
  expect(await post(identity)).toEqual(refused(401, "replayed"));

  const late = await sign(claims);
  expect(await post(late, { session, nonce: "01", identity: late })).toEqual(refused(403, "superseded"));
  const taken = { epoch: 1, holder: "runner", run: { id: run.id, attempt: 1, url: "" } };
  await append(fact(hand(offshoot), "lease.taken", taken));
  expect((await post(late, { session, nonce: "01", identity: late })).status).toBe(200);
  expect((await store.tip(session))?.session.proofs).toHaveLength(2);
  expect(nonce).not.toBe("01");
});

test("refused: a session that has nothing for the run", async () => {
  const { github, claims, sign, post, logged } = await openWithRun({ isWanted: false });
  expect(await post(await sign(claims))).toEqual(refused(403, "unwanted"));
  expect(mints({ github })).toHaveLength(mintsOfBroker);
  expect(logged).toEqual([JSON.stringify({ session, outcome: "unwanted", message: "a run asked for a token" })]);
});

test("refused: a token that another key has signed, under either name", async () => {
  const { claims, sign, post } = await openWithRun();
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const payload = decodeJwt(await sign(claims));
  for (const kid of ["playground", "unknown"]) {
    const forged = new SignJWT(payload).setProtectedHeader({ alg: "RS256", kid }).sign(privateKey);
    expect(await post(await forged)).toEqual(refused(401, "signature"));
  }
});

test("refused: no signature, a signature with the public key as a secret, a changed token", async () => {
  const { github, claims, sign, post } = await openWithRun();
  const good = await sign(claims);
  const [header = "", , signature = ""] = good.split(".");
  const payload = decodeJwt(good);
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const alg of ["none", "None", ""])
    expect((await post(`${part({ alg, kid: "playground" })}.${part(payload)}.`)).status).toBe(401);
  expect(await post(`${part({ alg: "none" })}.${part(payload)}.`)).toEqual(refused(401, "signature"));

  const { keys } = (await (await fetch(`${github.issuer.url}/.well-known/jwks`)).json()) as { keys: [object] };
  const publicKey = await importJWK({ ...keys[0], ext: true }, "RS256");
  if (publicKey instanceof Uint8Array) throw new Error("The issuer's key is not a public key.");
  const secret = Buffer.from(await exportSPKI(publicKey));
  const confused = new SignJWT(payload).setProtectedHeader({ alg: "HS256", kid: "playground" }).sign(secret);
  expect(await post(await confused)).toEqual(refused(401, "signature"));

  expect(await post(`${header}.${part({ ...payload, repository_id: "7" })}.${signature}`)).toEqual(
    refused(401, "signature"),
  );
  expect((await post(good)).status).toBe(200);
});

test("what is no exchange: nothing in hand, no session, another method, another path", async () => {
  const { url, claims, sign, post } = await openWithRun();
  expect(await post("not-a-token")).toEqual(refused(401, "malformed"));
  for (const body of [{}, { session: "nonsense" }, "text", { session, more: "x".repeat(20_000) }])
    expect((await post(await sign(claims), body)).status).toBe(400);
  const anonymous = await fetch(`${url}/offshoot/token`, { method: "POST" });
  expect(anonymous.status).toBe(400);
  expect((await fetch(`${url}/offshoot/token`)).status).toBe(405);
  expect((await fetch(`${url}/offshoot/tokens`, { method: "POST" })).status).toBe(404);
});

test("GitHub in trouble: 503 and nothing about why, the reason in the app's log", async () => {
  const { github, claims, sign, post, logged } = await openWithRun();
  github.faults.failNext("POST", /access_tokens$/, 500);
  const { status, body } = await post(await sign(claims));
  expect(status).toBe(503);
  expect(body).toEqual({ message: "GitHub gave the app no usable answer. Try again in a minute." });
  expect(logged).toHaveLength(1);
});
