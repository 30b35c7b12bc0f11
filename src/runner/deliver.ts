import { stringify } from "smol-toml";
import { workTitle } from "../github/comments.ts";
import { fact, type Hand } from "../sessions/decide.ts";
import { signature } from "../sessions/git/commit.ts";
import type { Repository } from "../sessions/git/repository.ts";
import type { CommitId } from "../sessions/ids.ts";
import type { Fact, TurnUsage } from "../sessions/journal.ts";
import { noteUpdate } from "../sessions/notes.ts";
import { type Prompt, type Session, threadOf } from "../sessions/session.ts";
import { type RefUpdate, refOf, StoreError, type Tip } from "../sessions/store.ts";
import { fetchBranch, fetchHistory, howMoved } from "./branch.ts";
import { type Acting, lacksPull } from "./effects.ts";
import { type Flush, isRefusal, leftSnapshot, type Recorder, wipUpdate } from "./recorder.ts";
import { type Ending, endingFor } from "./steps.ts";
import { carryOver, treeOf, type Workspace } from "./workspace.ts";

export interface Delivery {
  readonly repository: Repository;
  readonly workspace: Workspace;
  readonly recorder: Recorder;
  readonly acting: Acting | null;
  readonly hand: Hand;
  readonly session: Session;
  readonly turn: { readonly number: number; readonly base: CommitId; readonly model: string };
  readonly prompt: Prompt & { readonly text: string };
  readonly ending: Ending;
  readonly notices: readonly string[];
  /** The session's branch was deleted before the turn, and a notice tells so. */
  readonly again: boolean;
  readonly usage: TurnUsage;
  /** US dollars; null where they are not known. */
  readonly cost: number | null;
  readonly took: { readonly ms: number; readonly peakRssMb: number };
}

/** Where the turn's work goes. */
interface Placed {
  readonly commit: CommitId;
  readonly branch: string;
  readonly from: CommitId | null;
  readonly notices: readonly string[];
}

/** What is told of the end of a turn, beside what the turn itself was. */
interface Closing {
  readonly placed: Placed | null;
  readonly needsPull: boolean;
  readonly files: readonly string[];
}

/** How often a branch may move under the delivery before the work goes to a branch of its own. */
const placements = 3;

/**
 * Ends a turn: one commit with its files, the note on it, the branch, the end of the snapshots, and `turn.ended` with
 * the effects that follow, all in one push. What others pushed meanwhile is added to or left alone, never overwritten.
 */
export async function deliver(given: Delivery): Promise<Tip> {
  const { repository, workspace, turn } = given;
  const { tree, leftOut } = await workspace.snapshot();
  const delivery = { ...given, notices: [...given.notices, ...leftOutNotices(leftOut)] };
  const ours = tree === (await treeOf(repository, turn.base)) ? null : await commitWork(delivery, tree, turn.base);
  try {
    for (let attempt = 1; attempt <= placements; attempt += 1) {
      const flushed = await end(delivery, ours && (await place(delivery, ours)));
      if (flushed.ok) return flushed.tip;
    }
    const flushed = await end(delivery, ours && (await keepAside(delivery, ours, "is pushed to all the time")));
    if (flushed.ok) return flushed.tip;
    throw new StoreError("refused", `${flushed.moved.join(", ")} moved again and again`);
  } catch (error) {
    if (!ours || !isRefusal(error)) throw error;
    return endRefused(delivery, { commit: ours, tree, cause: error.message.replace(/\s+/g, " ") });
  }
}

/** Notices of files that one answer carries: it has to fit into a comment. */
const mostLeftOut = 20;

function leftOutNotices(reasons: readonly string[]): string[] {
  const told = reasons.slice(0, mostLeftOut).map((reason) => {
    return `Not all files could be taken into the commit: ${reason}.`;
  });
  const more = reasons.length - told.length;
  return more > 0 ? [...told, `Not all files could be taken into the commit: and ${more} more.`] : told;
}

async function end(delivery: Delivery, placed: Placed | null): Promise<Flush> {
  const refs = placed
    ? [
        { ref: refOf.branch(placed.branch), from: placed.from, to: placed.commit },
        await annotate(delivery, placed.commit),
      ]
    : [];
  const needsPull = placed?.branch === delivery.session.branch && (await lacksPull(delivery));
  const files = placed ? await changedFiles(delivery, placed.commit) : [];
  return delivery.recorder.tryFlush({ refs: (tip) => [...refs, ...wipUpdate(tip, null)] }, () =>
    closing(delivery, { placed, needsPull, files }),
  );
}

/** Paths that one answer of the journal names. */
const mostFiles = 500;

async function changedFiles({ repository }: Delivery, commit: CommitId): Promise<readonly string[]> {
  const names = await repository.raw(["diff-tree", "-r", "-z", "--root", "--no-commit-id", "--name-only", commit]);
  return names.split("\0").filter(Boolean).slice(0, mostFiles);
}

interface Refused {
  readonly commit: CommitId;
  readonly tree: string;
  readonly cause: string;
}

/** When the remote does not take the work on its branch: on one of its own, else as a snapshot; the person is told where. */
async function endRefused(delivery: Delivery, { commit, tree, cause }: Refused): Promise<Tip> {
  const why = `did not take this turn's work (${cause})`;
  const aside = await unlessRefused(async () => end(delivery, await keepAside(delivery, commit, why)));
  if (aside?.ok) return aside.tip;
  const { session } = await delivery.recorder.flush();
  const update = await snapshotUpdate(delivery, session, tree);
  const kept = await unlessRefused(() => endWithout(delivery, { cause, kept: update.to, refs: [update] }));
  return kept ?? endWithout(delivery, { cause, kept: session.wip ?? null, refs: [] });
}

async function snapshotUpdate({ repository, hand, turn }: Delivery, session: Session, tree: string) {
  const who = signature(hand.by, hand.now());
  const parents = session.wip ? [session.wip] : [];
  const message = `turn ${turn.number}, at its end`;
  const to = await repository.commit({ parents, author: who, committer: who, message, tree });
  return {
    ref: refOf.wip(session.session),
    from: session.wip ?? (await leftSnapshot(repository, session.session)),
    to,
  };
}

interface Without {
  readonly cause: string;
  /** The snapshot that a person can fetch. */
  readonly kept: CommitId | null;
  readonly refs: readonly RefUpdate[];
}

function endWithout(delivery: Delivery, { cause, kept, refs }: Without): Promise<Tip> {
  const ref = refOf.wip(delivery.session.session);
  const where = kept
    ? ` Until a later turn is saved there, commit ${kept} has its last snapshot: \`git fetch origin ${ref}\`.`
    : "";
  const ending = endingFor("failed", {
    kind: "push-refused",
    message: `The repository did not take this turn's work, so none of it is on a branch: ${cause}.${where}`,
    remedy:
      "Look at the rules for branches, and at what this run's token may do (changes to workflow files need the permission “Workflows”), then ask again.",
  });
  const failed = { ...delivery, ending: { ...ending, answer: delivery.ending.answer } };
  return delivery.recorder.flush({ refs: () => refs }, () =>
    closing(failed, { placed: null, needsPull: false, files: [] }),
  );
}

async function unlessRefused<T>(attempt: () => Promise<T>): Promise<T | null> {
  try {
    return await attempt();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return null;
  }
}

async function place(delivery: Delivery, ours: CommitId): Promise<Placed> {
  const { repository, session, turn, again } = delivery;
  const { branch } = session;
  const now = await fetchBranch(repository, branch);
  if (now === turn.base) return { commit: ours, branch, from: now, notices: [] };
  if (now) return placeOnTop(delivery, ours, now);
  await fetchHistory(repository, turn.base);
  const vanished = session.head && !again;
  const notices = vanished ? [`\`${branch}\` was deleted by someone and is there again with this work.`] : [];
  return { commit: ours, branch, from: null, notices };
}

async function placeOnTop(delivery: Delivery, ours: CommitId, now: CommitId): Promise<Placed> {
  const { repository, session, turn } = delivery;
  const { branch } = session;
  const merged = await carryOver(repository, { base: turn.base, ours, theirs: now });
  const how = await howMoved(repository, branch, { before: turn.base, now });
  const what = how === "added to" ? "was pushed to" : "was force-pushed";
  if (!merged.ok) {
    const where = merged.paths.map((path) => `\`${path}\``).join(", ");
    return keepAside(delivery, ours, `${what} by someone, in conflict with it (${where})`);
  }
  const commit = await commitWork(delivery, merged.tree, now);
  const notice = `\`${branch}\` ${what} by someone while this turn ran; its own changes were put on top of what is there.`;
  return { commit, branch, from: now, notices: [notice] };
}

/** For work that cannot go on the branch without overwriting what somebody else pushed there. */
async function keepAside({ repository, session, turn }: Delivery, commit: CommitId, why: string): Promise<Placed> {
  const branch = `${session.branch}-turn-${turn.number}`;
  const notice = `While this turn ran, \`${session.branch}\` ${why}. What is there stands; this turn's work is on \`${branch}\`. Merge it by hand, or comment \`/agent\` and say what to take over.`;
  return { commit, branch, from: await fetchBranch(repository, branch), notices: [notice] };
}

function commitWork(delivery: Delivery, tree: string, parent: CommitId): Promise<CommitId> {
  const who = signature(delivery.hand.by, delivery.hand.now());
  return delivery.repository.commit({
    parents: [parent],
    author: who,
    committer: who,
    message: message(delivery),
    tree,
  });
}

function message({ ending, prompt, session, turn }: Delivery): string {
  const asker = signature(prompt.by, new Date(prompt.at));
  return [
    workTitle(ending.answer, prompt.text),
    "",
    prompt.source.kind === "terminal"
      ? `Asked at a terminal of ${prompt.source.host}`
      : `Asked at ${prompt.source.url}`,
    "",
    `Co-authored-by: ${asker.name} <${asker.email}>`,
    `Offshoot-Session: ${session.session}`,
    `Offshoot-Turn: ${turn.number}`,
    "",
  ].join("\n");
}

/** A checkpoint: what led to the commit, readable by `git log --notes='offshoot/*'` in any clone. */
async function annotate(delivery: Delivery, commit: CommitId): Promise<RefUpdate> {
  const { repository, session, hand } = delivery;
  const text = await noteOn(delivery);
  return noteUpdate(repository, hand, { session: session.session, commit, text: () => text });
}

async function noteOn({ hand, session, turn, prompt, ending, usage, recorder }: Delivery): Promise<string> {
  const facts: readonly Fact[] = [...(await recorder.journal()), ...recorder.waiting];
  const events = facts.filter((event) => "turn" in event && event.turn === turn.number);
  return stringify({
    session: session.session,
    turn: turn.number,
    model: turn.model,
    at: hand.now().toISOString(),
    prompt: prompt.text,
    answer: ending.answer,
    commands: events.flatMap((event) =>
      event.type === "command.ran" ? [`${event.command} (exit code ${event.exit_code})`] : [],
    ),
    journal: refOf.session(session.session),
    usage: { input: usage.input, output: usage.output },
  });
}

function closing(
  { hand, session, turn, prompt, ending, notices, usage, cost, took }: Delivery,
  { placed, needsPull, files }: Closing,
): Fact[] {
  const onBranch = placed?.branch === session.branch ? placed.commit : null;
  const thread = threadOf(prompt);
  const planned = (kind: "pull_request" | "answer", key: string) =>
    thread === null ? [] : [fact(hand, "effect.planned", { kind, key, thread })];
  return [
    ...(onBranch ? [fact(hand, "checkpoint.made", { turn: turn.number, commit: onBranch })] : []),
    ...(needsPull ? planned("pull_request", session.branch) : []),
    ...planned("answer", String(turn.number)),
    fact(hand, "turn.ended", {
      turn: turn.number,
      prompt: prompt.id,
      outcome: ending.outcome,
      answer: ending.answer,
      ...(ending.problem ? { problem: ending.problem } : {}),
      ...(placed ? { commit: placed.commit } : {}),
      notices: [...notices, ...(placed?.notices ?? [])],
      duration_ms: took.ms,
      peak_rss_mb: took.peakRssMb,
      ...(files.length > 0 ? { files: [...files] } : {}),
      usage,
      ...(cost === null ? {} : { cost_usd: cost }),
      ...(ending.budget ? { budget: ending.budget } : {}),
    }),
  ];
}
