import * as v from "valibot";
import { type CommitId, commitIdSchema, type SessionId } from "../sessions/ids.ts";
import type { Session } from "../sessions/session.ts";
import { refOf } from "../sessions/store.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { busy, isGone } from "./holder.ts";
import { asked, isRetiredThere, mustHaveOrigin, originRef } from "./origin.ts";

/** Puts a session on the origin, with its work, or what was added to it here since; gives its branch. */
export async function publish(clone: Clone, id: SessionId): Promise<string | null> {
  const tip = await clone.store.tip(id);
  if (!tip) throw new Error(`Session ${id} was just found and is gone.`);
  const { lease, branch } = tip.session;
  if (lease && !isGone(lease)) throw busy(id, lease);
  if (await isRetiredThere(clone, id)) throw diverged(id, "it is retired there");
  const head = refOf.branch(branch);
  const here = await clone.repository.refs(refOf.notes(id), refOf.wip(id), head);
  const refs: ReadonlyMap<string, CommitId> = new Map([[refOf.session(id), tip.commit], ...here]);
  const there = await refsThere(clone, [...refs.keys()]);
  const ahead = await aheadOf(clone, tip.commit, there.get(refOf.session(id)));
  if (!ahead) {
    await mustFollow(clone, tip.session, refs, there);
    await move(clone, refs, there);
  }
  if (!(await record(clone, { refs, session: id, at: ahead ?? tip.commit }))) {
    const back = new Map([...refs.keys()].map((ref) => [ref, there.get(ref)]));
    if (!ahead) await move(clone, back, refs);
    throw new Failure(
      "busy",
      `Session ${id} went on here while it was pushed, so the push was taken back.`,
      `Wait until it is done (offshoot session logs -s ${id} --follow), and push again.`,
    );
  }
  return here.has(head) ? branch : null;
}

type Refs = ReadonlyMap<string, CommitId | undefined>;

async function refsThere(clone: Clone, refs: readonly string[]): Promise<ReadonlyMap<string, CommitId>> {
  const out = await asked(mustHaveOrigin(clone), () => clone.git(["ls-remote", "--refs", "origin", ...refs]));
  const lines = [...out.matchAll(/^(\S+)\t(.*)$/gm)].filter(([, , ref = ""]) => refs.includes(ref));
  return new Map(lines.map(([, commit, ref = ""]) => [ref, v.parse(commitIdSchema, commit)]));
}

/** Where the origin is with a session, if it has all that is here and more. */
async function aheadOf({ repository }: Clone, here: CommitId, there: CommitId | undefined): Promise<CommitId | null> {
  return there && there !== here && (await repository.isAncestor(here, there)) ? there : null;
}

/** What somebody else has put on the origin stays: neither the session nor its branch may lose a commit there. */
async function mustFollow(clone: Clone, { session, branch }: Session, refs: Refs, there: Refs): Promise<void> {
  const follows = async (ref: string) => {
    const [from, to] = [there.get(ref), refs.get(ref)];
    return !from || !to || clone.repository.isAncestor(from, to);
  };
  if (!(await follows(refOf.session(session)))) throw diverged(session, "it has gone on there as well");
  if (await follows(refOf.branch(branch))) return;
  throw new Failure(
    "refused",
    `The branch ${branch} has commits on the origin that it does not have here; nothing was pushed.`,
    `Bring the two together, and push the branch (git push origin ${branch}); then push the session.`,
  );
}

function diverged(session: SessionId, why: string): Failure {
  return new Failure(
    "refused",
    `Session ${session} cannot be put on the origin: ${why}.`,
    `See what it is there (offshoot session fetch -s ${session}), and fork what you need of it here.`,
  );
}

/** Moves refs on the origin all at once, each only from where it was seen; one without a commit is deleted. */
async function move(clone: Clone, refs: Refs, from: Refs): Promise<void> {
  const moving = [...refs].filter(([ref, to]) => from.get(ref) !== to);
  if (moving.length === 0) return;
  const leases = moving.map(([ref]) => `--force-with-lease=${ref}:${from.get(ref) ?? ""}`);
  const specs = moving.map(([ref, to]) => `${to ?? ""}:${ref}`);
  const push = ["push", "--quiet", "--atomic", "--no-verify", ...leases, "origin", ...specs];
  await asked(mustHaveOrigin(clone), () => clone.git(push));
}

/** From here on the session lives on the origin, its saved work too; false where it was appended to meanwhile. */
async function record(
  { repository }: Clone,
  { refs, session, at }: { refs: Refs; session: SessionId; at: CommitId },
): Promise<boolean> {
  const [ref, wip] = [refOf.session(session), refOf.wip(session)];
  const saved = refs.get(wip);
  const moves = [`verify ${ref} ${refs.get(ref)}`, `update ${originRef(session)} ${at}`];
  const lines = ["start", ...moves, ...(saved ? [`delete ${wip} ${saved}`] : []), "prepare", "commit", ""];
  return (await repository.ask(["update-ref", "--stdin"], lines.join("\n"))).code === 0;
}
