import * as v from "valibot";
import { type CommitId, parseSessionId, type SessionId, sessionIdSchema } from "../sessions/ids.ts";
import { type RefUpdate, refOf, sessionsRef } from "../sessions/store.ts";
import type { Clone } from "./clone.ts";
import { asked, mustHaveOrigin, originArchiveRef, originNotesRef, originRef, originSessionsRef } from "./origin.ts";
import { note, type Terminal } from "./terminal.ts";

const ids = v.array(sessionIdSchema);

/** What a fetch did to the clone's sessions, as `session fetch --json` prints it. */
export const fetchedSchema = v.strictObject({
  new: ids,
  updated: ids,
  /** Retired or deleted on the origin since the last time. */
  gone: ids,
  /** Appended to here and not on the origin: left as they are here. */
  diverged: ids,
});

export type Fetched = v.InferOutput<typeof fetchedSchema>;

/** Makes the clone's copies of the origin's sessions what they are there now. */
export async function bring(clone: Clone, prefix: string): Promise<Fetched> {
  const origin = mustHaveOrigin(clone);
  const before = await tracked(clone, prefix);
  const specs = [
    `+${sessionsRef}${prefix}*:${originSessionsRef}${prefix}*`,
    ...new Set([prefix, "archive"].map((name) => `+${notesRef}${name}*:${originNotesRef}${name}*`)),
    `+refs/offshoot/archive*:${originArchiveRef}*`,
  ];
  // What it prunes is the clone's record of the origin; the refs of sessions that are here only are not among the specs.
  await asked(origin, () => clone.git(["fetch", "--quiet", "--no-tags", "--prune", "origin", ...specs]));
  return follow(clone, before, await tracked(clone, prefix));
}

/** After something was appended on the origin: the clone's copy of the session follows, where it was not appended to. */
export async function followOrigin(
  terminal: Terminal,
  clone: Clone,
  session: SessionId,
  branch: string,
): Promise<void> {
  const before = await tracked(clone, session);
  const notes = refOf.notes(session);
  const specs = [
    `+${refOf.session(session)}*:${originRef(session)}*`,
    `+${notes}*:${originNotesRef}${session}*`,
    `+refs/heads/${branch}*:refs/remotes/origin/${branch}*`,
  ];
  await clone.git(["fetch", "--quiet", "--no-tags", "--no-prune", "origin", ...specs]);
  const { diverged } = await follow(clone, before, await tracked(clone, session));
  for (const id of diverged) note(terminal, `Session ${id} has what is not on the origin: here, it stays as it was.`);
}

const notesRef = "refs/notes/offshoot/";

export type Tracked = ReadonlyMap<SessionId, CommitId>;

/** Where the origin's sessions are, as far as the clone knows. */
export async function tracked({ repository }: Clone, prefix: string): Promise<Tracked> {
  const folder = originSessionsRef;
  const refs = [...(await repository.refs(folder))];
  const found = refs.map(([ref, commit]) => [parseSessionId(ref.slice(folder.length)), commit] as const);
  return new Map(found.flatMap(([id, commit]) => (id?.startsWith(prefix) ? [[id, commit] as const] : [])));
}

type Here = ReadonlyMap<string, CommitId>;

async function follow(clone: Clone, before: Tracked, now: Tracked): Promise<Fetched> {
  const { repository } = clone;
  const here = await repository.refs(sessionsRef, "refs/offshoot/wip/", notesRef, originNotesRef);
  const at = (id: SessionId) => here.get(refOf.session(id)) ?? null;
  const all = await Promise.all(
    [...now].map(async ([id, to]) => {
      const from = at(id);
      const follows = from === null || from === to || (await repository.isAncestor(from, to));
      return { id, from, to, follows };
    }),
  );
  const moves = all.filter(({ from, to }) => from !== to);
  const gone = [...before].flatMap(([id, commit]) => (!now.has(id) && at(id) === commit ? [id] : []));
  const updates = [
    ...all.flatMap(({ id, from, to, follows }) => (follows ? [{ ref: refOf.session(id), from, to }] : [])),
    ...all.flatMap(({ id, follows }) => (follows ? notesOf(here, id) : [])),
    ...gone.flatMap((id) => removalOf(here, id)),
  ].filter(({ from, to }) => from !== to);
  const moved = await repository.push(updates);
  if (!moved.ok) return follow(clone, before, now);
  const those = (fits: (move: (typeof moves)[number]) => boolean) => moves.filter(fits).map(({ id }) => id);
  return {
    new: those(({ from }) => from === null),
    updated: those(({ from, follows }) => from !== null && follows),
    gone,
    diverged: those(({ follows }) => !follows),
  };
}

function notesOf(here: Here, id: SessionId): readonly RefUpdate[] {
  const to = here.get(`${originNotesRef}${id}`);
  return to ? [{ ref: refOf.notes(id), from: here.get(refOf.notes(id)) ?? null, to }] : [];
}

/** A session that is not on the origin any more goes with all that is its own. */
function removalOf(here: Here, id: SessionId): readonly RefUpdate[] {
  return [refOf.session(id), refOf.notes(id), refOf.wip(id)].flatMap((ref) => {
    const from = here.get(ref);
    return from ? [{ ref, from, to: null }] : [];
  });
}

/** Takes away what is left of a session that is retired on the origin, and of which the clone has no copy any more. */
export async function forget({ repository }: Clone, session: SessionId): Promise<void> {
  const refs = [refOf.session(session), refOf.notes(session), refOf.wip(session)];
  const here = await repository.refs(...refs);
  if (!here.has(refOf.session(session))) await repository.push(removalOf(here, session));
}
