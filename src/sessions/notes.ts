import { parse, stringify, TomlError } from "smol-toml";
import * as v from "valibot";
import type { Hand } from "./decide.ts";
import { signature } from "./git/commit.ts";
import { complaint } from "./git/output.ts";
import type { Repository } from "./git/repository.ts";
import { type CommitId, commitIdSchema, type SessionId, sessionIdSchema } from "./ids.ts";
import { type RefUpdate, refOf, StoreError } from "./store.ts";

const number = v.pipe(v.number(), v.integer());

/** What is read of a note; there may be more in it, of ours or of other people's. */
const noteSchema = v.object({
  session: sessionIdSchema,
  turn: v.optional(number),
  model: v.optional(v.string()),
  label: v.optional(v.string()),
  at: v.optional(v.string()),
  /** Checkpoints by hand, each put below what was there. */
  checkpoints: v.optional(v.array(v.object({ label: v.string(), turn: number, at: v.string() })), []),
});

export type Note = v.InferOutput<typeof noteSchema>;

export interface Annotation {
  readonly session: SessionId;
  /** Has to be in the repository. */
  readonly commit: CommitId;
  /** The whole text of the note, given the one that is there; empty: none. */
  readonly text: (before: string) => string;
}

/**
 * Writes a git note on a commit of a session's, beside the others. No ref is moved: that is for a push, together with
 * what else tells of it.
 */
export async function noteUpdate(
  repository: Repository,
  { by, now, newId }: Hand,
  { session, commit, text }: Annotation,
): Promise<RefUpdate> {
  const ref = refOf.notes(session);
  await repository.fetch([`+${ref}*:${ref}*`]);
  const from = await repository.resolve(ref);
  const draft = `refs/notes/draft/${newId()}`;
  if (from) await repository.raw(["update-ref", draft, from]);
  const { name, email } = signature(by, now());
  const who = ["-c", `user.name=${name}`, "-c", `user.email=${email}`];
  const before = await repository.ask(["notes", `--ref=${draft}`, "show", commit]);
  const written = text(before.code === 0 ? before.stdout : "");
  const { code, stderr } = await repository.ask(
    [...who, "notes", `--ref=${draft}`, "add", "--force", "--file=-", commit],
    written,
  );
  if (code !== 0) throw new StoreError("invalid", `git notes failed: ${complaint(stderr)}`);
  const to = await repository.resolve(draft);
  await repository.raw(["update-ref", "-d", draft]);
  return { ref, from, to };
}

/** A note's text with a checkpoint by hand below what is there; the whole stays one TOML document. */
export function withCheckpoint(
  before: string,
  session: SessionId,
  checkpoint: { readonly label: string; readonly turn: number; readonly at: string; readonly by: string },
): string {
  const above = before.trim() === "" ? stringify({ session }) : before;
  return `${above.trimEnd()}\n\n${stringify({ checkpoints: [checkpoint] })}`;
}

/** The notes in a session's ref, or in all sessions' refs; `note` is null where the text is not one of ours any more. */
export async function readNotes(
  repository: Repository,
  session?: SessionId,
): Promise<readonly { readonly session: SessionId; readonly commit: CommitId; readonly note: Note | null }[]> {
  const refs = session ? refOf.notes(session) : notesRef;
  await repository.fetch([`+${refs}*:${refs}*`]);
  const found = [];
  for (const ref of (await repository.refs(refs)).keys()) {
    const owner = v.safeParse(sessionIdSchema, ref.slice(notesRef.length));
    if (!owner.success) continue;
    const listed = (await repository.raw(["notes", `--ref=${ref}`, "list"])).split("\n").filter(Boolean);
    const texts = await repository.read(listed.map((line) => line.slice(0, 40)));
    for (const [index, line] of listed.entries()) {
      const commit = v.parse(commitIdSchema, line.slice(41));
      found.push({ session: owner.output, commit, note: parseNote(texts[index]?.toString() ?? "") });
    }
  }
  return found;
}

const notesRef = "refs/notes/offshoot/";

function parseNote(text: string): Note | null {
  try {
    const parsed = v.safeParse(noteSchema, parse(text));
    return parsed.success ? parsed.output : null;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return null;
  }
}
