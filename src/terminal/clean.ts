import * as v from "valibot";
import { type Cleaner, type CleanReport, clean, deleteSession } from "../sessions/archive/clean.ts";
import { explainOutOfReach } from "../sessions/archive/out-of-reach.ts";
import { purgeSession } from "../sessions/archive/purge.ts";
import { explainKept, type Kept } from "../sessions/archive/retire.ts";
import { type SessionId, sessionIdSchema } from "../sessions/ids.ts";
import { backOff } from "../sessions/transact.ts";
import { brief, plural } from "../sessions/words.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { bring, forget } from "./follow.ts";
import { askForIt } from "./holder.ts";
import { type Home, openHome, openOrigin } from "./home.ts";
import { isVoid } from "./is-void.ts";
import { originSessions } from "./origin.ts";
import { selectRetired, selectSession } from "./select.ts";
import { note, print, printJson, type Terminal } from "./terminal.ts";
import { clearWorkshop } from "./workshop.ts";

export interface CleanOptions {
  readonly days: number;
  readonly dryRun?: boolean;
  readonly model?: readonly string[];
  readonly json?: boolean;
}

/** What `session clean --json` prints. */
export const cleanedSchema = v.strictObject({
  dry_run: v.boolean(),
  retired: v.array(
    v.strictObject({
      session: sessionIdSchema,
      description: v.string(),
      branch: v.picklist(["deleted", "kept", "none"]),
    }),
  ),
  kept: v.array(v.strictObject({ session: sessionIdSchema, why: v.string() })),
});

/** `offshoot session clean`: retires what nobody used for some days, here and on the origin. */
export async function cleanSessions(terminal: Terminal, clone: Clone, options: CleanOptions): Promise<void> {
  const shared = await originSessions(clone);
  const here = (await clone.store.find("")).filter((id) => !shared.includes(id));
  const own = await cleanAt(cleanerAt(terminal, clone, clone), options, here);
  const there = shared.length > 0 ? await cleanOrigin(terminal, clone, options, shared) : none;
  const report = { retired: [...own.retired, ...there.retired], kept: [...own.kept, ...there.kept] };
  if (!options.dryRun) for (const { session } of report.retired) await clearWorkshop(terminal, clone, session.session);
  if (options.json) return printJson(terminal, asData(report, options.dryRun ?? false));
  tell(terminal, report, options);
}

const none: CleanReport = { retired: [], kept: [] };

async function cleanOrigin(
  terminal: Terminal,
  clone: Clone,
  options: CleanOptions,
  shared: readonly SessionId[],
): Promise<CleanReport> {
  await using home = await openOrigin(terminal, clone);
  const report = await cleanAt(cleanerAt(terminal, clone, home), options, shared);
  if (!options.dryRun) await bring(clone, "");
  return report;
}

function cleanAt(
  cleaner: Cleaner,
  { days, model = [], dryRun = false }: CleanOptions,
  among: readonly SessionId[],
): Promise<CleanReport> {
  return clean(cleaner, { days, models: model }, { dryRun, among });
}

function asData({ retired, kept }: CleanReport, dryRun: boolean): v.InferOutput<typeof cleanedSchema> {
  return {
    dry_run: dryRun,
    retired: retired.map(({ session, branch }) => {
      return { session: session.session, description: session.description, branch };
    }),
    kept: kept.map(({ session, why }) => ({ session, why: explainKept(session, why) })),
  };
}

/** Those that the rule does not mean are counted, those that something else keeps are named. */
function tell(terminal: Terminal, report: CleanReport, { dryRun, days }: CleanOptions): void {
  const { retired, kept } = asData(report, dryRun ?? false);
  for (const { session, description, branch } of retired) {
    const fate = branch === "kept" ? "  (its branch stays: not all of it is merged)" : "";
    print(terminal, `${session}  ${brief(description)}${fate}`);
  }
  for (const { session, why } of report.kept) if (!isMeant(why)) note(terminal, explainKept(session, why));
  const count = retired.length === 1 ? "1 session" : `${retired.length} sessions`;
  const what = dryRun ? `${count} would be retired` : `${count} retired`;
  print(terminal, `${what}, ${kept.length} stay (not used for ${plural(days, "day")} was asked for).`);
}

function isMeant({ kind }: Kept): boolean {
  return kind === "recent" || kind === "other model";
}

/** `offshoot session delete`: a tombstone, and then the archive. */
export async function deleteOne(
  terminal: Terminal,
  clone: Clone,
  options: { readonly session: string },
): Promise<void> {
  const session = await selectSession(clone, options.session);
  await using home = await openHome(terminal, clone, session);
  const deletion = await deleteSession(cleanerAt(terminal, clone, home), session);
  if (deletion.kind === "kept") throw refusedFor(session, deletion.why);
  if (deletion.kind === "missing") throw gone(session);
  await settle(terminal, clone, home, session);
  print(terminal, `Session ${session} is deleted. Its journal stays readable: offshoot session show -s ${session}`);
  if (deletion.branch === "kept")
    print(terminal, `The branch ${deletion.session.branch} stays: not all of it is merged.`);
  print(terminal, `To take out what it says, too: offshoot session purge -s ${session}`);
}

/** `offshoot session purge`: nothing of what the session said stays where it can be reached. */
export async function purgeOne(terminal: Terminal, clone: Clone, options: { readonly session: string }): Promise<void> {
  const session = await anySession(clone, options.session);
  await using home = await openHome(terminal, clone, session);
  const purge = await purgeSession(cleanerAt(terminal, clone, home), session);
  if (purge.kind === "kept") throw refusedFor(session, purge.why);
  if (purge.kind === "missing") throw gone(session);
  await settle(terminal, clone, home, session);
  if (purge.kind === "purged before") return print(terminal, `Session ${session} was purged before.`);
  print(terminal, `Session ${session} is purged: a tombstone is all that is left of it.`);
  print(terminal, "Not reached:");
  for (const sentence of explainOutOfReach(purge.outOfReach)) print(terminal, `- ${sentence}`);
}

async function anySession(clone: Clone, prefix: string): Promise<SessionId> {
  const live = await clone.store.find(prefix);
  return live.length > 0 ? selectSession(clone, prefix) : (await selectRetired(clone, prefix)).id;
}

function cleanerAt(terminal: Terminal, clone: Clone, { repository }: Pick<Home, "repository">): Cleaner {
  return { repository, hand: clone.hand, isVoid: (lease) => isVoid(terminal, clone, lease), pause: backOff };
}

async function settle(terminal: Terminal, clone: Clone, home: Home, session: SessionId): Promise<void> {
  await clearWorkshop(terminal, clone, session);
  if (!home.isOrigin) return;
  await bring(clone, session);
  await forget(clone, session);
}

function refusedFor(session: SessionId, why: Kept): Failure {
  const kind = why.kind === "held" || why.kind === "open turn" ? "busy" : "refused";
  const look = `What it is doing: offshoot session show -s ${session}`;
  const remedy = why.kind === "held" && why.lease.run ? `${look}\n${askForIt}` : look;
  return new Failure(kind, explainKept(session, why), remedy);
}

function gone(session: SessionId): Failure {
  return new Failure(
    "missing",
    `Session ${session} is not there any more.`,
    "Bring what the origin has now: offshoot session fetch",
  );
}
