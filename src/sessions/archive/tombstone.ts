import { fact, type Hand } from "../decide.ts";
import type { EventOf, Fact } from "../journal.ts";
import type { Session } from "../session.ts";
import { type Append, compose } from "../store.ts";

/** The one append that is left of a purged session: that it was there, by whom, and who took it away. */
export function tombstone(hand: Hand, session: Session): Append {
  const facts: readonly [Fact, ...Fact[]] = [
    { ...fact(hand, "session.opened", opening(session)), at: session.created_at, by: session.created_by },
    fact(hand, "session.deleted", { reason: "purged" }),
    fact(hand, "session.retired", {}),
  ];
  return { ...compose(session.session, null, { facts }), by: hand.by };
}

type Opening = Omit<EventOf<"session.opened">, "v" | "seq" | "id" | "at" | "by" | "type">;

/** Ids and places; no word of what was asked, which the middle of an own branch's name was made from. */
function opening(session: Session): Opening {
  const { own_branch, branch, genealogy, thread } = session;
  const name = own_branch ? branch.replace(/^(offshoot\/(?:\d+-)?).*?([^-]+)$/, "$1$2") : branch;
  return {
    session: session.session,
    project: session.project,
    description: "purged",
    ...(thread === undefined ? {} : { thread }),
    branch: { name, own: own_branch, from: session.base_branch, base: session.base },
    depth: genealogy.depth,
    ...(genealogy.parent_session_id ? { parent: genealogy.parent_session_id } : {}),
  };
}
