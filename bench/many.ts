import { createHash } from "node:crypto";
import { archivedNotesRef, archiveRef, formatEntry } from "../src/sessions/archive/archive.ts";
import { fold } from "../src/sessions/fold.ts";
import type { CommitId, SessionId } from "../src/sessions/ids.ts";
import { encode } from "../src/sessions/journal.ts";
import { formatState } from "../src/sessions/session.ts";
import { refOf } from "../src/sessions/store.ts";
import { newSession, shortStory, someCommit } from "./story.ts";
import { commitIn, resetOf, type StreamedCommit } from "./stream.ts";

/** Sessions that are alike but for their ids and when they were used. */
export interface Many {
  readonly ids: readonly SessionId[];
  readonly commitOf: (session: SessionId) => Pick<StreamedCommit, "at" | "files">;
  readonly entryOf: (session: SessionId) => string;
}

/** So many sessions after a short turn, each in one append. */
export function manySessions(count: number): Many {
  const ids = Array.from({ length: count }, (_, at) => newSession(Date.parse("2026-11-01T00:00:00Z") + at * 60_000));
  const model = newSession();
  const events = shortStory(model);
  const state = fold(null, events);
  const files = { "events.jsonl": encode(events), "state.toml": formatState(state) };
  const entry = formatEntry({ commit: someCommit, session: state });
  const index = new Map(ids.map((id, at) => [id, at]));
  const usedAt = (id: SessionId) => new Date(Date.parse("2026-11-02T00:00:00Z") + (index.get(id) ?? 0) * 60_000);
  const about = (text: string, id: SessionId) =>
    text
      .replaceAll(model, id)
      .replaceAll(model.slice(-4).toLowerCase(), id.slice(-4).toLowerCase())
      .replaceAll(state.last_accessed, usedAt(id).toISOString());
  return {
    ids,
    commitOf: (id) => ({
      at: usedAt(id).toISOString(),
      files: Object.fromEntries(Object.entries(files).map(([name, text]) => [name, about(text, id)])),
    }),
    // Where its chain ends is not known while it is streamed; any id is as long.
    entryOf: (id) => about(entry, id).replace(someCommit, createHash("sha1").update(id).digest("hex")),
  };
}

/** Each on its own ref. */
export function* liveStream({ ids, commitOf }: Many): Generator<string> {
  for (const id of ids) yield commitIn(refOf.session(id), commitOf(id));
}

/** Sessions that are retired in one push, as `session clean` does it. */
const batch = 200;
const scratch = "refs/offshoot/none";

/** All in the archive, and of each a note, on these commits as far as there are enough. */
export function* archiveStream({ ids, commitOf, entryOf }: Many, commits: readonly string[]): Generator<string> {
  for (let at = 0; at < ids.length; at += batch) {
    const some = ids.slice(at, at + batch);
    for (const [index, id] of some.entries()) {
      yield resetOf(scratch);
      yield commitIn(scratch, { ...commitOf(id), mark: at + index + 1 });
    }
    const files = Object.fromEntries(some.map((id) => [`${id}.toml`, entryOf(id)]));
    const [first = "", ...others] = some.map((_, index) => `:${at + index + 1}`);
    const parents = at === 0 ? { from: first, merged: others } : { merged: [first, ...others] };
    yield commitIn(archiveRef, { at: "2026-11-20T00:00:00Z", ...parents, files, adds: at > 0 });
  }
  yield `${resetOf(scratch)}from ${"0".repeat(40)}\n`;
  yield* notesStream(ids, commits);
}

function* notesStream(ids: readonly SessionId[], commits: readonly string[]): Generator<string> {
  const notes = ids.map((id, index) => {
    const on = commits[index] ?? createHash("sha1").update(id).digest("hex");
    const text = `session = "${id}"\nturn = 1\nmodel = "openai:gpt-5.5@high"\nprompt = "make it pass"\nanswer = "It passes."\n`;
    return [`${on.slice(0, 2)}/${on.slice(2)}`, text] as const;
  });
  yield commitIn(archivedNotesRef, { at: "2026-11-20T00:00:00Z", files: Object.fromEntries(notes) });
}

/** So many commits on `main`. */
export function* mainStream(count: number): Generator<string> {
  for (let n = 0; n < count; n += 1) {
    const at = new Date(Date.parse("2026-10-01T00:00:00Z") + n * 60_000).toISOString();
    yield commitIn("refs/heads/main", { at, files: { "file.txt": `line ${n}\n`.repeat(50) }, adds: n > 0 });
  }
}

export const asCommits = (lines: Buffer) => lines.toString().split("\n").filter(Boolean) as CommitId[];
