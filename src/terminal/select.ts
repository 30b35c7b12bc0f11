import { parseSessionId, type SessionId } from "../sessions/ids.ts";
import { parseHead } from "../sessions/session.ts";
import { refOf, sessionsRef } from "../sessions/store.ts";
import { brief } from "../sessions/words.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { findRetired, type Retired } from "./retired.ts";

/** The session that is meant, to go on with it: by id or unique prefix, else the one that was used last. */
export async function selectSession(clone: Clone, prefix: string | undefined): Promise<SessionId> {
  if (prefix === undefined) return lastUsed(clone);
  const found = await clone.store.find(prefix);
  if (found.length > 0) return onlyOne(clone, prefix, found);
  const { id } = await selectRetired(clone, prefix);
  throw new Failure(
    "refused",
    `Session ${id} is retired.`,
    `Look at it with \`offshoot session show -s ${id}\`, and begin a new one for what is left.`,
  );
}

/** The retired session that is meant; throws where there is none, or several. */
export async function selectRetired(clone: Clone, prefix: string): Promise<Retired> {
  const found = await findRetired(clone, prefix);
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  if (only) throw ambiguous(prefix, found);
  throw new Failure(
    "missing",
    `No session here begins with ${prefix}.`,
    "`offshoot session list` shows those that are here; `offshoot session fetch` brings those of the origin.",
  );
}

async function onlyOne({ repository }: Clone, prefix: string, found: readonly SessionId[]): Promise<SessionId> {
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  const states = await repository.read(found.map((id) => `${refOf.session(id)}:state.toml`));
  const described = found.map((id, n) => ({
    id,
    description: parseHead(states[n]?.toString() ?? "")?.description ?? "",
  }));
  throw ambiguous(prefix, described);
}

function ambiguous(prefix: string, found: readonly Pick<Retired, "id" | "description">[]): Failure {
  const list = found.map(({ id, description }) => `  ${id}  ${brief(description)}`);
  return new Failure(
    "ambiguous",
    `${prefix} fits ${found.length} sessions:\n${list.join("\n")}`,
    "Give more of the id.",
  );
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
