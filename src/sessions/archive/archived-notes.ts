import type { LocalCommit, Signature } from "../git/commit.ts";
import type { Repository } from "../git/repository.ts";
import type { CommitId, SessionId } from "../ids.ts";

/** A note in a notes tree. */
interface Note {
  /** The commit that it is on. */
  readonly on: string;
  /** Git spreads a large tree over folders: `ab/cdef…`. */
  readonly path: string;
  readonly blob: string;
}

/** What a merge of notes starts from: the tips of the archive's notes ref, and of the sessions' own ones. */
export interface NotesTips {
  readonly archive: CommitId | null;
  readonly sessions: ReadonlyMap<SessionId, CommitId>;
}

/**
 * Writes a commit with the archive's notes and those of these sessions, and gives its id; null: they have none. Notes on
 * one commit follow one another, as `git notes` does it, each beginning with the line that names its session.
 */
export async function mergeNotes(
  repository: Repository,
  who: Signature,
  { archive, sessions }: NotesTips,
): Promise<CommitId | null> {
  if (sessions.size === 0) return null;
  const tips = new Map<string, CommitId>(sessions);
  if (archive) tips.set("archive", archive);
  const trees = await readTrees(repository, tips);
  const added = [...sessions.keys()].sort().flatMap((session) => {
    return (trees.get(session) ?? []).map((note) => ({ ...note, session }));
  });
  const commits = new Set(added.map(({ on }) => on));
  const before = (trees.get("archive") ?? []).filter(({ on }) => commits.has(on));
  const texts = await readTexts(repository, [...before, ...added]);
  const merged = new Map<string, string>();
  for (const { on, blob } of before) merged.set(on, append(merged.get(on), texts(blob)));
  for (const { on, blob, session } of added) merged.set(on, append(merged.get(on), named(session, texts(blob))));
  const files = new Map<string, Buffer | null>(before.map(({ path }) => [path, null]));
  for (const [on, text] of merged) files.set(`${on.slice(0, 2)}/${on.slice(2)}`, Buffer.from(text));
  return commitNotes(repository, who, { from: archive, keepsHistory: true, files });
}

/** Writes a commit with the archive's notes but those of a session, and without what they were before. */
export async function dropNotes(
  repository: Repository,
  who: Signature,
  { archive, session }: { archive: CommitId; session: SessionId },
): Promise<CommitId> {
  const notes = (await readTrees(repository, new Map([["archive", archive]]))).get("archive") ?? [];
  const texts = await readTexts(repository, notes);
  const files = notes.flatMap(({ path, blob }) => {
    const text = texts(blob);
    const rest = without(session, text);
    return rest === text ? [] : [[path, rest === "" ? null : Buffer.from(rest)] as const];
  });
  return commitNotes(repository, who, { from: archive, keepsHistory: false, files: new Map(files) });
}

/** Reads trees of notes, each under a name, in three processes however many they are. */
async function readTrees(
  repository: Repository,
  tips: ReadonlyMap<string, CommitId>,
): Promise<ReadonlyMap<string, readonly Note[]>> {
  const trees = await treesOf(repository, [...tips.values()]);
  const entries = [...tips.keys()].map((name, index) => `040000 tree ${trees[index]}\t${name}\n`);
  const { stdout } = await repository.ask(["mktree"], entries.join(""));
  const notes = new Map<string, Note[]>([...tips.keys()].map((name) => [name, []]));
  for (const line of (await repository.raw(["ls-tree", "-r", stdout.trim()])).split("\n")) {
    const [, blob = "", name = "", path = ""] = /^100644 blob ([0-9a-f]{40})\t([^/]+)\/([0-9a-f/]+)$/.exec(line) ?? [];
    const on = path.replaceAll("/", "");
    if (on.length === 40) notes.get(name)?.push({ on, path, blob });
  }
  return notes;
}

async function treesOf(repository: Repository, commits: readonly CommitId[]): Promise<readonly string[]> {
  const out = await repository.raw(["rev-parse", ...commits.map((commit) => `${commit}^{tree}`)]);
  return out.split("\n").filter(Boolean);
}

async function readTexts(repository: Repository, notes: readonly Note[]): Promise<(blob: string) => string> {
  const blobs = [...new Set(notes.map(({ blob }) => blob))];
  const contents = blobs.length === 0 ? [] : await repository.read(blobs);
  const texts = new Map(blobs.map((blob, index) => [blob, contents[index]?.toString() ?? ""]));
  return (blob) => texts.get(blob) ?? "";
}

async function commitNotes(
  repository: Repository,
  who: Signature,
  { from, keepsHistory, files }: { from: CommitId | null; keepsHistory: boolean; files: Map<string, Buffer | null> },
): Promise<CommitId> {
  const base = from && (await repository.tree(from));
  const commit = { parents: from && keepsHistory ? [from] : [], author: who, committer: who };
  const message = "Notes of retired sessions";
  const present = [...files].filter((file): file is [string, Buffer] => file[1] !== null);
  const tree: LocalCommit["tree"] = base ? { base, files: Object.fromEntries(files) } : Object.fromEntries(present);
  return repository.commit({ ...commit, message, tree });
}

const heading = (session: SessionId) => `session = "${session}"`;

/** In the archive a note has to say itself whose it is; the runner's own ones do. */
function named(session: SessionId, text: string): string {
  return isOf(session, text) ? text : `${heading(session)}\n${text}`;
}

function isOf(session: SessionId, text: string): boolean {
  return text.split("\n", 1)[0] === heading(session);
}

function append(text: string | undefined, more: string): string {
  return text === undefined ? more : `${text.replace(/\n$/, "")}\n\n${more}`;
}

function without(session: SessionId, text: string): string {
  const parts = text.split(/\n\n(?=session = "[0-9A-Z]{26}"(?:\n|$))/);
  return parts.filter((part) => !isOf(session, part)).join("\n\n");
}
