import type { Repository } from "../git/repository.ts";
import type { SessionId } from "../ids.ts";
import { type Event, JournalError } from "../journal.ts";
import type { Session } from "../session.ts";
import { refOf, type Tip } from "../store.ts";
import { archivedJournal, archivedTips } from "./archive.ts";
import { fetchBranches } from "./merged-branches.ts";
import { readTips } from "./tips.ts";

/** A place that a purge leaves as it is and that has, or may have, something of the session. */
export interface OutOfReach {
  /** `session`: one that was opened or forked in its work; a fork has its turns, a child was told of them. */
  readonly what: "branch" | "pull request" | "comment" | "run" | "session";
  /** A branch's name, a URL, or a session's id. */
  readonly where: string;
}

/** What to tell a person after a purge, a sentence each: first what was found, then what nobody can list. */
export function explainOutOfReach(places: readonly OutOfReach[]): readonly string[] {
  return [...places.map(({ what, where }) => `The ${what} ${where} ${has[what]}.`), ...outOfSight];
}

const has: Readonly<Record<OutOfReach["what"], string>> = {
  branch: "has commits that the session made",
  "pull request": "shows its changes, and may quote it",
  comment: "says what was asked or answered",
  run: "has logs, and may have artifacts",
  session: "was opened or forked in its work and may have its words: purge it, too",
};

const outOfSight: readonly string[] = [
  "Forks and clones of the repository keep what they have fetched.",
  "The server keeps objects to which no ref leads, readable to who knows their ids, until it collects them; on GitHub, ask GitHub Support for that.",
  "A pull request keeps its commits (refs/pull/…), also without its branch.",
  "Mails about comments are with those who got them.",
];

/** What there is of a retired session in other places than the archive. */
export async function findOutOfReach(repository: Repository, { session }: Tip): Promise<readonly OutOfReach[]> {
  const told = (await readableEvents(repository, session.session)).flatMap(placesIn);
  const pulls = session.effects.flatMap(({ kind, url }) =>
    kind === "pull_request" && url ? [{ what: "pull request" as const, where: url }] : [],
  );
  const all = [
    ...(await branchesWith(repository, session)),
    ...told,
    ...pulls,
    ...(await descendants(repository, session)),
  ];
  return [...new Map(all.map((place) => [place.where, place])).values()];
}

async function readableEvents(repository: Repository, session: SessionId): Promise<readonly Event[]> {
  try {
    return (await archivedJournal(repository, session)).flatMap(({ events }) => events);
  } catch (error) {
    // What cannot be read is purged all the same.
    if (error instanceof JournalError) return [];
    throw error;
  }
}

function placesIn(event: Event): OutOfReach[] {
  switch (event.type) {
    case "prompt.queued":
      return event.source.kind === "terminal" ? [] : [{ what: "comment", where: event.source.url }];
    case "effect.done":
      return [{ what: "comment", where: event.url }];
    case "lease.taken":
      return event.run ? [{ what: "run", where: event.run.url }] : [];
    default:
      return [];
  }
}

async function branchesWith(repository: Repository, session: Session): Promise<readonly OutOfReach[]> {
  const { branch, base_branch, head } = session;
  if (head === undefined) return [];
  const at = await fetchBranches(repository, [branch, base_branch]);
  const folder = "refs/heads/";
  const aside = [...(await repository.refs(folder)).keys()].filter((ref) =>
    ref.startsWith(refOf.branch(`${branch}-turn-`)),
  );
  const base = at.get(refOf.branch(base_branch));
  const refs = [
    ...(at.has(refOf.branch(branch)) ? [refOf.branch(branch)] : []),
    ...aside,
    ...(base && (await repository.isAncestor(head, base)) ? [refOf.branch(base_branch)] : []),
  ];
  return refs.map((ref) => ({ what: "branch", where: ref.slice(folder.length) }));
}

async function descendants(repository: Repository, { session }: Session): Promise<readonly OutOfReach[]> {
  const live = [...(await readTips(repository)).values()].flatMap((tip) => (tip instanceof JournalError ? [] : [tip]));
  const all = [...live, ...(await archivedTips(repository))].map((tip) => tip.session);
  const family = new Set<SessionId>([session]);
  // A set gives what is added to it while it is walked, too.
  for (const parent of family) {
    for (const { session: child, genealogy } of all) if (genealogy.parent_session_id === parent) family.add(child);
  }
  family.delete(session);
  return [...family].map((where) => ({ what: "session", where }));
}
