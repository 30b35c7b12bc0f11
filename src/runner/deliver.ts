import { stringify } from "smol-toml";
import { workTitle } from "../github/comments.ts";
import { fact, type Hand } from "../sessions/decide.ts";
import type { Repository } from "../sessions/git.ts";
import { signature } from "../sessions/git-commit.ts";
import type { CommitId } from "../sessions/ids.ts";
import type { Fact } from "../sessions/journal.ts";
import type { Prompt, Session } from "../sessions/session.ts";
import { type RefUpdate, refOf, type Tip } from "../sessions/store.ts";
import { fetchBranch, fetchHistory } from "./branch.ts";
import { type Recorder, wipUpdate } from "./recorder.ts";
import type { Ending } from "./steps.ts";
import { mergeTrees, treeOf, type Workspace } from "./workspace.ts";

export interface Delivery {
  readonly repository: Repository;
  readonly workspace: Workspace;
  readonly recorder: Recorder;
  readonly hand: Hand;
  readonly session: Session;
  readonly turn: { readonly number: number; readonly base: CommitId; readonly model: string };
  readonly prompt: Prompt & { readonly text: string };
  readonly ending: Ending;
  /** The turn's events, for its note. */
  readonly events: readonly Fact[];
  readonly notices: readonly string[];
  readonly took: { readonly ms: number; readonly peakRssMb: number };
}

/** Where the turn's work went. */
interface Placed {
  readonly commit: CommitId;
  readonly branch: string;
  readonly from: CommitId | null;
  readonly notices: readonly string[];
}

/** How often a branch may move under the delivery before the work goes to a branch of its own. */
const placements = 3;

/**
 * Ends a turn: one commit with its files, the note on it, the branch, the end of the snapshots, and `turn.ended` with
 * the effects that follow, all in one push. What others pushed meanwhile is merged or left alone, never overwritten.
 */
export async function deliver(delivery: Delivery): Promise<Tip> {
  for (let attempt = 1; ; attempt += 1) {
    const placed = await place(delivery, { aside: attempt > placements });
    const note = placed ? await annotate(delivery, placed.commit) : null;
    const refs =
      placed && note ? [{ ref: refOf.branch(placed.branch), from: placed.from, to: placed.commit }, note] : [];
    const flushed = await delivery.recorder.flush({ refs: (tip) => [...refs, ...wipUpdate(tip, null)] }, (tip) =>
      closing(delivery, tip, placed),
    );
    if (flushed.ok) return flushed.tip;
    if (attempt > placements) throw new Error(`The turn could not be delivered: ${flushed.moved.join(", ")} moved.`);
  }
}

async function place(delivery: Delivery, { aside }: { aside: boolean }): Promise<Placed | null> {
  const { repository, workspace, session, turn } = delivery;
  const tree = await workspace.snapshot();
  if (tree === (await treeOf(repository, turn.base))) return null;
  const ours = await commitWork(delivery, tree, turn.base);
  const now = await fetchBranch(repository, session.branch);
  if (!aside && (now === null || now === turn.base)) {
    const notices =
      now === null && session.head
        ? [`\`${session.branch}\` was deleted by someone and is there again with this work.`]
        : [];
    return { commit: ours, branch: session.branch, from: now, notices };
  }
  if (!aside && now) {
    await fetchHistory(repository, session.branch);
    const merged = await mergeTrees(repository, ours, now);
    if (merged.ok) {
      const notices = [`Others pushed to \`${session.branch}\` meanwhile; this work was put on top of theirs.`];
      return { commit: await commitWork(delivery, merged.tree, now), branch: session.branch, from: now, notices };
    }
  }
  return keepAside(delivery, ours);
}

/** For work that cannot go on the branch without overwriting what somebody else pushed there. */
async function keepAside({ repository, session, turn }: Delivery, commit: CommitId): Promise<Placed> {
  const branch = `${session.branch}-turn-${turn.number}`;
  return {
    commit,
    branch,
    from: await fetchBranch(repository, branch),
    notices: [
      `While this turn ran, someone pushed changes to \`${session.branch}\` that conflict with it. Theirs stand; this turn's work is on \`${branch}\`. Merge it by hand, or comment \`/agent\` and say what to take over.`,
    ],
  };
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
    `Asked at ${prompt.source.url}`,
    "",
    `Co-authored-by: ${asker.name} <${asker.email}>`,
    `Offshoot-Session: ${session.session}`,
    `Offshoot-Turn: ${turn.number}`,
    "",
  ].join("\n");
}

/** A checkpoint: what led to the commit, readable by `git log --notes='offshoot/*'` in any clone. */
async function annotate(delivery: Delivery, commit: CommitId): Promise<RefUpdate> {
  const { repository, session, turn, prompt, ending, events, hand } = delivery;
  const ref = refOf.notes(session.session);
  await repository.fetch([`+${ref}*:${ref}*`]);
  const from = (await repository.refs(ref)).get(ref) ?? null;
  const note = stringify({
    session: session.session,
    turn: turn.number,
    model: turn.model,
    prompt: prompt.text,
    answer: ending.answer,
    commands: events.flatMap((event) =>
      event.type === "command.ran" ? [`${event.command} (exit code ${event.exit_code})`] : [],
    ),
    journal: refOf.session(session.session),
    usage: tokensOf(events),
  });
  const { name, email } = signature(hand.by, hand.now());
  const who = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
  await repository.raw(["notes", `--ref=${ref}`, "add", "--force", `--message=${note}`, commit], who);
  return { ref, from, to: await repository.resolve(ref) };
}

function tokensOf(events: readonly Fact[]): { input: number; output: number } {
  const tokens = events.flatMap((event) => (event.type === "message.added" && event.tokens ? [event.tokens] : []));
  return {
    input: tokens.reduce((sum, { input }) => sum + input, 0),
    output: tokens.reduce((sum, { output }) => sum + output, 0),
  };
}

function closing(
  { hand, turn, prompt, ending, notices, took }: Delivery,
  { session }: Tip,
  placed: Placed | null,
): Fact[] {
  const onBranch = placed?.branch === session.branch ? placed.commit : null;
  const thread = prompt.source.thread;
  const firstWork = onBranch && session.own_branch && !session.effects.some(({ kind }) => kind === "pull_request");
  return [
    ...(onBranch ? [fact(hand, "checkpoint.made", { turn: turn.number, commit: onBranch })] : []),
    ...(firstWork ? [fact(hand, "effect.planned", { kind: "pull_request", key: session.branch, thread })] : []),
    fact(hand, "effect.planned", { kind: "answer", key: String(turn.number), thread }),
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
    }),
  ];
}
