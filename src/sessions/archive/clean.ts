import { type Hand, hasExpired } from "../decide.ts";
import type { Repository } from "../git/repository.ts";
import type { SessionId } from "../ids.ts";
import { JournalError } from "../journal.ts";
import type { Lease, Session } from "../session.ts";
import type { Tip } from "../store.ts";
import { ownBranches } from "./merged-branches.ts";
import { type CleanRule, type Kept, keptByRule, keptFromCleaning, keptFromDeletion } from "./retire.ts";
import { depart, fetchSurroundings } from "./retiring.ts";
import { readTips, type Tips } from "./tips.ts";

export interface Cleaner {
  readonly repository: Repository;
  readonly hand: Hand;
  /** Whether the holder of a lease is known to be gone; one that has to be renewed and was not is void anyway. */
  readonly isVoid: (lease: Lease) => boolean | Promise<boolean>;
  /** Awaited after the nth lost swap (from 1), before all is read and decided again. */
  readonly pause: (attempt: number) => Promise<void>;
}

/** A session that went into the archive, as it was before, and what became of its own branch. */
export interface Retired {
  readonly session: Session;
  /** `kept`: not all of it is in the branch that it began from, or somebody has it checked out. */
  readonly branch: "deleted" | "kept" | "none";
}

export interface CleanReport {
  readonly retired: readonly Retired[];
  readonly kept: readonly { readonly session: SessionId; readonly why: Kept }[];
}

/** How many sessions are retired in one push: some 1,000 refs at most, and a commit that any git reads. */
export const batch = 200;

export interface CleanOptions {
  readonly dryRun: boolean;
  /** The sessions to look at; without it, all. */
  readonly among?: readonly SessionId[];
}

/**
 * Retires the sessions that the rule takes and that nobody works on, nor is waited for. A dry run gives the same report and
 * writes nothing. What has left before an error has left whole.
 */
export async function clean(cleaner: Cleaner, rule: CleanRule, { dryRun, among }: CleanOptions): Promise<CleanReport> {
  const { repository, hand } = cleaner;
  const now = hand.now();
  const byRule = (session: Session) => keptByRule(session, rule, now);
  const first = sort(await readTips(repository, among), byRule);
  const reports: CleanReport[] = [{ retired: [], kept: first.kept }];
  const judge = (session: Session, isHeld: boolean) => keptFromCleaning(session, rule, now, isHeld);
  for (let at = 0; at < first.taken.length; at += batch) {
    const tips = new Map(first.taken.slice(at, at + batch).map((tip) => [tip.session.session, tip]));
    reports.push(await retire(cleaner, tips, { as: "retired", judge, dryRun }));
  }
  return { retired: reports.flatMap(({ retired }) => retired), kept: reports.flatMap(({ kept }) => kept) };
}

export type Deletion =
  | ({ readonly kind: "deleted" } & Retired)
  | { readonly kind: "kept"; readonly why: Kept }
  /** Not there, or retired already. */
  | { readonly kind: "missing" };

/** Leaves a tombstone for a session and retires it; its text stays readable in the archive. */
export async function deleteSession(cleaner: Cleaner, session: SessionId): Promise<Deletion> {
  const tips = await readTips(cleaner.repository, [session]);
  const { retired, kept } = await retire(cleaner, tips, { as: "deleted", judge: keptFromDeletion, dryRun: false });
  if (retired[0]) return { kind: "deleted", ...retired[0] };
  return kept[0] ? { kind: "kept", why: kept[0].why } : { kind: "missing" };
}

interface Retiring {
  readonly as: "retired" | "deleted";
  readonly judge: (session: Session, isHeld: boolean) => Kept | null;
  readonly dryRun: boolean;
}

/** Decides and swaps; after a lost swap it reads and decides again, so that what happened meanwhile is seen. */
async function retire(cleaner: Cleaner, first: Tips, retiring: Retiring): Promise<CleanReport> {
  const { repository, hand, pause } = cleaner;
  let tips = first;
  for (let attempt = 1; ; attempt += 1) {
    const held = await heldAmong(cleaner, tips);
    const { taken, kept } = sort(tips, (session) => retiring.judge(session, held.has(session.session)));
    const branches = await ownBranches(
      repository,
      taken.map(({ session }) => session),
    );
    const retired = taken.map(({ session }): Retired => {
      const branch = branches.get(session.session);
      return { session, branch: branch ? (branch.isMerged ? "deleted" : "kept") : "none" };
    });
    if (retiring.dryRun || taken.length === 0) return { retired, kept };
    const surroundings = await fetchSurroundings(
      repository,
      taken.map(({ session }) => session.session),
    );
    if (await depart(repository, hand, { tips: taken, as: retiring.as, surroundings, branches }))
      return { retired, kept };
    await pause(attempt);
    tips = await readTips(repository, [...first.keys()]);
  }
}

/** The sessions whose lease is in force. */
async function heldAmong({ hand, isVoid }: Cleaner, tips: Tips): Promise<ReadonlySet<SessionId>> {
  const held = new Set<SessionId>();
  for (const [session, tip] of tips) {
    const lease = tip instanceof JournalError ? undefined : tip.session.lease;
    if (lease && !hasExpired(lease, hand.now()) && !(await isVoid(lease))) held.add(session);
  }
  return held;
}

/** Parts sessions into those that are taken and those that stay, with the reason. */
function sort(
  tips: Tips,
  judge: (session: Session) => Kept | null,
): { readonly taken: readonly Tip[]; readonly kept: CleanReport["kept"] } {
  const taken: Tip[] = [];
  const kept: { session: SessionId; why: Kept }[] = [];
  for (const [session, tip] of tips) {
    const why: Kept | null =
      tip instanceof JournalError ? { kind: "corrupt", reason: tip.message } : judge(tip.session);
    if (why) kept.push({ session, why });
    else if (!(tip instanceof JournalError)) taken.push(tip);
  }
  return { taken, kept };
}
