import { join } from "node:path";
import type * as v from "valibot";
import { archivedNotesRef, archivedTips, archiveRef } from "../../src/sessions/archive/archive.ts";
import { readTips } from "../../src/sessions/archive/tips.ts";
import { gitStore, readChain } from "../../src/sessions/git/git-store.ts";
import type { CommitId, SessionId } from "../../src/sessions/ids.ts";
import type { Event } from "../../src/sessions/journal.ts";
import { refOf, sessionsRef, type Tip } from "../../src/sessions/store.ts";
import type { Clone } from "../../src/terminal/clone.ts";
import type { Terminal } from "../../src/terminal/terminal.ts";
import { type verifiedSchema, verify } from "../../src/terminal/verify.ts";
import { readForge } from "./forge.ts";
import type { MortalRemote } from "./remote.ts";
import type { Job } from "./worker.ts";

interface Seen extends Tip {
  readonly isRetired: boolean;
  readonly events: readonly Event[];
}

export interface Look {
  /** What must not be so at any time, also between a death and who goes on after it. */
  readonly wrong: readonly string[];
  /** What must not be so once all is done that was asked for. */
  readonly unanswered: readonly string[];
  readonly retired: readonly SessionId[];
}

/** Looks at all that a remote has. */
export async function look(remote: MortalRemote, asked: Job["asked"] = {}): Promise<Look> {
  const refs = await remote.there.refs("refs/");
  const all = await readAll(remote);
  const wrong = [
    ...(await losses(remote, all)),
    ...(await disagreements(remote, refs, all)),
    ...(await halfRetired(remote, refs, all)),
  ];
  const retired = all.flatMap(({ isRetired, session }) => (isRetired ? [session.session] : []));
  return { wrong, unanswered: unanswered(remote, all, asked), retired };
}

/** All sessions, retired or not, with their whole journals, read strictly. */
async function readAll({ there, journals }: MortalRemote): Promise<readonly Seen[]> {
  const all: Seen[] = [];
  const see = async (tip: Tip, isRetired: boolean) => {
    const events = journals.get(tip.commit) ?? (await readChain(there, tip.commit)).flatMap(({ events }) => events);
    journals.set(tip.commit, events);
    all.push({ ...tip, isRetired, events });
  };
  for (const tip of (await readTips(there)).values()) {
    if (tip instanceof Error) throw tip;
    await see(tip, false);
  }
  for (const tip of await archivedTips(there)) await see(tip, true);
  return all;
}

/** Of the appends that the remote ever took, each event is in a journal, and no journal has one twice. */
async function losses(remote: MortalRemote, all: readonly Seen[]): Promise<readonly string[]> {
  const times = new Map<string, number>();
  for (const { id } of all.flatMap(({ events }) => events)) times.set(id, (times.get(id) ?? 0) + 1);
  const doubled = [...times].flatMap(([id, count]) => (count === 1 ? [] : [`event ${id} is there ${count} times`]));
  const taken = remote.acknowledged().filter(({ ref, to }) => ref.startsWith(sessionsRef) && to);
  const texts = await remote.there.read(taken.map(({ to }) => `${to}:events.jsonl`));
  const ids = texts.flatMap((text) => [...(text?.toString() ?? "").matchAll(/^\{"v":1,"seq":\d+,"id":"([^"]+)"/gm)]);
  const lost = ids.flatMap(([, id = ""]) => (times.has(id) ? [] : [`event ${id} was acknowledged and is lost`]));
  return [...doubled, ...lost];
}

type Refs = ReadonlyMap<string, CommitId>;

/** The work tree and the branch are what the journal says was done, and the refs are where it says they are. */
async function disagreements({ there }: MortalRemote, refs: Refs, all: readonly Seen[]): Promise<readonly string[]> {
  const logs = await there.read(all.map(({ session: { wip, head } }) => `${wip ?? head ?? "nothing"}:log.txt`));
  return all.flatMap(({ session: { session: id, wip, head, branch }, events, isRetired }, index) => {
    const done = events.flatMap((event) =>
      event.type === "command.ran" ? [`${/"(.*)"/.exec(event.command)?.[1] ?? event.command}\n`] : [],
    );
    return [
      ...same(`${id}: the snapshot's ref`, refs.get(refOf.wip(id)), wip),
      ...(isRetired ? [] : same(`${id}: the branch`, refs.get(refOf.branch(branch)), head)),
      ...same(`${id}: what the commands left behind`, logs[index]?.toString() ?? "", done.join("")),
    ];
  });
}

function same(what: string, found: unknown, expected: unknown): string[] {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  return one === other ? [] : [`${what} is ${one} where ${other} is expected`];
}

/** Each prompt is in a journal once, its turn has ended once, and its answer and the pull request are there once. */
function unanswered({ folder }: MortalRemote, all: readonly Seen[], asked: Job["asked"]): readonly string[] {
  const events = all.flatMap(({ events }) => events);
  const { comments, pulls } = readForge(join(folder, "forge.json"));
  const answers = comments.filter(({ body }) => body.startsWith("<!-- offshoot:answer "));
  const wrong = Object.entries(asked).flatMap(([id, asking]) => {
    const text = asking.text.replace("/agent ", "");
    const queued = events.filter((event) => event.type === "prompt.queued" && event.text === text);
    const ended = events.filter((event) => event.type === "turn.ended" && event.prompt === queued[0]?.id);
    const told = answers.filter(({ body }) => body.includes(`Done: ${text}`));
    const counts = { queued: queued.length, ended: ended.length, told: told.length };
    return same(`prompt ${id}`, counts, { queued: 1, ended: 1, told: 1 });
  });
  return [
    ...wrong,
    ...same("the number of answers", answers.length, Object.keys(asked).length),
    ...same("the number of pull requests", pulls.length, 1),
  ];
}

/** A session is in the archive with all that belongs to it, or nothing of it is. */
async function halfRetired({ there }: MortalRemote, refs: Refs, all: readonly Seen[]): Promise<readonly string[]> {
  const archive = refs.get(archiveRef);
  const kept = archive ? await there.raw(["rev-list", archive]) : "";
  const notes = refs.has(archivedNotesRef) ? await there.raw(["notes", `--ref=${archivedNotesRef}`, "list"]) : "";
  const threads = [...refs].filter(([ref]) => ref.startsWith("refs/offshoot/threads/"));
  const listed = (await there.read(threads.map(([, commit]) => `${commit}:sessions`))).join("");
  return all.flatMap(({ isRetired, commit, session: { session: id, head } }): string[] => {
    const refsOfIts = [refOf.session(id), refOf.notes(id), refOf.wip(id)].filter((ref) => refs.has(ref));
    const isNoted = head !== undefined && notes.includes(head);
    if (!isRetired) {
      const known = listed.includes(id) ? [] : [`no thread lists ${id}`];
      return [...known, ...(kept.includes(commit) ? [`the archive has ${id}, which is not retired`] : [])];
    }
    return [
      ...refsOfIts.map((ref) => `${id} is retired, and ${ref} is there`),
      ...(kept.includes(commit) ? [] : [`${id} ended at ${commit}, which the archive does not keep`]),
      ...(isNoted ? [] : [`the note of ${id} is not in the archive`]),
      ...(listed.includes(id) ? [`${id} is retired, and a thread lists it`] : []),
    ];
  });
}

/** What `offshoot session verify` finds in a session. */
export async function verified({ there }: MortalRemote, session: SessionId | null): Promise<readonly string[]> {
  let out = "";
  const stdout = {
    write: (text: string) => {
      out += text;
    },
  };
  const terminal = { stdout, stderr: { isTTY: false } } as unknown as Terminal;
  const clone = { repository: there, store: gitStore(there) } as unknown as Clone;
  const code = await verify(terminal, clone, { session: session ?? "none", json: true });
  const { checks }: Verified = JSON.parse(out);
  const wrong = checks.flatMap(({ check, findings }) => findings.map((one) => `${check}: ${JSON.stringify(one)}`));
  const empty = checks.flatMap(({ check, checked }) => (checked > 0 || check === "hmac" ? [] : [`no ${check}`]));
  return [...wrong, ...empty, ...same("the exit code of verify", code, 0)];
}

type Verified = v.InferOutput<typeof verifiedSchema>;
