import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec, say, script } from "../../playground/scripted-model.ts";
import type { Event } from "../../src/sessions/journal.ts";
import { newJournalKey } from "../../src/sessions/secrets/journal-keys.ts";
import { refOf } from "../../src/sessions/store.ts";
import { type CloneWorld, openClone, type Said } from "./clone-world.ts";

/** A script that prints something, remembers something, and needs both in its second turn. */
const play = script(
  exec("export COLOUR=$(printf gre; printf en); printf the-; echo output"),
  say("Seen."),
  exec("echo colour: $COLOUR"),
  say("Seen again."),
);

async function openWith(visibility: string, model = play): Promise<CloneWorld> {
  const world = await openClone({ model });
  await writeFile(join(world.dir, ".github/offshoot.toml"), `[journal]\nvisibility = "${visibility}"\n`);
  await world.git("commit", "--quiet", "--all", "-m", "How it is written down");
  return world;
}

async function runWith(world: CloneWorld, key: string | null, ...args: readonly string[]): Promise<Said> {
  const said = await world.start({ args: ["run", ...args], env: key ? { OFFSHOOT_JOURNAL_KEY: key } : {} }).ended;
  expect(said.code).toBe(0);
  return said;
}

/** All that plain git shows of the session's journal. */
async function stored(world: CloneWorld): Promise<string> {
  const { session } = await world.only();
  const commits = (await world.git("rev-list", "--reverse", refOf.session(session))).split("\n");
  return (await Promise.all(commits.map((commit) => world.git("show", `${commit}:events.jsonl`)))).join("\n");
}

function outputs(events: string): string[] {
  const parsed = events.split("\n").map((line): Event => JSON.parse(line));
  return parsed.flatMap((event) =>
    event.type === "message.added" && event.message.role === "tool" ? [event.message.output] : [],
  );
}

test("in full: everything is there for who can read the repository", async () => {
  const world = await openWith("full");
  await runWith(world, null, "look");
  const journal = await stored(world);
  expect(outputs(journal)).toEqual([expect.stringContaining("the-output")]);
  expect(journal).toContain('"COLOUR":"green"');
});

test("sealed: who has no key sees no output and no environment; the next run with the key has both", async () => {
  const world = await openWith("sealed");
  const key = newJournalKey();
  await runWith(world, key, "look");
  const journal = await stored(world);
  expect(journal).not.toContain("the-output");
  expect(journal).not.toContain("green");
  expect(outputs(journal)).toEqual([expect.stringMatching(/^offshoot-sealed:1:[0-9a-f]{12}:/)]);
  expect(journal).toContain("Seen.");

  await runWith(world, key, "--last", "and the colour?");
  const verified = await world.start({
    args: ["session", "verify"],
    env: { OFFSHOOT_JOURNAL_KEY: key },
  }).ended;
  expect(verified.out).toMatch(/ok +hmac +\d+ appends signed/);
  expect(verified.code).toBe(0);
  const transcript = await world.start({ args: ["session", "logs"] }).ended;
  expect(transcript.code).toBe(0);
});

test("sealed, and the key is missing: the session goes on as far as it can, and says what it lacks", async () => {
  const world = await openWith("sealed");
  const key = newJournalKey();
  await runWith(world, key, "look");
  const { err } = await runWith(world, null, "--last", "and the colour?");
  expect(err).toContain("`OFFSHOOT_JOURNAL_KEY` is not set, so this turn went on without them");
  const [, second] = outputs(await stored(world));
  expect(second).toBe("[output not kept]");
  const { out, code } = await world.start({ args: ["session", "verify"], env: { OFFSHOOT_JOURNAL_KEY: key } }).ended;
  expect(code).toBe(1);
  expect(out).toContain("it tells of a turn and is not signed");
});

test("summary: output, reasoning and environment are not kept, and the person is told once why", async () => {
  const world = await openWith("summary");
  await runWith(world, null, "look");
  const journal = await stored(world);
  expect(outputs(journal)).toEqual(["[output not kept]"]);
  expect(journal).not.toContain("green");
  expect(journal).toContain("Seen.");
  expect(journal).toContain("printf the-; echo output");
});

test("sealed without a key is a summary, and the first answer says so and what to do", async () => {
  const world = await openWith("sealed");
  const { err } = await runWith(world, null, "look");
  expect(err).toContain("The secret `OFFSHOOT_JOURNAL_KEY` is not set, so they cannot be encrypted.");
  expect(outputs(await stored(world))).toEqual(["[output not kept]"]);
  expect((await runWith(world, null, "--last", "again")).err).not.toContain("cannot be encrypted");
});

test("rekey: the new key opens what was sealed before and after, the old one nothing that comes", async () => {
  const world = await openWith("sealed");
  const [old, fresh] = [newJournalKey(), newJournalKey()];
  await runWith(world, old, "look");
  const env = { OFFSHOOT_JOURNAL_KEY: old, OFFSHOOT_NEW_JOURNAL_KEY: fresh };
  const { out, code } = await world.start({ args: ["session", "rekey"], env }).ended;
  expect(out).toContain("1 of 1 sessions are under the new key now");
  expect(code).toBe(0);
  const { err } = await runWith(world, fresh, "--last", "and the colour?");
  expect(err).not.toContain("went on without them");
  expect(await world.start({ args: ["session", "verify"], env: { OFFSHOOT_JOURNAL_KEY: fresh } }).ended).toMatchObject({
    code: 0,
    out: expect.stringMatching(/ok +hmac +\d+ appends signed/),
  });
  const [first, second] = outputs(await stored(world));
  const keyOf = (sealed: string | undefined) => sealed?.split(":")[2];
  expect(keyOf(first)).not.toBe(keyOf(second));
});

test("a sealed journal that somebody changed is found by verify, and stops the next run before it writes", async () => {
  const world = await openWith("sealed");
  const key = newJournalKey();
  await runWith(world, key, "look");
  const { session } = await world.only();
  const ref = refOf.session(session);
  const forged = (await world.git("show", `${ref}:events.jsonl`)).replace(/"at":"2/, '"at":"3');
  await writeFile(join(world.home, "forged"), `${forged}\n`);
  const id = await world.git("hash-object", "-w", join(world.home, "forged"));
  const index = { GIT_INDEX_FILE: join(world.home, "index") };
  await world.repository.raw(["read-tree", ref], index);
  await world.repository.raw(["update-index", "--cacheinfo", `100644,${id},events.jsonl`], index);
  const forgedTree = (await world.repository.raw(["write-tree"], index)).trim();
  const parent = await world.git("rev-parse", `${ref}^`);
  const commit = await world.git("commit-tree", forgedTree, "-p", parent, "-m", "released: nothing left to do");
  await world.git("update-ref", ref, commit);

  const env = { OFFSHOOT_JOURNAL_KEY: key };
  const verified = await world.start({ args: ["session", "verify"], env }).ended;
  expect(verified.out).toContain("it is not what was signed there");
  const next = await world.start({ args: ["run", "--last", "and now?"], env }).ended;
  expect(next).toMatchObject({
    code: 1,
    err: expect.stringContaining("somebody without the journal's key has changed it"),
  });
  expect(await world.git("rev-parse", ref)).toBe(commit);
});

test("CS23: the runner's own secrets reach neither the model nor the journal, however the agent gets at them", async () => {
  const [begin, end] = ["deploy-0123456", "789abcdefghij"];
  const secret = begin + end;
  const get = `T=$(printf %s ${begin} ${end}); echo $T; printf %s $T | base64; printf %s $T | xxd -p; echo max_token=4096`;
  const world = await openClone({ model: script(exec(get), say(`It is ${secret}.`)) });
  const { out } = await world.start({ args: ["run", "leak it"], env: { DEPLOY_TOKEN: secret } }).ended;
  expect(out).toContain("It is [redacted].");
  const journal = await stored(world);
  const [output = ""] = outputs(journal);
  expect(JSON.parse(output).stdout).toBe("[redacted]\n[redacted]\n[redacted]\nmax_token=4096\n");
  for (const form of [secret, Buffer.from(secret).toString("base64"), Buffer.from(secret).toString("hex")]) {
    expect(journal).not.toContain(form);
  }
});

test.each([
  ["git@github-work:octo/sample.git", "sealed"],
  ["https://github.example.test/octo/sample.git", "sealed"],
  ["https://gitlab.example.test/joe/joe.github.io", "in full"],
])("with an origin at %s, where nothing is configured, output is kept %s", async (address, kept) => {
  const world = await openClone({ model: play });
  await world.git("rm", "--quiet", ".github/offshoot.toml");
  await world.git("commit", "--quiet", "-m", "Nothing configured");
  await world.git("remote", "add", "origin", address);
  await runWith(world, newJournalKey(), "look");
  expect((await stored(world)).includes("the-output")).toBe(kept === "in full");
});
