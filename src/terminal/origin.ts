import { parseSessionId, type SessionId } from "../sessions/ids.ts";
import type { Clone, Origin } from "./clone.ts";
import { Failure } from "./failure.ts";

/** Where what is on the origin is kept as it was when it was last fetched or pushed. */
export const originSessionsRef = "refs/offshoot-origin/sessions/";
export const originArchiveRef = "refs/offshoot-origin/archive";
export const originNotesRef = "refs/offshoot-origin/notes/";
export const originRef = (session: SessionId) => `${originSessionsRef}${session}`;

/** Whether the session lives on the origin: then everything that is appended to it is decided there. */
export async function isShared(clone: Clone, session: SessionId): Promise<boolean> {
  return Boolean(await clone.repository.resolve(originRef(session))) || isRetiredThere(clone, session);
}

/** Whether the session is in the origin's archive, as far as the clone knows. */
export async function isRetiredThere({ repository }: Clone, session: SessionId): Promise<boolean> {
  const { code } = await repository.ask(["cat-file", "-e", `${originArchiveRef}:${session}.toml`]);
  return code === 0;
}

/** The sessions that are on the origin and not retired, as far as the clone knows. */
export async function originSessions({ repository }: Clone): Promise<readonly SessionId[]> {
  const refs = [...(await repository.refs(originSessionsRef)).keys()];
  return refs.flatMap((ref) => parseSessionId(ref.slice(originSessionsRef.length)) ?? []);
}

export function mustHaveOrigin({ origin }: Clone): Origin {
  if (origin) return origin;
  throw new Failure("missing", "This clone has no remote named origin.", "Add it with `git remote add origin <url>`.");
}

/** What git says when the origin does not do what was asked. */
export async function asked<T>(origin: Origin, transfer: () => Promise<T>): Promise<T> {
  try {
    return await transfer();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(
      "failed",
      `Git came to no end with the origin ${withoutPassword(origin.url)}: ${reason}`,
      "Try the same with git itself (git fetch origin, git push origin HEAD --dry-run): address, access, or its rules.",
    );
  }
}

/** A text in which addresses do not say who asks, and with what password. */
export function withoutPassword(text: string): string {
  return text.replace(/\/\/[^@/\s]*@/g, "//");
}
