import { parseSessionId, type SessionId } from "../sessions/ids.ts";
import { sessionsRef } from "../sessions/store.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";

/** The session that is meant: by id or unique prefix, else the one that was used last. */
export async function selectSession(clone: Clone, prefix: string | undefined): Promise<SessionId> {
  return prefix === undefined ? lastUsed(clone) : byPrefix(clone, prefix);
}

async function byPrefix(clone: Clone, prefix: string): Promise<SessionId> {
  const found = await clone.store.find(prefix);
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  if (!only) {
    throw new Failure(
      "missing",
      `No session here begins with ${prefix}.`,
      "`offshoot session list` shows those that are here; `offshoot session fetch` brings those of the origin.",
    );
  }
  const list = await Promise.all(found.map((id) => described(clone, id)));
  throw new Failure(
    "ambiguous",
    `${prefix} fits ${found.length} sessions:\n${list.join("\n")}`,
    "Give more of the id.",
  );
}

async function described({ store }: Clone, id: SessionId): Promise<string> {
  const tip = await store.tip(id);
  return `  ${id}  ${tip?.session.description ?? ""}`;
}

async function lastUsed({ repository }: Clone): Promise<SessionId> {
  const newest = ["for-each-ref", "--sort=-committerdate", "--count=1", "--format=%(refname)", sessionsRef];
  const ref = (await repository.raw(newest)).trim();
  const id = parseSessionId(ref.slice(sessionsRef.length));
  if (id) return id;
  throw noSessions();
}

export function noSessions(): Failure {
  return new Failure(
    "missing",
    "No sessions found.",
    'Begin one with `offshoot run "what to do"`, or bring those of the origin with `offshoot session fetch`.',
  );
}
