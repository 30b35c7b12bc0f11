import * as v from "valibot";
import { type CommitId, parseSessionId, type SessionId, sessionIdSchema } from "../sessions/ids.ts";
import { type RefUpdate, refOf, sessionsRef } from "../sessions/store.ts";
import type { Clone, Origin } from "./clone.ts";
import { Failure } from "./failure.ts";
import { busy, isGone } from "./holder.ts";
import { isShared, mustHaveOrigin, originArchiveRef, originRef, originSessionsRef } from "./home.ts";
import { selectSession } from "./select.ts";
import { print, printJson, type Terminal } from "./terminal.ts";

export interface FetchOptions {
  readonly session?: string;
  readonly json?: boolean;
}

const ids = v.array(sessionIdSchema);

/** What a fetch did to the clone's sessions, as `session fetch --json` prints it. */
export const fetchedSchema = v.strictObject({
  new: ids,
  updated: ids,
  /** Retired or deleted on the origin since the last time. */
  gone: ids,
  /** Appended to on both sides: left as they are here. */
  diverged: ids,
});

export type Fetched = v.InferOutput<typeof fetchedSchema>;

/** `offshoot session fetch`: the origin's sessions, or one of them, as they are now. */
export async function fetchSessions(terminal: Terminal, clone: Clone, options: FetchOptions): Promise<void> {
  const prefix = (options.session ?? "").toUpperCase();
  const fetched = await bring(clone, prefix);
  if (options.json) return printJson(terminal, fetched);
  tellFetched(terminal, fetched, await tracked(clone, prefix));
}

/** Makes the clone's copies of the origin's sessions what they are there now. */
export async function bring(clone: Clone, prefix: string): Promise<Fetched> {
  const origin = mustHaveOrigin(clone);
  const before = await tracked(clone, prefix);
  const refs = (from: string, to: string) => `+${from}${prefix}*:${to}${prefix}*`;
  const specs = [refs(sessionsRef, originSessionsRef), refs("refs/notes/offshoot/", "refs/notes/offshoot/")];
  const archive = `+refs/offshoot/archive*:${originArchiveRef}*`;
  await asked(origin, () => clone.git(["fetch", "--quiet", "--no-tags", "origin", ...specs, archive]));
  await pruneOrigin(clone, prefix);
  return follow(clone, before, await tracked(clone, prefix));
}

type Tracked = ReadonlyMap<SessionId, CommitId>;

async function tracked({ repository }: Clone, prefix: string): Promise<Tracked> {
  const folder = originSessionsRef;
  const refs = [...(await repository.refs(folder))];
  const found = refs.map(([ref, commit]) => [parseSessionId(ref.slice(folder.length)), commit] as const);
  return new Map(found.flatMap(([id, commit]) => (id?.startsWith(prefix) ? [[id, commit] as const] : [])));
}

/** Git prunes only what a pattern would bring; notes of local sessions must stay. */
async function pruneOrigin({ git }: Clone, prefix: string): Promise<void> {
  const spec = `+${sessionsRef}${prefix}*:${originSessionsRef}${prefix}*`;
  await git(["fetch", "--quiet", "--no-tags", "--prune", "origin", spec]);
}

async function follow(clone: Clone, before: Tracked, now: Tracked): Promise<Fetched> {
  const { repository } = clone;
  const here = await repository.refs(sessionsRef);
  const at = (id: SessionId) => here.get(refOf.session(id)) ?? null;
  const all = [...now].filter(([id, commit]) => at(id) !== commit);
  const moves = await Promise.all(
    all.map(async ([id, to]) => {
      const from = at(id);
      const follows = from === null || (await repository.isAncestor(from, to));
      return { id, from, to, follows };
    }),
  );
  const gone = [...before].filter(([id, commit]) => !now.has(id) && at(id) === commit);
  const updates: RefUpdate[] = [
    ...moves.flatMap(({ id, from, to, follows }) => (follows ? [{ ref: refOf.session(id), from, to }] : [])),
    ...gone.map(([id, from]) => ({ ref: refOf.session(id), from, to: null })),
  ];
  if (updates.length > 0) await repository.push(updates);
  const those = (fits: (move: (typeof moves)[number]) => boolean) => moves.filter(fits).map(({ id }) => id);
  return {
    new: those(({ from }) => from === null),
    updated: those(({ from, follows }) => from !== null && follows),
    gone: gone.map(([id]) => id),
    diverged: those(({ follows }) => !follows),
  };
}

function tellFetched(terminal: Terminal, fetched: Fetched, now: Tracked): void {
  const lines = Object.entries({ new: "new", updated: "updated", gone: "retired on the origin", diverged: "diverged" });
  for (const [kind, word] of lines) {
    for (const id of fetched[kind as keyof Fetched]) print(terminal, `${id}  ${word}`);
  }
  const count = Object.values(fetched).reduce((sum, ids) => sum + ids.length, 0);
  if (count === 0) print(terminal, now.size === 0 ? "The origin has no sessions." : "Everything is as it was.");
  if (fetched.diverged.length > 0) {
    print(
      terminal,
      "Diverged ones are left as they are here: look at them with offshoot session log, and fork what you need.",
    );
  }
}

/** A session that is on the origin, as `session push --json` prints it. */
export const pushedSchema = v.strictObject({
  session: sessionIdSchema,
  /** Its branch on the origin; null: nothing is written yet. */
  branch: v.nullable(v.string()),
});

export interface PushOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session push`: from now on the session lives on the origin, where comments can go on with it. */
export async function pushSession(terminal: Terminal, clone: Clone, options: PushOptions): Promise<void> {
  const origin = mustHaveOrigin(clone);
  const id = await selectSession(clone, options.session);
  const branch = await publish(clone, origin, id);
  if (options.json) return printJson(terminal, { session: id, branch });
  print(terminal, `Session ${id} is on the origin${branch ? `, its work on ${branch}` : ""}.`);
  print(terminal, `To go on with it by comment, write on an issue or pull request: /agent resume ${id}`);
}

async function publish(clone: Clone, origin: Origin, id: SessionId): Promise<string | null> {
  const { repository, store } = clone;
  const tip = await store.tip(id);
  if (!tip) throw new Error(`Session ${id} was just found and is gone.`);
  const { lease, branch, own_branch } = tip.session;
  if (lease && !isGone(lease)) throw busy(id, lease);
  const heads = own_branch ? await repository.refs(refOf.branch(branch)) : new Map();
  const pushed = heads.has(refOf.branch(branch)) ? branch : null;
  if (await isShared(clone, id)) return pushed;
  const refs = [
    [refOf.session(id), tip.commit],
    ...(await repository.refs(refOf.notes(id))),
    ...(pushed ? [...heads] : []),
  ];
  const leases = refs.map(([ref]) => `--force-with-lease=${ref}:`);
  const specs = refs.map(([ref, commit]) => `${commit}:${ref}`);
  await asked(origin, () => clone.git(["push", "--quiet", "--atomic", "--no-verify", ...leases, "origin", ...specs]));
  await repository.push([{ ref: originRef(id), from: null, to: tip.commit }]);
  return pushed;
}

/** What git says when the origin does not do what was asked. */
async function asked(origin: Origin, transfer: () => Promise<unknown>): Promise<void> {
  try {
    await transfer();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(
      "refused",
      `The origin ${withoutPassword(origin.url)} did not do it: ${reason}`,
      "Try the same with git itself (git fetch origin, git push origin HEAD --dry-run): address, access, or its rules.",
    );
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//");
}
