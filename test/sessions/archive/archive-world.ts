import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import type { Cleaner } from "../../../src/sessions/archive/clean.ts";
import { fact, startTurn, takeLease } from "../../../src/sessions/decide.ts";
import { gitStore } from "../../../src/sessions/git/git-store.ts";
import { Repository } from "../../../src/sessions/git/repository.ts";
import type { CommitId, SessionId } from "../../../src/sessions/ids.ts";
import type { Fact } from "../../../src/sessions/journal.ts";
import { type Change, compose, refOf, type Tip } from "../../../src/sessions/store.ts";
import { comment, given, hand, newSession, offshoot, opening, someCommit, tipOf } from "../events.ts";
import { run } from "../model.ts";
import { gitRemote, plainCommit } from "../remote.ts";

/** Where the clock of {@link hand} begins. */
export const start = "2026-11-01T12:00:00Z";

/** A cleaner on a clone, so many days after the sessions were used. */
export function cleaner(repository: Repository, days = 40): Cleaner {
  const later = hand();
  const now = () => new Date(later.now().getTime() + days * 86_400_000);
  return { repository, hand: { ...later, now }, isVoid: () => false, pause: async () => undefined };
}

/** What a turn with this model does: from its lease to its end. */
export function turn(tip: Tip, model: string, commit: CommitId = someCommit): Change {
  const agent = hand(offshoot);
  const taken = takeLease(agent, tip.session, { holder: "runner-1", run: run(4711), isVoid: () => true });
  if (taken.kind !== "taken") throw new Error("there is nothing to do");
  const started = given(startTurn(agent, tip.session, { model, base: someCommit, ask: ({ text }) => text ?? "" }));
  const prompt = given(tip.session.queue.find(({ status }) => status === "queued")).id;
  const facts: Fact[] = [
    ...started.facts,
    fact(agent, "checkpoint.made", { turn: tip.session.usage.turns + 1, commit }),
    fact(agent, "turn.ended", {
      ...{ turn: tip.session.usage.turns + 1, prompt, outcome: "done", answer: "It is done." },
      ...{ commit, notices: [], duration_ms: 1200, peak_rss_mb: 90 },
    }),
    fact(agent, "lease.released", { epoch: taken.epoch }),
  ];
  return { facts: [taken.change.facts[0], ...facts] };
}

export interface Used {
  readonly id: SessionId;
  readonly tip: Tip;
  /** The commit that it left on its branch, with a note. */
  readonly work: CommitId;
}

/** Sessions as they are after a turn, on a remote; `there` is the remote itself, `clone` another machine's. */
export async function remoteWithSessions(count: number, options: { model?: string; texts?: readonly string[] } = {}) {
  const remote = await gitRemote();
  const clone = await remote.clone();
  // Done on the remote itself, which is quicker than over there and back.
  const there = Repository.at(remote.bare.dir, process.env.PATH ?? "");
  const main = await there.commit(plainCommit("the sample"));
  await there.push([{ ref: "refs/heads/main", from: null, to: main }]);
  const sessions: Used[] = [];
  for (let at = 0; at < count; at += 1) {
    sessions.push(await useSession(there, { main, text: options.texts?.[at] ?? `prompt ${at}`, ...options }));
  }
  return { remote, there, clone, main, sessions };
}

/** Opens a session on a thread of its own, works on it, and leaves branch and note. */
export async function useSession(
  clone: Repository,
  {
    main,
    text,
    model = "openai:gpt-5.5@high",
    thread = nextThread(),
  }: { main: CommitId; text: string; model?: string; thread?: number },
): Promise<Used> {
  const store = gitStore(clone);
  const id = newSession();
  const index = await store.thread(thread);
  const sessions = [...(index?.sessions ?? []), id];
  const change = {
    ...opening(id, comment("1", text)),
    threads: [{ number: thread, from: index?.commit ?? null, sessions }],
  };
  const opened = tipOf(await store.append(compose(id, null, change)));
  const work = await clone.commit({ ...plainCommit(`Work of ${id}`, [main]) });
  const note = await noteOn(clone, id, work, `session = "${id}"\nturn = 1\nprompt = "${text}"\n`);
  const refs = [
    { ref: refOf.branch(opened.session.branch), from: null, to: work },
    { ref: refOf.notes(id), from: null, to: note },
  ];
  const tip = tipOf(await store.append(compose(id, opened, { ...turn(opened, model, work), refs })));
  return { id, tip, work };
}

let threads = 100;
const nextThread = () => {
  threads += 1;
  return threads;
};

/** Moves a session's notes ref on by one more note. */
export async function noteOn(clone: Repository, id: SessionId, commit: CommitId, text: string): Promise<CommitId> {
  const ref = refOf.notes(id);
  const who = { GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b" };
  await clone.raw(["notes", `--ref=${ref}`, "add", "-m", text, commit], who);
  return given(await clone.resolve(ref));
}

/** All refs of a repository, and how many objects it has. */
export async function pictureOf(repository: Repository) {
  return { refs: await repository.refs("refs/"), objects: await repository.raw(["count-objects", "-v"]) };
}

/** A person's clone of the remote, with nothing but git; runs shell commands in it. */
export async function personsClone(url: string): Promise<(command: string) => Promise<string>> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-person-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const env = { PATH: process.env.PATH ?? "", HOME: dir };
  const sh = async (command: string, cwd: string) =>
    (await promisify(execFile)("bash", ["-ceuo", "pipefail", command], { cwd, env, maxBuffer: 1 << 28 })).stdout;
  await sh(`git clone --quiet ${url} clone`, dir);
  return (command) => sh(command, join(dir, "clone"));
}
