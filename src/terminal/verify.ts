import * as v from "valibot";
import { givenKey } from "../runner/keeping.ts";
import type { Repository } from "../sessions/git/repository.ts";
import { type CommitId, type SessionId, sessionIdSchema } from "../sessions/ids.ts";
import { openRing } from "../sessions/secrets/journal-keys.ts";
import { parseState, type Session } from "../sessions/session.ts";
import { type Case, type Check, checkNames, type Evidence, verify as runChecks } from "../sessions/verify.ts";
import { brief, plural } from "../sessions/words.ts";
import { chooseSession } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { exitCodes } from "./failure.ts";
import { originNotesRef } from "./origin.ts";
import { readOutputs } from "./outputs.ts";
import { patiently } from "./patience.ts";
import { note, painter, print, printJson, type Terminal } from "./terminal.ts";

const findingSchema = v.strictObject({ commit: v.string(), line: v.nullable(v.number()), reason: v.string() });

/** What `session verify --json` prints. */
export const verifiedSchema = v.strictObject({
  session: sessionIdSchema,
  ok: v.boolean(),
  checks: v.array(
    v.strictObject({ check: v.picklist(checkNames), checked: v.number(), findings: v.array(findingSchema) }),
  ),
});

export interface VerifyOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session verify`: whether what is stored of a session is as it must be. Gives the exit code. */
export async function verify(terminal: Terminal, clone: Clone, options: VerifyOptions): Promise<number> {
  const { id, commit } = await chooseSession(clone, options.session);
  const checks = await patiently(terminal, `checking session ${id}`, async () =>
    runChecks(await gather(terminal, clone.repository, { session: id, tip: commit })),
  );
  const ok = checks.every(({ findings }) => findings.length === 0);
  if (options.json) printJson(terminal, { session: id, ok, checks });
  else print(terminal, [id, ...checks.flatMap(linesFor(terminal))].join("\n"));
  return ok ? exitCodes.done : exitCodes.failed;
}

const about: Readonly<Record<Check["check"], (checked: number) => string>> = {
  chain: (n) => `${plural(n, "commit")}, each on the one before`,
  events: (n) => `${plural(n, "line")} that are events`,
  seq: () => "counted without a gap",
  ids: () => "no id twice",
  fold: (n) => `state.toml is the fold of the events, in ${plural(n, "commit")}`,
  author: () => "each commit is by who acted",
  notes: (n) => `${plural(n, "checkpoint")}, each with a note`,
  redaction: () => "nothing that looks like a secret",
  hmac: (n) =>
    n > 0 ? `${plural(n, "append")} signed, as they were written` : "nothing is signed that could be checked",
};

function linesFor(terminal: Terminal): (check: Check) => readonly string[] {
  const paint = painter(terminal.stdout);
  return ({ check, checked, findings }) => {
    const name = check.padEnd(9);
    if (findings.length === 0) return [`  ${paint("green", "ok")}       ${name}  ${about[check](checked)}`];
    const head = `  ${paint("red", "finding")}  ${name}  ${plural(findings.length, "finding")}`;
    const where = ({ commit, line }: Check["findings"][number]) => `${commit}${line === null ? "" : `, line ${line}`}`;
    return [head, ...findings.map((finding) => `           ${where(finding)}: ${brief(finding.reason, 300)}`)];
  };
}

/** Everything that is checked, read in a few processes however long the chain is. */
async function gather(
  terminal: Terminal,
  repository: Repository,
  { session, tip }: { session: SessionId; tip: CommitId },
): Promise<Case> {
  const commits = await repository.chain(tip);
  const parts = ["", ":events.jsonl", ":state.toml", ":hmac"];
  const objects = await repository.read(commits.flatMap((commit) => parts.map((part) => `${commit}${part}`)));
  const texts = objects.map((object) => object?.toString() ?? null);
  const output = await readOutput(repository, tip);
  const chain = commits.map((commit, n): Evidence => {
    const [object = null, events = null, state = null, hmac] = texts.slice(n * parts.length, (n + 1) * parts.length);
    const signature = hmac?.trim() ?? null;
    return { commit, ...headerOf(object ?? ""), events, state, signature, output: output.get(commit) ?? [] };
  });
  const signed = openKeys(terminal, parseState(chain.at(-1)?.state ?? "")?.keys);
  const sessions = new Set([session, ...chain.flatMap(({ events }) => sessionsNamedIn(events ?? ""))]);
  return { session, chain, signed, notes: await readNotes(repository, [...sessions, "archive"]) };
}

/** What signatures are checked with; where that cannot be, it is said. */
function openKeys(terminal: Terminal, keys: Session["keys"]): Case["signed"] {
  if (!keys) return null;
  const given = givenKey(terminal.env.OFFSHOOT_JOURNAL_KEY);
  const open = given.kind === "key" ? openRing(keys.ring, given.key) : null;
  if (open?.ok) return { keys: open.keys, since: keys.since };
  note(terminal, `Signatures are not checked: OFFSHOOT_JOURNAL_KEY is not the key ${keys.ring.master}.`);
  return null;
}

function headerOf(commit: string): Pick<Evidence, "parents" | "author"> {
  const [header = ""] = commit.split("\n\n", 1);
  const parents = [...header.matchAll(/^parent ([0-9a-f]{40})$/gm)].map(([, parent = ""]) => parent);
  return { parents, author: /^author (.*>) \d+ \S+$/m.exec(header)?.[1] ?? "" };
}

/** Sessions that a fork's chain goes back to. */
function sessionsNamedIn(events: string): readonly string[] {
  return [...events.matchAll(/"type":"session\.forked","session":"[^"]*","from":"([0-9A-Z]{26})"/g)].map(
    ([, from = ""]) => from,
  );
}

async function readOutput(repository: Repository, tip: CommitId) {
  const outputs = await readOutputs(repository, tip);
  const texts = await repository.read(outputs.map(({ blob }) => blob));
  const files = outputs.map(({ commit, name }, n) => ({ commit, name, text: texts[n]?.toString() ?? "" }));
  return Map.groupBy(files, ({ commit }) => commit);
}

/** The texts of notes by the commit that they are on, from the notes refs of these names. */
async function readNotes(
  repository: Repository,
  names: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const refs = ["refs/notes/offshoot/", originNotesRef].flatMap((folder) => names.map((name) => `${folder}${name}`));
  const notes = (await Promise.all(refs.map((ref) => listNotes(repository, ref)))).flat();
  const texts = await repository.read(notes.map(({ blob }) => blob));
  const found = notes.map(({ on }, n) => ({ on, text: texts[n]?.toString() ?? "" }));
  const byCommit = Map.groupBy(found, ({ on }) => on);
  return new Map([...byCommit].map(([on, all]) => [on, [...new Set(all.map(({ text }) => text))]]));
}

/** Not by `git notes`, which reads none outside of refs/notes/. */
async function listNotes(repository: Repository, ref: string): Promise<readonly { on: string; blob: string }[]> {
  const { stdout } = await repository.ask(["ls-tree", "-r", ref]);
  return [...stdout.matchAll(/^\d+ blob ([0-9a-f]{40})\t(.+)$/gm)].map(([, blob = "", path = ""]) => {
    return { on: path.replaceAll("/", ""), blob };
  });
}
