import type { Effect, Session } from "../sessions/session.ts";
import { statusComment, statusMarker } from "./comments.ts";
import type { Forge, Written } from "./forge.ts";

/** The journal's record of a session's status comment on a thread. */
export function statusOn(session: Session, thread: number): Effect | undefined {
  return session.effects.find(({ kind, key }) => kind === "status" && key === String(thread));
}

/**
 * Shows a session's state in its status comment on a thread: edits the one that is there, writes one where there is
 * none, and of two that a race made removes the later.
 */
export async function writeStatus({ conversation, repo }: Forge, session: Session, thread: number): Promise<Written> {
  const body = statusComment(session, thread, { repo: repo.url });
  const known = statusOn(session, thread);
  if (known?.number && known.url && (await conversation.edit(known.number, body))) {
    const { number, url, node } = known;
    return { number, url, ...(node === undefined ? {} : { node }) };
  }
  const [first, ...doubles] = await conversation.find(thread, statusMarker(session), session.created_at);
  for (const double of doubles) await conversation.remove(double.number);
  if (first && (await conversation.edit(first.number, body))) return first;
  return conversation.post(thread, body);
}
