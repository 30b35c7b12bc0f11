import { setTimeout as sleep } from "node:timers/promises";
import type { CommitId } from "../sessions/ids.ts";
import { hasTurns } from "../sessions/session.ts";
import { refOf } from "../sessions/store.ts";
import { lineOf } from "../sessions/timeline.ts";
import { when } from "../sessions/words.ts";
import { type Append, type Chosen, chooseSession, readLines, stateAt } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { painter, print, type Terminal } from "./terminal.ts";

export interface LogsOptions {
  readonly session?: string;
  readonly tail?: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** How often a session that is followed is looked at. */
const lookEveryMs = 500;

/** `offshoot session logs`: one line an event, oldest first; as they come where it is followed. */
export async function logs(terminal: Terminal, clone: Clone, options: LogsOptions): Promise<void> {
  const chosen = await chooseSession(clone, options.session);
  const format = options.json ? rawLines : linesFor(terminal);
  // An append holds at least one event.
  const commits = await clone.repository.chain(chosen.commit, options.tail);
  const appends = await readLines(clone, commits, options.tail === undefined ? "whole" : "end");
  const lines = appends.flatMap(format);
  print(terminal, text(options.tail === undefined ? lines : lines.slice(-options.tail)));
  if (!options.follow) return;
  for await (const more of follow(terminal, clone, chosen)) print(terminal, text(more.flatMap(format)));
}

function rawLines({ lines }: Append): readonly string[] {
  return lines;
}

function linesFor(terminal: Terminal): (append: Append) => readonly string[] {
  const paint = painter(terminal.stdout);
  return ({ events }) => events.map((event) => `${paint("dim", when(event.at))}  ${lineOf(event)}`);
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** What is appended from `chosen` on, until nobody works on the session any more, or whoever looks has had enough. */
async function* follow({ interrupted }: Terminal, clone: Clone, { id, commit }: Chosen) {
  const ref = refOf.session(id);
  let seen = commit;
  let atWork = await isAtWork(clone, seen);
  while (atWork && !interrupted.aborted) {
    await sleep(lookEveryMs, undefined, { signal: interrupted }).catch(() => undefined);
    const now = (await clone.repository.refs(ref)).get(ref);
    if (now === seen) continue;
    if (!now) return;
    yield await readLines(clone, await since(clone, seen, now), "end");
    seen = now;
    atWork = await isAtWork(clone, seen);
  }
}

async function since({ repository }: Clone, seen: CommitId, now: CommitId): Promise<readonly CommitId[]> {
  const commits = await repository.chain(now);
  return commits.slice(commits.indexOf(seen) + 1);
}

/** Somebody holds the session, or will. */
async function isAtWork(clone: Clone, commit: CommitId): Promise<boolean> {
  const session = await stateAt(clone, commit);
  return session !== null && (session.lease !== undefined || hasTurns(session));
}
