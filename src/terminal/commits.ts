import * as v from "valibot";
import type { Repository } from "../sessions/git/repository.ts";
import { type CommitId, commitIdSchema } from "../sessions/ids.ts";
import type { Event } from "../sessions/journal.ts";
import { brief, plural, when } from "../sessions/words.ts";
import { readSession } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { note, painter, print, printJson, type Terminal } from "./terminal.ts";

/** A commit of a session as `session log --json` prints it. */
export const loggedSchema = v.strictObject({
  commit: commitIdSchema,
  turn: v.number(),
  /** The turn's end, or when it was taken back. */
  at: v.string(),
  /** What a person called it. */
  label: v.nullable(v.string()),
  /** Null where the commit is not in this clone. */
  author: v.nullable(v.string()),
  subject: v.nullable(v.string()),
});

type Logged = v.InferOutput<typeof loggedSchema>;

export interface LogOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session log`: the commits that the session made, the last one first. */
export async function log(terminal: Terminal, clone: Clone, options: LogOptions): Promise<void> {
  const { session, events } = await readSession(clone, options.session);
  const made = madeCommits(events).toReversed();
  const heads = await readHeads(
    clone.repository,
    made.map(({ commit }) => commit),
  );
  const logged = made.map((commit, n): Logged => ({ ...commit, ...(heads[n] ?? { author: null, subject: null }) }));
  if (options.json) return printJson(terminal, logged);
  if (logged.length === 0) return note(terminal, `Session ${session.session} has made no commits.`);
  const paint = painter(terminal.stdout);
  const line = ({ commit, turn, at, label, author, subject }: Logged) => {
    const about = subject === null ? "(not in this clone)" : `${brief(subject)} (${brief(author ?? "")})`;
    const named = label === null ? "" : `  [${brief(label)}]`;
    return `${paint("yellow", commit.slice(0, 10))}  ${when(at)}  turn ${turn}  ${about}${named}`;
  };
  print(terminal, logged.map(line).join("\n"));
  const absent = logged.filter(({ subject }) => subject === null).length;
  if (absent > 0) note(terminal, `${plural(absent, "commit")} not in this clone: git fetch origin ${session.branch}`);
}

type Made = Omit<Logged, "author" | "subject">;

/** Commits of turns, on the session's branch or aside, those that took turns back, and what was pinned by hand. */
function madeCommits(events: readonly Event[]): readonly Made[] {
  const made = new Map<CommitId, Made>();
  for (const event of events) {
    if (event.type !== "checkpoint.made" && event.type !== "turn.ended" && event.type !== "session.reverted") continue;
    const { commit, turn, at } = event;
    if (!commit) continue;
    const label = (event.type === "checkpoint.made" && event.label) || (made.get(commit)?.label ?? null);
    made.set(commit, { commit, turn, at: made.get(commit)?.at ?? at, label });
  }
  return [...made.values()];
}

type Head = Pick<Logged, "author" | "subject">;

async function readHeads(repository: Repository, commits: readonly CommitId[]): Promise<readonly (Head | null)[]> {
  const objects = await repository.read(commits);
  return objects.map((object) => object && headOf(object.toString()));
}

function headOf(object: string): Head {
  const [head = "", ...body] = object.split("\n\n");
  const author = /^author (.*) <[^<>]*> \d+ \S+$/m.exec(head)?.[1] ?? "";
  return { author, subject: body.join("\n\n").split("\n", 1)[0] ?? "" };
}
