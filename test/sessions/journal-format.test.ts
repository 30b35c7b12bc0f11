import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, onTestFinished, test } from "vitest";
import { formatSchema, schemaFile, schemaOf } from "../../scripts/schemas.ts";
import { replay } from "../../src/sessions/fold.ts";
import { gitStore } from "../../src/sessions/git-store.ts";
import type { CommitId } from "../../src/sessions/ids.ts";
import { decode, type Event, encode, eventSchema, type Fact } from "../../src/sessions/journal.ts";
import { formatState } from "../../src/sessions/session.ts";
import { compose, refOf, type Tip } from "../../src/sessions/store.ts";
import { given, someCommit, tipOf } from "./events.ts";
import { gitRemote, plainCommit } from "./remote.ts";

const page = await readFile(join(import.meta.dirname, "..", "..", "docs", "journal-format.md"), "utf8");

/** The contents of the page's fenced blocks in a language. */
function blocks(language: string, text = page): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, content = ""]) => content);
}

const seqOf = (line: string): number => (JSON.parse(line) as Event).seq;
const lines = blocks("jsonl")
  .flatMap((block) => block.split("\n").filter(Boolean))
  .toSorted((a, b) => seqOf(a) - seqOf(b));
const examples = decode(lines.map((line) => `${line}\n`).join(""), { commit: someCommit, after: 0 });
/** The examples as the appends that a run would make of them. */
const appends = [0, 3, 4, 6, 9, 12, 16, 18].map((from, index, starts) => examples.slice(from, starts[index + 1]));
const journal = appends.map((events) => ({ commit: someCommit, events }));
const types = eventSchema.options.map((option) => option.entries.type.literal);

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

describe("docs/journal-format.md", () => {
  test("shows an example of every type, in one session that the reader and the fold take", () => {
    expect(new Set(examples.map(({ type }) => type))).toEqual(new Set(types));
    expect(encode(examples)).toBe(lines.map((line) => `${line}\n`).join(""));
    expect(examples[0]).toMatchObject({ type: "session.opened", session: replay(journal)?.session });
  });

  test("shows the state that its examples make", () => {
    expect(blocks("toml")).toEqual([formatState(given(replay(journal)))]);
  });

  test.each(eventSchema.options.map((option) => [option.entries.type.literal, option] as const))(
    "explains every field of %s",
    (type, { entries }) => {
      const section = given(page.split(/^#{2,3} /m).find((text) => text.startsWith(`\`${type}\`\n`)));
      const common = ["v", "seq", "id", "at", "by", "type"];
      const unexplained = Object.keys(entries).filter((field) => {
        return !common.includes(field) && !new RegExp(`^\\|[^|]*\`${field}\``, "m").test(section);
      });
      expect(unexplained).toEqual([]);
      expect(blocks("jsonl", section).join("")).toContain(`"type":"${type}"`);
    },
  );

  test("its commands do in a plain clone what it says", async () => {
    const { clone, session } = await storedExamples();
    const dir = await mkdtemp(join(tmpdir(), "offshoot-reader-"));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const env = { PATH: process.env.PATH ?? "", HOME: dir, SESSION: session };
    const sh = async (command: string, cwd: string) =>
      (await promisify(execFile)("bash", ["-ceuo", "pipefail", command], { cwd, env })).stdout;
    await sh(`git clone --quiet ${clone} reader`, dir);
    const told: string[] = [];
    const [living = ""] = page.split("## Retired sessions");
    for (const command of blocks("sh", living).flatMap((block) => block.split("\n").filter(Boolean))) {
      const plain = (await sh(command, join(dir, "reader"))).replace(/\b[0-9a-f]{7}\b/g, "<commit>");
      told.push(`$ ${command}\n${plain}`);
    }
    const [fetched = "", listed, timeline, all, state, newest, files, commands, ...others] = told;
    expect(fetched.split("\n")).toHaveLength(2);
    const answer = (text: string | undefined) => given(text).slice(given(text).indexOf("\n") + 1);
    expect(answer(all)).toBe(encode(examples));
    expect(answer(state)).toBe(blocks("toml")[0]);
    expect(answer(newest)).toBe(`${lines.at(-1)}\n`);
    expect(answer(commands)).toBe(
      lines
        .filter((line) => line.includes('"type":"command.ran"'))
        .join("\n")
        .concat("\n"),
    );
    expect([listed, timeline, files, ...others].join("\n")).toMatchInlineSnapshot(`
      "$ git for-each-ref --sort=-committerdate --format='%(refname:lstrip=3)  %(committerdate:iso)  %(subject)' refs/offshoot/sessions
      01M7XZ3K5E8Q2V4R6T9WBCDFGH  2026-11-21 09:01:01 +0000  released: nothing left to do

      $ git log --reverse --format='%h %ad %an: %s' --date=iso refs/offshoot/sessions/$SESSION
      <commit> 2026-11-21 09:00:00 +0000 ada: ada opened the session: Parser drops the minus sign
      <commit> 2026-11-21 09:00:21 +0000 github-actions[bot]: run 4711 took the session (epoch 1)
      <commit> 2026-11-21 09:00:22 +0000 github-actions[bot]: turn 1 started with openai:gpt-5.5@high
      <commit> 2026-11-21 09:00:31 +0000 github-actions[bot]: turn 1, step 1: exec answered
      <commit> 2026-11-21 09:00:44 +0000 github-actions[bot]: turn 1, step 3: saved the work tree
      <commit> 2026-11-21 09:00:58 +0000 github-actions[bot]: turn 1 done: The parser keeps the minus sign now; the test passes.
      <commit> 2026-11-21 09:01:01 +0000 github-actions[bot]: wrote https://github.com/octo/sample/issues/7#issuecomment-2452
      <commit> 2026-11-21 09:01:01 +0000 github-actions[bot]: released: nothing left to do

      $ git ls-tree -r --name-only refs/offshoot/sessions/$SESSION
      events.jsonl
      state.toml

      $ git show refs/offshoot/threads/7:sessions | tail -n 1
      01M7XZ3K5E8Q2V4R6T9WBCDFGH

      $ git log --format='%h %an: %s' refs/offshoot/threads/7
      <commit> ada: 01M7XZ3K5E8Q2V4R6T9WBCDFGH is the active session

      $ git log --notes='offshoot/*' origin/offshoot/7-parser-drops-the-minus-sign-dfgh
      commit 1955864a9c273b6914d99b097ef71499070b2d8d
      Author: Grace <grace@example.test>
      Date:   Sun Nov 1 12:00:00 2026 +0000

          Keep the minus sign

      Notes (offshoot/01M7XZ3K5E8Q2V4R6T9WBCDFGH):
          session = "…"
          turn = 1

      commit 0bf330ee9700f98ed754510655494b77114e9ac7
      Author: Grace <grace@example.test>
      Date:   Sun Nov 1 12:00:00 2026 +0000

          the sample

      $ git diff --stat origin/main refs/offshoot/wip/$SESSION
       file.txt | 2 +-
       1 file changed, 1 insertion(+), 1 deletion(-)
      "
    `);
  });
});

/** A remote with the page's session: each of these appends is a commit; thread, note, branch and snapshot beside it. */
async function storedExamples(): Promise<{ clone: string; session: string }> {
  const remote = await gitRemote();
  const repository = await remote.clone();
  const store = gitStore(repository);
  const main = await repository.commit(plainCommit("the sample"));
  const work = await repository.commit({ ...plainCommit("Keep the minus sign", [main]) });
  let tip: Tip | null = null;
  const opened = given(examples[0]);
  if (opened.type !== "session.opened") throw new Error("the first example opens no session");
  const { session, branch } = opened;
  for (const events of appends) {
    const [first, ...rest] = events.map(({ v: _, seq: __, ...fact }) => fact as Fact);
    const threads = tip ? [] : [{ number: 7, from: null, sessions: [session] }];
    const spilled = events.flatMap((event) => (event.type === "command.ran" ? (event.spilled ?? []) : []));
    const output = Object.fromEntries(spilled.map((name) => [name, Buffer.from("…")]));
    tip = tipOf(await store.append(compose(session, tip, { facts: [given(first), ...rest], threads, output })));
  }
  await repository.raw(["notes", `--ref=${refOf.notes(session)}`, "add", "-m", 'session = "…"\nturn = 1', work], {
    ...{ GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b" },
  });
  const create = (ref: string, to: CommitId) => ({ ref, from: null, to });
  await repository.push([
    create(refOf.branch("main"), main),
    create(refOf.branch(branch.name), work),
    create(refOf.wip(session), work),
    create(refOf.notes(session), given(await repository.resolve(refOf.notes(session)))),
  ]);
  return { clone: remote.bare.dir, session };
}

describe("docs/schemas/journal.schema.json", () => {
  const validate = ajv.compile(JSON.parse(formatSchema(schemaOf("journal"))));

  test("is what the code makes: after a change of an event, `npm run schemas`", async () => {
    expect(await readFile(schemaFile("journal"), "utf8")).toBe(formatSchema(schemaOf("journal")));
  });

  test.each(examples.map((event) => [event.type, event] as const))("takes %s, and none with a fault", (_, event) => {
    expect(validate(event)).toBe(true);
    for (const field of ["seq", "id", "by"] as const) {
      const { [field]: __, ...torn } = event;
      expect(validate(torn)).toBe(false);
    }
    expect(validate({ ...event, extra: 1 })).toBe(false);
    expect(validate({ ...event, id: event.id.slice(1) })).toBe(false);
    expect(validate({ ...event, seq: 0 })).toBe(false);
  });

  test("does not take a type that there is none of", () => {
    expect(validate({ ...examples[2], type: "wake.up" })).toBe(false);
  });
});
