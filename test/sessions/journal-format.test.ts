import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, onTestFinished, test } from "vitest";
import { formatSchema, schemaFile, schemaOf } from "../../scripts/schemas.ts";
import { type Keeper, openKeeper } from "../../src/runner/keeper.ts";
import { fold, replay } from "../../src/sessions/fold.ts";
import { gitStore } from "../../src/sessions/git/git-store.ts";
import type { CommitId, SessionId } from "../../src/sessions/ids.ts";
import {
  decode,
  type Event,
  type EventOf,
  type EventType,
  encode,
  eventSchema,
  type Fact,
} from "../../src/sessions/journal.ts";
import { type MasterKey, parseJournalKey } from "../../src/sessions/secrets/journal-keys.ts";
import { isSealed } from "../../src/sessions/secrets/seal.ts";
import { signer } from "../../src/sessions/secrets/signatures.ts";
import { formatState, type Session } from "../../src/sessions/session.ts";
import { compose, refOf, type SessionStore, type Tip } from "../../src/sessions/store.ts";
import { given, someCommit, tipOf } from "./events.ts";
import { gitRemote, plainCommit } from "./remote.ts";

const page = await readFile(join(import.meta.dirname, "..", "..", "docs", "journal-format.md"), "utf8");

/** The contents of the page's fenced blocks in a language. */
function blocks(language: string, text = page): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, content = ""]) => content);
}

function section(heading: string): string {
  return given(page.split(/^#{2,3} /m).find((text) => text.startsWith(`${heading}\n`)));
}

/** The page's events, in order: of the first session, and of its fork. */
const [lines, forkLines] = (["01M7XZ", "01M80Q"] as const).map((ids) => {
  const all = blocks("jsonl").flatMap((block) => block.split("\n").filter(Boolean));
  const seqOf = (line: string) => (JSON.parse(line) as Event).seq;
  return all.filter((line) => line.includes(`"id":"${ids}`)).toSorted((a, b) => seqOf(a) - seqOf(b));
}) as [string[], string[]];

const text = (of: readonly string[]) => of.map((line) => `${line}\n`).join("");

function split(events: readonly Event[], starts: readonly number[]): readonly (readonly Event[])[] {
  return starts.map((from, index) => events.slice(from, starts[index + 1]));
}

const examples = decode(text(lines), { commit: someCommit, after: 0 });
/** The examples as the appends that a run would make of them; the fork goes on from the one that ended the turn. */
const appends = split(examples, [0, 3, 4, 7, 10, 13, 17, 19, 20]);
const shared = appends.slice(0, 6);
const forkExamples = decode(text(forkLines), { commit: someCommit, after: given(shared.flat().at(-1)).seq });
const forkAppends = split(forkExamples, [0, 1, 3, 6, 7, 11, 12, 14, 15, 16, 18, 20, 22, 24, 25, 26, 28]);
const journals = [appends, [...shared, ...forkAppends]].map((all) =>
  all.map((events) => ({ commit: someCommit, events })),
);
const [journal = [], forkJournal = []] = journals;
const types = eventSchema.options.map((option) => option.entries.type.literal);

const exampleKey = given(/`OFFSHOOT_JOURNAL_KEY` is `([^`]+)`/.exec(page)?.[1]);
const master = masterKey(exampleKey);

function masterKey(of: string): MasterKey {
  const parsed = parseJournalKey(of);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.key;
}

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

function exampleOf<T extends EventType>(type: T, from = forkExamples): EventOf<T> {
  return given(from.find((event): event is EventOf<T> => event.type === type));
}

const session = exampleOf("session.opened", examples).session;
const fork = exampleOf("session.forked").session;

describe("docs/journal-format.md", () => {
  test("shows an example of every type, in two sessions that the reader and the fold take", () => {
    expect(new Set([...examples, ...forkExamples].map(({ type }) => type))).toEqual(new Set(types));
    expect(encode(examples)).toBe(text(lines));
    expect(encode(forkExamples)).toBe(text(forkLines));
    expect(replay(journal)?.session).toBe(session);
    expect(replay(forkJournal)).toMatchObject({ session: fork, status: "retired" });
  });

  test("shows the state that its first session's examples make", () => {
    expect(blocks("toml")).toEqual([formatState(given(replay(journal)))]);
  });

  test("explains every part of the states that its examples make", () => {
    const table = section("`state.toml`");
    const named = (name: string) => new RegExp(`\`\\[*${name}(\\.<provider>)?\\]*\``).test(table);
    expect([...partsOf(journals.flatMap(statesOf))].filter((name) => !named(name))).toEqual([]);
  });

  test.each(eventSchema.options.map((option) => [option.entries.type.literal, option] as const))(
    "explains every field of %s",
    (type, { entries }) => {
      const told = section(`\`${type}\``);
      const common = ["v", "seq", "id", "at", "by", "type"];
      const unexplained = Object.keys(entries).filter((field) => {
        return !common.includes(field) && !new RegExp(`^\\|[^|]*\`${field}\``, "m").test(told);
      });
      expect(unexplained).toEqual([]);
      expect(blocks("jsonl", told).join("")).toContain(`"type":"${type}"`);
    },
  );

  test("its commands do in a plain clone what it says", async () => {
    const { clone, commits } = await storedExamples();
    const dir = await mkdtemp(join(tmpdir(), "offshoot-reader-"));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const env = { PATH: process.env.PATH ?? "", HOME: dir, SESSION: session, FORK: fork };
    const sh = async (command: string, cwd: string) =>
      (await promisify(execFile)("bash", ["-ceuo", "pipefail", command], { cwd, env })).stdout;
    await sh(`git clone --quiet ${clone} reader`, dir);
    const told: string[] = [];
    const [living = ""] = page.split("## Retired sessions");
    for (const command of blocks("sh", living).flatMap((block) => block.split("\n").filter(Boolean))) {
      const plain = (await sh(command, join(dir, "reader"))).replace(/\b[0-9a-f]{7}\b/g, "<commit>");
      told.push(`$ ${command}\n${plain}`);
    }
    const [fetched = "", listed, timeline, all, state, newest, files, commands, signed, ...others] = told;
    expect(fetched.split("\n")).toHaveLength(2);
    const answer = (of: string | undefined) => given(of).slice(given(of).indexOf("\n") + 1);
    expect(answer(all)).toBe(encode(examples));
    expect(answer(state)).toBe(blocks("toml")[0]);
    expect(answer(newest)).toBe(`${lines.at(-1)}\n`);
    expect(answer(commands)).toBe(text(lines.filter((line) => line.includes('"type":"command.ran"'))));
    expect(answer(signed)).toBe(blocks("text")[0]);
    const { cut, since } = exampleOf("context.compacted");
    const compaction = forkAppends.findIndex(([first]) => first?.type === "context.compacted");
    expect(cut).toBe(commits[compaction - since - 1]);
    expect([listed, timeline, files, ...others].join("\n")).toMatchInlineSnapshot(`
      "$ git for-each-ref --sort=-committerdate --format='%(refname:lstrip=3)  %(committerdate:iso)  %(subject)' refs/offshoot/sessions
      01M80Q7D2ANHV5XK3C9RTWE4JS  2026-11-23 10:32:00 +0000  ada raised the budget by $5.00
      01M7XZ3K5E8Q2V4R6T9WBCDFGH  2026-11-21 09:01:05 +0000  gave run 4711 a token

      $ git log --reverse --format='%h %ad %an: %s' --date=iso refs/offshoot/sessions/$SESSION
      <commit> 2026-11-21 09:00:00 +0000 ada: ada opened the session: Parser drops the minus sign
      <commit> 2026-11-21 09:00:21 +0000 github-actions[bot]: run 4711 took the session (epoch 1)
      <commit> 2026-11-21 09:00:22 +0000 github-actions[bot]: turn 1 started with openai:gpt-5.5@high
      <commit> 2026-11-21 09:00:31 +0000 github-actions[bot]: turn 1, step 1: exec answered
      <commit> 2026-11-21 09:00:44 +0000 github-actions[bot]: turn 1, step 3: saved the work tree
      <commit> 2026-11-21 09:00:58 +0000 github-actions[bot]: turn 1 done: The parser keeps the minus sign now; the test passes.
      <commit> 2026-11-21 09:01:01 +0000 github-actions[bot]: wrote https://github.com/octo/sample/issues/7#issuecomment-2452
      <commit> 2026-11-21 09:01:01 +0000 github-actions[bot]: released: nothing left to do
      <commit> 2026-11-21 09:01:05 +0000 offshoot[bot]: gave run 4711 a token

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

  test("its program opens what is sealed in the examples, and makes the signature, without anything of ours", async () => {
    const { ring } = exampleOf("journal.keyed");
    const key = given(ring.keys[0]);
    const { unwrap, open, hmac, derive, decrypt } = await program();
    const secret = unwrap(exampleKey, ring, key);
    const opened = forkExamples.flatMap(sealedIn);
    expect(opened.length).toBeGreaterThan(4);
    for (const { event, field, sealed, clear } of opened) expect(open(secret, fork, event, field, sealed)).toBe(clear);
    const file = given(sealing.closeFile("name", Buffer.from("a long output")));
    const [line = ""] = file.toString("latin1").split("\n", 1);
    expect(line).toBe(`offshoot-sealed:1:${key.id}`);
    const [, kind = ""] = /`\["(offshoot-seal:1:bytes)", session, id, event, field\]`/.exec(page) ?? [];
    const place = [kind, fork, key.id, "0".repeat(26), "output/name"];
    const content = decrypt(derive(secret, "seal"), file.subarray(line.length + 1), place);
    expect(content.toString()).toBe("a long output");
    const at = forkAppends.findIndex(([first]) => first?.type === "journal.keyed");
    const parent = (await storedExamples()).commits[at - 1];
    const events = Buffer.from(encode(given(forkAppends[at])));
    expect(`1:${key.id}:${hmac(secret, fork, key.id, given(parent), events)}\n`).toBe(blocks("text")[0]);
  });

  test("names every field that is sealed, and what is left out of a summary", () => {
    const [, sentence = ""] = /Paths of fields are (.*?)\.$/ms.exec(section("`journal.keyed`")) ?? [];
    const listed = [...sentence.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path);
    const all = [...examples, ...forkExamples].map((event) => sealing.close(sealing.open(event)));
    const paths = all.flatMap(sealedIn).map(({ field }) => field.replace(/\.\d+\./, ".<n>."));
    const patterns = paths.map((path) =>
      path.replace(/^env\..*/, "env.<variable>").replace(/^shells\..*/, "shells.<shell>.<variable>"),
    );
    expect(new Set(listed)).toEqual(new Set(patterns));
    const summary = JSON.stringify(forkExamples.map((event) => summarizing.close(sealing.open(event))));
    const kept = forkExamples.flatMap(sealedIn).filter(({ clear }) => summary.includes(JSON.stringify(clear)));
    expect(kept.map(({ field }) => field)).toEqual(["summary"]);
    expect(summary).toContain("[output not kept]");
    expect(section("Sealed fields")).toContain("`[output not kept]`");
  });
});

const keeper = (visibility: Keeper["visibility"]) =>
  openKeeper({
    session: fork,
    keys: given(replay(forkJournal)).keys,
    keeping: { visibility, key: master, notice: null },
    secrets: () => [],
  });
const sealing = keeper("sealed");
const summarizing = { ...keeper("full"), close: summarizer().close };

/** A keeper that has no key writes summaries. */
function summarizer(): Keeper {
  return openKeeper({
    ...{ session: fork, keys: undefined, secrets: () => [] },
    keeping: { visibility: "summary", key: null, notice: null },
  });
}

interface Sealed {
  readonly event: string;
  readonly field: string;
  readonly sealed: string;
  readonly clear: string;
}

/** Every sealed text in an event, with its path as the page names it, and as it was. */
function sealedIn(event: Fact): Sealed[] {
  const before = new Map(textsIn(sealing.open(event as Event)));
  return textsIn(event).flatMap(([path, sealed]) => {
    const field = path.replace(/\benv\.set\./, path.startsWith("env") ? "env." : "").replace(/\.encrypted$/, "");
    return isSealed(sealed) ? [{ event: event.id, field, sealed, clear: given(before.get(path)) }] : [];
  });
}

function textsIn(value: unknown, path = ""): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => textsIn(item, path ? `${path}.${name}` : name));
}

interface Program {
  unwrap(master: string, ring: object, key: object): Buffer;
  open(secret: Buffer, session: string, event: string, field: string, sealed: string): string;
  derive(secret: Buffer, purpose: string): Buffer;
  decrypt(key: Buffer, bytes: Buffer, place: readonly string[]): Buffer;
  hmac(secret: Buffer, session: string, id: string, parent: string, events: Buffer): string;
}

/** The page's program, as somebody would run it. */
async function program(): Promise<Program> {
  const [code = ""] = blocks("js");
  const names = "{ unwrap, open, hmac, derive, decrypt }";
  return new Function("require", `${code}\nreturn ${names};`)(createRequire(import.meta.url));
}

function statesOf(of: (typeof journals)[number]): Session[] {
  let state: Session | null = null;
  return of.map(({ events }) => {
    state = fold(state, events);
    return state;
  });
}

/** Names of what is in states, and in the tables in them; providers' names are not ours. */
function partsOf(states: readonly Session[]): ReadonlySet<string> {
  const names = (value: object | undefined) => Object.keys(value ?? {});
  return new Set(
    states.flatMap((state) => {
      const { lease, turn, context, context_status, keys, usage, genealogy } = state;
      const tables = [lease, turn, context, context_status, keys, usage, genealogy];
      return [
        ...names(state),
        ...[...tables, ...state.queue, ...state.effects, ...Object.values(state.tools)].flatMap(names),
      ];
    }),
  );
}

interface Stored {
  readonly clone: string;
  /** Of the fork's appends. */
  readonly commits: readonly CommitId[];
}

/** A remote with the page's sessions, but for the end of the fork: thread, note, branch and snapshot beside them. */
async function storedExamples(): Promise<Stored> {
  const remote = await gitRemote();
  const repository = await remote.clone();
  const stores = { plain: gitStore(repository), signing: gitStore(repository, signer(master)) };
  const main = await repository.commit(plainCommit("the sample"));
  const work = await repository.commit({ ...plainCommit("Keep the minus sign", [main]) });
  const tips: Tip[] = [];
  for (const events of appends) tips.push(await store(stores.plain, session, tips.at(-1) ?? null, events));
  let tip = given(tips[shared.length - 1]);
  const commits: CommitId[] = [];
  for (const events of forkAppends.slice(0, -1)) {
    const byRun = events.at(-1)?.by.kind === "agent";
    tip = await store(byRun ? stores.signing : stores.plain, fork, tip, events);
    commits.push(tip.commit);
  }
  await repository.raw(["notes", `--ref=${refOf.notes(session)}`, "add", "-m", 'session = "…"\nturn = 1', work], {
    ...{ GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b" },
  });
  const create = (ref: string, to: CommitId) => ({ ref, from: null, to });
  await repository.push([
    create(refOf.branch("main"), main),
    create(refOf.branch(exampleOf("session.opened", examples).branch.name), work),
    create(refOf.wip(session), work),
    create(refOf.notes(session), given(await repository.resolve(refOf.notes(session)))),
  ]);
  return { clone: remote.bare.dir, commits };
}

async function store(to: SessionStore, id: SessionId, tip: Tip | null, events: readonly Event[]): Promise<Tip> {
  const [first, ...rest] = events.map(({ v: _, seq: __, ...fact }) => fact as Fact);
  const threads = tip ? [] : [{ number: 7, from: null, sessions: [id] }];
  const spilled = events.flatMap((event) => (event.type === "command.ran" ? (event.spilled ?? []) : []));
  const output = Object.fromEntries(spilled.map((name) => [name, Buffer.from("…")]));
  return tipOf(await to.append(compose(id, tip, { facts: [given(first), ...rest], threads, output })));
}

describe("docs/schemas/journal.schema.json", () => {
  const validate = ajv.compile(JSON.parse(formatSchema(schemaOf("journal"))));
  const all = [...examples, ...forkExamples];

  test("is what the code makes: after a change of an event, `npm run schemas`", async () => {
    expect(await readFile(schemaFile("journal"), "utf8")).toBe(formatSchema(schemaOf("journal")));
  });

  test.each(all.map((event) => [event.type, event] as const))("takes %s, and none with a fault", (_, event) => {
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
