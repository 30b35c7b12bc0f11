import { expect, test } from "vitest";
import { mintToken } from "../../playground/github/access.ts";
import { person } from "../../playground/github/create-world.ts";
import { take } from "../../src/github/intake.ts";
import { reconciler } from "../../src/server/reconcile.ts";
import { fact } from "../../src/sessions/decide.ts";
import { githubStore } from "../../src/sessions/github/github-store.ts";
import { compose } from "../../src/sessions/store.ts";
import { openIntakeWorld } from "../github/intake-world.ts";
import { appJwt, at, client } from "../playground/github-fixture.ts";
import { given, hand } from "../sessions/events.ts";

const ended = { turn: 1, outcome: "done" as const, answer: "", notices: [], duration_ms: 1, peak_rss_mb: 1 };

/** An intake over GitHub's own refs, and a reconciler that looks three minutes later. */
async function openReconciled() {
  const world = await openIntakeWorld();
  const { github } = world;
  const permissions = { actions: "write", contents: "write", issues: "write", pull_requests: "write" } as const;
  const token = mintToken(github.world, {
    ...person(github.world, "offshoot[bot]"),
    kind: "installation",
    permissions,
  });
  const octokit = client(github, token);
  const store = githubStore({ octokit, ...at });
  const app = client(github, await appJwt(github, { issuer: String(github.world.ids.app) }));
  const now = () => new Date(Date.now() + 3 * 60_000);
  const clock = { ...world.intake.clock, now };
  const waker = async () => ({ ...world.intake, store, clock });
  const open = () => reconciler({ app: async () => app, client: async () => octokit, waker, now });
  /** The app dies as soon as the prompt is in the journal. */
  const crashed = async (body: string) =>
    take({ ...world.intake, store, afterwards: async () => undefined }, await world.write(body));
  /** A session whose one turn has ended. */
  const settle = async (body: string) => {
    await crashed(body);
    const [session] = await store.find("");
    const tip = given(session && (await store.tip(session)));
    const run = { id: 1, attempt: 1, url: "" };
    const prompt = given(tip.session.queue[0]).id;
    const facts = [
      fact(hand(), "lease.taken", { epoch: 1, holder: "runner", run }),
      fact(hand(), "turn.started", { turn: 1, prompt, model: "openai:gpt-test", base: tip.session.base }),
      fact(hand(), "turn.ended", { ...ended, prompt }),
      fact(hand(), "lease.released", { epoch: 1 }),
    ] as const;
    await store.append(compose(tip.session.session, tip, { facts }));
  };
  return { ...world, store, crashed, settle, look: open(), other: open() };
}

test("a session whose run never started is woken, once, whoever looks", async () => {
  const { crashed, look, dispatched, store } = await openReconciled();
  expect(await crashed("/agent fix it")).toBe("queued");
  expect(dispatched).toEqual([]);
  expect(await look()).toBe(1);
  const [session] = await store.find("");
  const tip = session && (await store.tip(session));
  expect(dispatched.map(({ nonce }) => nonce)).toEqual([tip?.session.wake]);
  expect(await look()).toBe(0);
});

test("of two instances that look at the same moment, one wakes it", async () => {
  const { crashed, look, other, dispatched } = await openReconciled();
  await crashed("/agent fix it");
  const woken = await Promise.all([look(), other()]);
  expect(woken.toSorted()).toEqual([0, 1]);
  expect(dispatched).toHaveLength(1);
});

test("where nothing has happened, looking costs no request that counts", async () => {
  const { look, github, settle } = await openReconciled();
  await settle("/agent fix it");
  await look();
  const from = github.requests.length;
  expect(await look()).toBe(0);
  expect(github.requests.slice(from).map(({ status }) => status)).toEqual([304, 304, 304]);
});
