import { expect, test } from "vitest";
import type { Rules } from "../../src/github/configured.ts";
import { ForgeError } from "../../src/github/forge.ts";
import { take } from "../../src/github/intake.ts";
import { isWanted } from "../../src/github/wake.ts";
import { goOn, takeLease } from "../../src/sessions/decide.ts";
import { JournalError, type Run } from "../../src/sessions/journal.ts";
import { compose, StoreError } from "../../src/sessions/store.ts";
import { at, client } from "../playground/github-fixture.ts";
import { given, hand, offshoot, someCommit, tipOf } from "../sessions/events.ts";
import { type IntakeWorld, openIntakeWorld } from "./intake-world.ts";

/** The session is taken by this run. */
async function hold({ store, tip }: IntakeWorld, run: Run): Promise<void> {
  const now = await tip();
  const lease = takeLease(hand(offshoot), now.session, { holder: "a machine", run, isVoid: () => true });
  if (lease.kind !== "taken") throw new Error(lease.kind);
  tipOf(await store.append(compose(now.session.session, now, lease.change)));
}

const reactions = ({ world }: IntakeWorld) =>
  [...world.comments.values()].flatMap(({ reactions }) => reactions.map(({ content }) => content));

test("a prompt: the journal has it, a run is asked for, the person has a receipt", async () => {
  const world = await openIntakeWorld();
  expect(await world.comment("/agent fix it")).toBe("queued");
  const { session, queue, phase, branch } = await world.session();
  expect(phase).toBe("queued");
  expect(queue).toMatchObject([{ status: "queued", text: "fix it", by: { login: "maintainer", id: 600_002 } }]);
  expect(branch).toBe(`offshoot/1-it-fails-${session.slice(-4).toLowerCase()}`);
  expect(world.dispatched).toMatchObject([{ session }]);
  expect(reactions(world)).toEqual(["eyes"]);
  expect(world.said()).toHaveLength(1);
  expect(world.github.world.violations).toEqual([]);
});

test("who may: a person with write access, by numeric id", async () => {
  const world = await openIntakeWorld();
  expect(await world.comment("/agent fix it", { as: "outsider" })).toBe("refused");
  expect(reactions(world)).toEqual(["confused"]);

  const written = await world.write("/agent fix it");
  const { users } = world.world;
  const maintainer = users.get("maintainer");
  if (maintainer) users.set("maintainer", { ...maintainer, id: 777 });
  expect(await world.take(written)).toBe("refused");
  expect(await world.store.find("")).toEqual([]);
});

test("where more than write access is needed, who has less is told so; a configuration that cannot be used asks for none", async () => {
  const world = await openIntakeWorld();
  const { users } = world.world;
  const maintainer = users.get("maintainer");
  const ask = async (permission: "write" | "maintain", rules: Rules | null) => {
    if (maintainer) users.set("maintainer", { ...maintainer, permission });
    return take({ ...world.intake, rules: async () => rules }, await world.write("/agent fix it"));
  };
  const rules: Rules = { label: "agent", trigger: "maintain" };
  expect(await ask("write", rules)).toBe("refused");
  expect(world.said()).toEqual([
    expect.stringMatching(/the access “maintain” alone, and `maintainer` has “write”.*What to do: .*`trigger` under/s),
  ]);
  expect(await world.store.find("")).toEqual([]);
  expect(await ask("maintain", rules)).toBe("queued");
  expect(await ask("write", null)).toBe("queued");
});

test("who comments to continue goes on first, with the budget that they add; elsewhere there is nothing to go on with", async () => {
  const world = await openIntakeWorld();
  expect(await world.comment("/agent continue")).toBe("answered");
  expect(world.said().at(-1)).toMatch(/no session here to go on with.*What to do: comment `\/agent` with what to do/s);
  expect(await world.store.find("")).toEqual([]);
  await world.comment("/agent --budget 500k fix it");
  const written = await world.write("/agent continue --budget $5");
  expect([await world.take(written), await world.take(written)]).toEqual(["queued", "known"]);
  expect(await world.session()).toMatchObject({
    raised: { usd: 5 },
    queue: [
      { text: goOn, budget: { usd: 5 }, raises: true },
      { text: "fix it", budget: { tokens: 500_000 } },
    ],
  });
  expect(await world.comment("/agent continue --budget lots")).toBe("answered");
  expect(world.said().at(-1)).toMatch(/`lots` is no amount.*`\$5`, `\$0\.50` or `5usd`.*`500k`/s);
  expect(await world.comment("/agent continue --budget $5", { as: "outsider" })).toBe("refused");
  expect((await world.session()).queue).toHaveLength(2);
});

test("a bot with write access is not heard", async () => {
  const world = await openIntakeWorld();
  const { number } = await world.forge.conversation.post(world.issue, "/agent fix it");
  expect(await world.take({ kind: "comment", comment: number, node: "", thread: world.issue })).toBe("ignored");
  expect(await world.store.find("")).toEqual([]);
});

test("when it cannot be told who may, the thread is told so, and nothing starts", async () => {
  const world = await openIntakeWorld();
  world.github.faults.failNext("GET", /\/permission$/, 500);
  expect(await world.comment("/agent fix it")).toBe("refused");
  expect(world.said().join()).toMatch(/could not check whether `maintainer` may start it .*What to do: comment again/s);
  expect(world.dispatched).toEqual([]);
});

test("what counts is the comment as it is now", async () => {
  const world = await openIntakeWorld();
  const written = await world.write("/agent fix it");
  for (const comment of world.world.comments.values()) comment.body = "Never mind.";
  expect(await world.take(written)).toBe("ignored");
  world.world.comments.clear();
  expect(await world.take(written)).toBe("ignored");
  expect(world.said()).toEqual([]);
});

test("racing first comments end in one session, both queued", async () => {
  const world = await openIntakeWorld();
  expect(await Promise.all(["/agent one", "/agent two", "/agent three"].map((text) => world.comment(text)))).toEqual([
    "queued",
    "queued",
    "queued",
  ]);
  expect(await world.store.find("")).toHaveLength(1);
  expect((await world.session()).queue.map(({ text }) => text).toSorted()).toEqual(["one", "three", "two"]);
});

test("the same comment delivered three times, at once or later, is one prompt and one receipt", async () => {
  const world = await openIntakeWorld();
  const written = await world.write("/agent fix it");
  const taken = await Promise.all([world.take(written), world.take(written), world.take(written)]);
  expect(taken.toSorted()).toEqual(["known", "known", "queued"]);
  const asked = world.dispatched.length;
  await world.run("in_progress");
  expect(await world.take(written)).toBe("known");
  expect((await world.session()).queue).toHaveLength(1);
  expect(reactions(world)).toEqual(["eyes"]);
  expect(world.dispatched).toHaveLength(asked);
});

test("an instance that hears what another one has written down asks for a run, and leaves the receipt to that one", async () => {
  const world = await openIntakeWorld();
  const later: (() => Promise<unknown>)[] = [];
  const slow = { ...world.intake, afterwards: async (work: () => Promise<unknown>) => later.push(work) };
  const written = await world.write("/agent fix it");
  expect(await take(slow, written)).toBe("queued");
  expect(await world.take(written)).toBe("known");
  expect(world.dispatched).toHaveLength(1);
  for (const work of later) await work();
  expect(world.said().filter((body) => body.includes("offshoot:status"))).toHaveLength(1);
  expect(reactions(world)).toEqual(["eyes"]);
});

test("a run that could not be asked for is explained, and the same delivery again asks for it", async () => {
  const world = await openIntakeWorld();
  world.github.faults.failNext("POST", /dispatches$/, 503);
  const written = await world.write("/agent fix it");
  expect(await world.take(written)).toBe("queued");
  expect(world.said().at(-1)).toContain("Your prompt is queued, but no run could be started.");
  expect(world.dispatched).toEqual([]);
  expect(await world.take(written)).toBe("known");
  expect(world.dispatched).toHaveLength(1);
});

test.each([/\/reactions$/, /\/comments$/])("a receipt that fails (%s) keeps no prompt waiting", async (path) => {
  const world = await openIntakeWorld();
  const written = await world.write("/agent fix it");
  world.github.faults.failNext("POST", path, 500);
  expect(await world.take(written)).toBe("queued");
  expect(world.dispatched).toHaveLength(1);
});

test("while a run holds the session a prompt waits for it; a lease whose run is over holds nobody up", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent one");
  const run = await world.run("in_progress");
  await hold(world, run);
  expect(await world.comment("/agent two")).toBe("queued");
  expect(world.dispatched).toHaveLength(1);
  expect(reactions(world)).toEqual(["eyes", "eyes"]);

  const over = world.world.runs.get(run.id);
  if (over) over.status = "completed";
  expect(await world.comment("/agent three")).toBe("queued");
  expect(world.dispatched).toHaveLength(2);
});

test("a lost run's session is woken again a few times, then a person has to look", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent fix it");
  const { session } = await world.session();
  const ended = async () => world.take({ kind: "run-ended", session, run: await world.run("completed") });
  expect([await ended(), await ended(), await ended(), await ended(), await ended()]).toEqual([
    "woken",
    "woken",
    "woken",
    "gave up",
    "left",
  ]);
  expect(world.dispatched).toHaveLength(4);
  expect(world.said().at(-1)).toContain("4 runs of session");
});

test("a run's end wakes nobody where another run is on its way, has the session, or nothing is to do", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent fix it");
  const { session } = await world.session();
  const ended = await world.run("completed");
  const other = await world.run("in_progress");
  expect(await world.take({ kind: "run-ended", session, run: ended })).toBe("left");
  await hold(world, other);
  const unlisted = world.world.runs.get(other.id);
  if (unlisted) unlisted.title = "Offshoot";
  expect(await world.take({ kind: "run-ended", session, run: ended })).toBe("left");
  expect(world.dispatched).toHaveLength(1);
  const stranger = "01JH4QTM5N8V2KX9C3PD7WBYRA" as typeof session;
  expect(await world.take({ kind: "run-ended", session: stranger, run: ended })).toBe("left");
});

test("the same end of a run delivered twice wakes the session once", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent fix it");
  const { session } = await world.session();
  const run = await world.run("completed");
  await hold(world, run);
  expect(await world.take({ kind: "run-ended", session, run })).toBe("woken");
  await world.run("in_progress");
  expect(await world.take({ kind: "run-ended", session, run })).toBe("left");
});

test("a run that died before it took over a dead run's lease is replaced, until a person has to look", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent fix it");
  const { session } = await world.session();
  const holder = await world.run("completed");
  await hold(world, holder);
  expect(await world.take({ kind: "run-ended", session, run: holder })).toBe("woken");
  const ended = async () => world.take({ kind: "run-ended", session, run: await world.run("completed") });
  expect([await ended(), await ended(), await ended(), await ended()]).toEqual(["woken", "woken", "gave up", "left"]);
  expect(world.dispatched).toHaveLength(4);
  expect(world.said().at(-1)).toContain("4 runs of session");
});

test("a status comment that cannot be written keeps no lost run's session waiting", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent fix it");
  const { session } = await world.session();
  const run = await world.run("completed");
  world.github.faults.failNext("GET", /\/issues\/\d+\/comments/, 502);
  expect(await world.take({ kind: "run-ended", session, run })).toBe("woken");
  expect(world.dispatched).toHaveLength(2);
  expect(world.said()).toEqual([expect.stringContaining("queued, waiting for a run")]);
});

test("a giving up that cannot be told in a comment of its own stands in the status", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent fix it");
  const { session } = await world.session();
  const ended = async () => world.take({ kind: "run-ended", session, run: await world.run("completed") });
  for (const _ of [1, 2, 3]) await ended();
  world.github.faults.failNext("POST", /\/comments$/, 502);
  expect(await ended()).toBe("gave up");
  expect(world.said()).toEqual([expect.stringContaining("interrupted, waiting for a person")]);
});

test("a run that GitHub still lists when it tells of its end is not taken for another", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent fix it");
  const { session } = await world.session();
  const run = await world.run("in_progress");
  const listed = world.world.runs.get(run.id);
  if (listed) listed.attempt = 2;
  expect(await world.take({ kind: "run-ended", session, run })).toBe("left");
  expect(await world.take({ kind: "run-ended", session, run: { ...run, attempt: 2 } })).toBe("woken");
});

test("a run is wanted for work, and for a lease that is its own or a dead run's", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent fix it");
  const [holder, other] = [await world.run("in_progress"), await world.run("in_progress")];
  const { lease: none, ...session } = await world.session();
  expect(none).toBeUndefined();
  expect(await isWanted({ forge: world.forge, clock: world.intake.clock }, session, other)).toBe(true);
  const done = { ...session, phase: "idle" as const, queue: [] };
  expect(await isWanted({ forge: world.forge, clock: world.intake.clock }, done, other)).toBe(false);
  const left = { ...done, lease: { epoch: 1, holder: "a machine", taken_at: session.created_at, run: holder } };
  expect(await isWanted({ forge: world.forge, clock: world.intake.clock }, left, holder)).toBe(true);
  expect(await isWanted({ forge: world.forge, clock: world.intake.clock }, left, other)).toBe(false);
  world.world.runs.delete(holder.id);
  expect(await isWanted({ forge: world.forge, clock: world.intake.clock }, left, other)).toBe(true);
});

test("the label: its name, and who put it there", async () => {
  const world = await openIntakeWorld();
  const by = { login: "maintainer", id: 600_002, bot: false };
  const label = {
    kind: "label",
    thread: world.issue,
    label: "agent",
    by,
    url: "https://x.test",
    delivery: "d1",
  } as const;
  expect(await world.take({ ...label, label: "bug" })).toBe("ignored");
  expect(await world.take({ ...label, by: { ...by, bot: true } })).toBe("ignored");
  expect(await world.take({ ...label, by: { login: "outsider", id: 600_003, bot: false } })).toBe("refused");
  expect(await world.take(label)).toBe("queued");
  expect(await world.take(label)).toBe("known");
  expect((await world.session()).queue).toMatchObject([{ text: "It fails\n\nSince 1.2." }]);
});

test("a fork's pull request is answered with what to do instead", async () => {
  const world = await openIntakeWorld();
  const { conversation } = world.forge;
  const pull = { head: "fix", headCommit: someCommit, base: "main", fork: true };
  const thread: typeof conversation.thread = async (number) => {
    const found = await conversation.thread(number);
    return found && { ...found, pull };
  };
  const intake = { ...world.intake, forge: { ...world.forge, conversation: { ...conversation, thread } } };
  expect(await take(intake, await world.write("/agent fix it"))).toBe("answered");
  expect(world.said()).toEqual([expect.stringMatching(/comes from a fork.*What to do: push its branch/s)]);
  expect(await world.store.find("")).toEqual([]);
});

test("a corrupt journal is told on the thread", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent one");
  const broken = new JournalError("malformed", { commit: someCommit, line: 3, reason: "not JSON" });
  const store = { ...world.store, tip: () => Promise.reject(broken) };
  expect(await take({ ...world.intake, store }, await world.write("/agent two"))).toBe("answered");
  expect(world.said().at(-1)).toContain(`corrupt at commit ${someCommit}, line 3`);
});

test("an opening whose answer never came is tried again: one session, and its run", async () => {
  const world = await openIntakeWorld();
  let answers = 0;
  const append: typeof world.store.append = async (change) => {
    const swap = await world.store.append(change);
    answers += 1;
    if (answers === 1) throw new StoreError("unreachable", "the connection broke");
    return swap;
  };
  const store = { ...world.store, append };
  expect(await take({ ...world.intake, store }, await world.write("/agent fix it"))).toBe("queued");
  expect(answers).toBe(2);
  expect(await world.store.find("")).toHaveLength(1);
  expect((await world.session()).queue).toMatchObject([{ text: "fix it" }]);
  expect(world.dispatched).toHaveLength(1);
});

test.each(["thread", "append"] as const)(
  "when the store gives no answer to `%s`, nobody is told more than is known",
  async (method) => {
    const world = await openIntakeWorld();
    const unreachable = () => Promise.reject(new StoreError("unreachable", "the connection broke"));
    const store = { ...world.store, [method]: unreachable };
    expect(await take({ ...world.intake, store }, await world.write("/agent fix it"))).toBe("answered");
    expect(world.said()).toEqual([
      expect.stringMatching(/could not be reached.*not known whether the prompt was taken.*the connection broke/s),
    ]);
  },
);

test("on a thread whose session somebody has deleted a comment opens the next one", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent one");
  const { session: deleted } = await world.session();
  const tip: typeof world.store.tip = async (session) => (session === deleted ? null : world.store.tip(session));
  const intake = { ...world.intake, store: { ...world.store, tip } };
  expect(await take(intake, await world.write("/agent two"))).toBe("queued");
  expect(await take(intake, await world.write("/agent three"))).toBe("queued");
  const sessions = (await world.store.thread(world.issue))?.sessions ?? [];
  expect(sessions).toEqual([deleted, expect.any(String)]);
  const opened = await world.store.tip(given(sessions[1]));
  expect(opened?.session.queue.map(({ text }) => text)).toEqual(["two", "three"]);
});

test.each([/\/issues\/\d+$/, /\/git\/ref\//])("what GitHub does not tell (%s) is named on the thread", async (path) => {
  const world = await openIntakeWorld();
  const written = await world.write("/agent fix it");
  world.github.faults.failNext("GET", path, 502);
  await expect(world.take(written)).rejects.toThrow(ForgeError);
  expect(world.said()).toEqual([expect.stringMatching(/^Your prompt was not taken.*What to do: comment again/s)]);
  expect(await world.store.find("")).toEqual([]);
});

test("on a pull request that a session opened a moment ago, a comment goes on with that session", async () => {
  const world = await openIntakeWorld();
  await world.comment("/agent one");
  const { branch } = await world.session();
  await world.clone.git("push", "-q", "origin", `main:refs/heads/${branch}`);
  await world.clone.commit("more.txt", "more");
  await world.clone.git("push", "-q", "origin", `HEAD:refs/heads/${branch}`);
  const bot = client(world.github, world.github.tokens.maintainer);
  const { data } = await bot.rest.pulls.create({ ...at, title: "Work", head: branch, base: "main" });
  expect(await world.comment("/agent two", { thread: data.number })).toBe("queued");
  expect((await world.session()).queue.map(({ text }) => text)).toEqual(["one", "two"]);
});

test("CS23: a token that somebody pastes into a prompt is not written down", async () => {
  const world = await openIntakeWorld();
  const token = `ghp_${"a1B2".repeat(9)}`;
  expect(await world.comment(`/agent use ${token} for the API, and keep max_token=4096`)).toBe("queued");
  const { session } = (await world.tip()).session;
  const journal = JSON.stringify(await world.store.journal(session));
  expect(journal).not.toContain(token);
  expect(journal).toContain("use [redacted] for the API, and keep max_token=4096");
});
