import { expect, test } from "vitest";
import { say, script, write } from "../../playground/scripted-model.ts";
import { fact } from "../../src/sessions/decide.ts";
import { openClone, openOrigin } from "./clone-world.ts";
import { ada, openReadingWorld, prompt } from "./reading-world.ts";
import { published } from "./schemas.ts";

const monthAgo = { ...ada, now: () => new Date("2026-01-01T00:00:00Z") };
const nextYear = { now: () => new Date("2027-01-01T00:00:00Z") };

test("CS17: delete leaves a tombstone that is readable by id, and refuses a session that is at work", async () => {
  const world = await openReadingWorld();
  const idle = await world.turn(await world.open({ description: "done with" }));
  const { session } = idle.session;
  expect(await world.offshoot(["session", "delete", "-s", session.slice(0, 20)])).toMatchObject({ code: 0 });
  expect(await world.git("for-each-ref", "refs/offshoot/sessions")).toBe("");
  const shown = await world.offshoot(["session", "show", "-s", session, "--json"]);
  expect(published("session-show", shown)).toMatchObject({ id: session, status: "retired" });
  expect((await world.offshoot(["session", "logs", "-s", session])).out).toMatch(/ deleted the session$/m);
  expect(await world.offshoot(["session", "delete", "-s", session])).toMatchObject({ code: 3 });

  const busy = await world.open({ description: "at work" });
  const until = "2099-01-01T00:00:00.000Z";
  await world.append(busy, fact(ada, "lease.taken", { epoch: 1, holder: "elsewhere:1", until }));
  const refused = await world.offshoot(["session", "delete", "-s", busy.session.session]);
  expect(refused).toMatchObject({ code: 6, err: expect.stringContaining("elsewhere:1 holds it") });
  expect((await world.store.tip(busy.session.session))?.session.lease?.holder).toBe("elsewhere:1");
});

test("CS18: clean takes what nobody used, only of the models that were named; a dry run writes nothing", async () => {
  const world = await openReadingWorld();
  const gpt = await world.turn(await world.open({ description: "old", hand: monthAgo }), { model: "openai:gpt-5.5" });
  const qwen = await world.turn(await world.open({ description: "old, too", hand: monthAgo }), {
    model: "local:qwen3",
  });
  const waiting = await world.open({ description: "waits", hand: monthAgo });
  const refs = await world.git("for-each-ref");
  const args = ["session", "clean", "--days", "30", "--model", "openai:gpt-5.5", "--json"];
  const dry = published<Cleaned>("session-clean", await world.offshoot([...args, "--dry-run"], nextYear));
  expect(dry).toMatchObject({ dry_run: true, retired: [{ session: gpt.session.session, description: "old" }] });
  expect(await world.git("for-each-ref")).toBe(refs);

  const done = published<Cleaned>("session-clean", await world.offshoot(args, nextYear));
  expect(done.retired).toEqual(dry.retired);
  expect(await world.store.find("")).toEqual([qwen.session.session, waiting.session.session].sort());
  const rest = await world.offshoot(["session", "clean", "--days", "30"], nextYear);
  expect(rest.out).toContain(qwen.session.session);
  expect(rest.err).toContain(waiting.session.session);
  expect(await world.store.find("")).toEqual([waiting.session.session]);
});

test("CS18: a comma too many is no model, and a name that begins like another is another", async () => {
  const world = await openReadingWorld();
  await world.turn(await world.open({ hand: monthAgo }), { model: "openai:gpt-5.5@high" });
  const clean = (models: string) =>
    world.offshoot(["session", "clean", "--days", "30", "--dry-run", "--model", models], nextYear);
  expect((await clean("local:qwen3,")).out).toContain("0 sessions would be retired");
  expect((await clean("gpt-5")).out).toContain("0 sessions would be retired");
  expect((await clean("gpt-5.5,")).out).toContain("1 session would be retired");
  expect(await clean(" ,")).toMatchObject({ code: 2, err: expect.stringContaining("separated by commas") });
});

interface Cleaned {
  readonly dry_run: boolean;
  readonly retired: readonly { readonly session: string }[];
}

test("purge takes out what a session said, and says what it cannot reach", async () => {
  const world = await openReadingWorld();
  const tip = await world.turn(await world.open({ prompt: "the-secret-plan" }), { answer: "the-secret-answer" });
  const { session } = tip.session;
  await world.git("config", "user.name", "Bob");
  await world.git("config", "user.email", "8+bob@users.noreply.github.com");
  const { code, out } = await world.offshoot(["session", "purge", "-s", session]);
  expect(code).toBe(0);
  expect(out).toContain("Not reached:\n- ");
  await world.git("reflog", "expire", "--expire=now", "--all");
  await world.git("gc", "--quiet", "--prune=now");
  const objects = await world.git("cat-file", "--batch", "--batch-all-objects", "--unordered");
  expect(objects).not.toMatch(/the-secret-(plan|answer)/);
  expect((await world.offshoot(["session", "show", "-s", session])).out).toContain("retired");
  expect(await world.offshoot(["session", "verify", "-s", session])).toMatchObject({ code: 0 });
});

test("WS10, WS16: a turn taken back and a fork, from the terminal", async () => {
  const model = script(write("a.txt", "a"), say("Wrote a."), write("b.txt", "b"), say("Wrote b."));
  const world = await openClone({ model });
  await world.offshoot("run", "write a");
  await world.offshoot("run", "--last", "write b");
  const { session, branch } = await world.only();
  const forked = await world.offshoot("session", "fork", "-s", session, "--at", "1", "--json");
  const fork = published<{ session: string; parent: string; branch: string }>("session-fork", forked);
  expect(fork.parent).toBe(session);
  expect((await world.offshoot("session", "list", "--tree")).out).toContain(`└─ ${fork.session}`);
  expect(await world.offshoot("session", "fork", "-s", session, "--at", "7")).toMatchObject({
    code: 4,
    err: expect.stringContaining("It could be: 0, 1, 2."),
  });

  const taken = await world.offshoot("session", "revert", "-s", session, "--json");
  expect(published("session-revert", taken)).toMatchObject({ session, turn: 2 });
  expect(await world.git("ls-tree", "--name-only", branch, "a.txt", "b.txt")).toBe("a.txt");
  expect(await world.offshoot("session", "revert", "-s", session, "--turn", "2")).toMatchObject({ code: 3 });
});

test("CS15, CS16: a checkpoint by hand is one more note, readable with plain git in a fresh clone", async () => {
  const origin = await openOrigin();
  const world = await openClone({ model: script(write("a.txt", "a"), say("Wrote a.")), origin });
  await world.offshoot("run", "write a");
  const { session } = await world.only();
  await world.offshoot("session", "push", "-s", session);
  const made = await world.offshoot("session", "checkpoint", "-s", session, "before the rewrite", "--json");
  expect(published("session-checkpoint", made)).toMatchObject({ session, turn: 1, label: "before the rewrite" });
  const all = published<unknown[]>("session-checkpoints", await world.offshoot("session", "checkpoints", "--json"));
  expect(all).toHaveLength(2);
  const other = await openClone({ origin });
  await other.git("fetch", "--quiet", "origin", "refs/notes/offshoot/*:refs/notes/offshoot/*");
  const { branch } = await world.only();
  const log = await other.git("log", "--notes=offshoot/*", `origin/${branch}`, "-1");
  expect(log).toContain('prompt = "write a"');
  expect(log).toContain("before the rewrite");
});

test("CA21, CS13: compaction by hand; what cannot be compacted is said, and stays as it is", async () => {
  const summary = "The person wanted a.txt, and it is there.";
  const world = await openClone({ model: (_, { tools }) => ({ kind: "answer", text: tools ? "Fine." : summary }) });
  await world.offshoot("run", "a");
  const { session } = await world.only();
  const compacted = await world.offshoot("session", "compact", "-s", session, "--json");
  expect(published("session-compact", compacted)).toMatchObject({ session });
  expect(await world.only()).toMatchObject({ status: "available", context_status: { is_compacted: true } });
  const again = await world.offshoot("session", "compact", "-s", session);
  expect(again).toMatchObject({ code: 3, err: expect.stringContaining("was compacted, and no turn has run since") });

  const before = await world.only();
  await world.offshoot("run", "--last", "b");
  const args = ["session", "compact", "-s", session];
  const without = await world.start({ args, env: { OPENAI_API_KEY: "" } }).ended;
  expect(without).toMatchObject({ code: 1, err: expect.stringContaining("OPENAI_API_KEY") });
  expect((await world.only()).context.cut_commit).toBe(before.context.cut_commit);
});

test("what lives on the origin is changed there: stopped, checkpointed, deleted and cleaned for everyone", async () => {
  const origin = await openOrigin();
  const model = script(write("a.txt", "a"), say("Wrote a."));
  const [here, there] = [await openClone({ model, origin }), await openClone({ origin })];
  await here.offshoot("run", "write a");
  const { session } = await here.only();
  await here.offshoot("session", "push", "-s", session);
  await there.offshoot("session", "fetch");
  expect(await there.offshoot("session", "delete", "-s", session)).toMatchObject({ code: 0 });
  expect(await here.git("ls-remote", "origin", "refs/offshoot/sessions/*")).toBe("");
  expect((await here.offshoot("session", "fetch")).out).toContain(`${session}  retired on the origin`);
  expect((await here.offshoot("session", "show", "-s", session)).out).toContain("retired");
  expect((await here.offshoot("run", "--session", session, "more")).code).toBe(3);
});

test("a prompt that waits keeps its session from being cleaned", async () => {
  const world = await openReadingWorld();
  const tip = await world.turn(await world.open({ hand: monthAgo }));
  await world.append(tip, fact(monthAgo, "prompt.queued", prompt("one more")));
  const said = await world.offshoot(["session", "clean", "--days", "1"], nextYear);
  expect(said.err).toContain(tip.session.session);
  expect(await world.store.find("")).toEqual([tip.session.session]);
});
