import { readTips } from "../sessions/archive/tips.ts";
import type { Spent } from "../sessions/budget.ts";
import type { SessionId } from "../sessions/ids.ts";
import { JournalError } from "../sessions/journal.ts";
import type { Session } from "../sessions/session.ts";
import { nothingSpent, plus, spentOn } from "../sessions/spending.ts";
import { patiently } from "../sessions/transact.ts";
import { type Elsewhere, nothingElsewhere } from "./budgets.ts";
import type { Runner } from "./runner.ts";

/**
 * What the other sessions of the repository have used, as their states tell it now, by one transfer; nothing is read
 * where no budget needs it. Sessions that are retired, or whose journal is corrupt, do not count.
 */
export async function spentElsewhere(
  { repository, config }: Pick<Runner, "repository" | "config">,
  session: Session,
  date: string,
): Promise<Elsewhere> {
  const { tree, day } = config.budgets;
  if ([tree.tokens, tree.usd, day.tokens, day.usd].every((limit) => limit === null)) return nothingElsewhere;
  const tips = await patiently(() => readTips(repository));
  const others = [...tips.values()].flatMap((tip) => (tip instanceof JournalError ? [] : [tip.session]));
  const all = [session, ...others.filter((other) => other.session !== session.session)];
  const roots = rootsOf(all);
  const inTree = all.slice(1).filter((other) => roots(other) === roots(session));
  return {
    tree: sum(inTree.map(({ spent }) => spent)),
    day: sum(all.slice(1).map(({ spent }) => spentOn(spent, date))),
  };
}

function sum(all: readonly Spent[]): Spent {
  return all.reduce<Spent>((total, spent) => plus(total, spent), nothingSpent);
}

/** The session that a tree began with, or the eldest that is still there. */
function rootsOf(all: readonly Session[]): (session: Session) => SessionId {
  const byId = new Map(all.map((session) => [session.session, session]));
  const parentOf = ({ genealogy: { parent_session_id: id } }: Session) => (id === undefined ? undefined : byId.get(id));
  return (session) => {
    const line = new Set([session]);
    let root = session;
    for (let parent = parentOf(root); parent && !line.has(parent); parent = parentOf(root)) {
      line.add(parent);
      root = parent;
    }
    return root.genealogy.parent_session_id ?? root.session;
  };
}
