import { parseCommand } from "../sessions/command.ts";
import { type Hand, lostRunsAllowed, type NewPrompt, open, queue, rescue } from "../sessions/decide.ts";
import type { Clock, SessionId } from "../sessions/ids.ts";
import type { Actor, Event } from "../sessions/journal.ts";
import type { Session } from "../sessions/session.ts";
import { compose, type SessionStore, type Tip } from "../sessions/store.ts";
import { backOff, transact } from "../sessions/transact.ts";
import {
  brokenSessionComment,
  dispatchFailedComment,
  forkComment,
  gaveUpComment,
  unverifiedComment,
  usageComment,
} from "./comments.ts";
import { type Account, type Comment, type Forge, ForgeError, type Thread } from "./forge.ts";
import { writeStatus } from "./status.ts";
import type { Trigger } from "./triggers.ts";

/** What turning a trigger into sessions' events needs. */
export interface Intake {
  readonly forge: Forge;
  readonly store: SessionStore;
  readonly clock: Clock;
  /** Ourselves, for what no person asked for. */
  readonly app: Actor;
  readonly defaultBranch: string;
  /** The label that opens a session, as configured now; null when the configuration cannot be read. */
  readonly label: () => Promise<string | null>;
}

/** What became of a trigger, for the log. */
export type Taken = "ignored" | "refused" | "answered" | "queued" | "known" | "woken" | "left" | "gave up";

/** Acts on a trigger: afterwards the prompt is in the journal, a run is on its way, and the person has a receipt. */
export function take(intake: Intake, trigger: Trigger): Promise<Taken> {
  switch (trigger.kind) {
    case "comment":
      return takeComment(intake, trigger.comment);
    case "label":
      return takeLabel(intake, trigger);
    case "run-ended":
      return takeEndedRun(intake, trigger);
  }
}

async function takeComment(intake: Intake, id: number): Promise<Taken> {
  const { conversation } = intake.forge;
  const comment = await conversation.comment(id);
  const command = comment && parseCommand(comment.body);
  if (!comment || !command || comment.author.bot) return "ignored";
  const permitted = await mayStart(intake, comment.author, comment.thread);
  if (permitted !== "yes") {
    if (permitted === "no") await conversation.react(comment.id, "confused");
    return "refused";
  }
  switch (command.kind) {
    case "help":
      await conversation.post(comment.thread, usageComment);
      return "answered";
    case "prompt":
      return takePrompt(intake, { prompt: promptOf(comment, command.text), by: comment.author, comment: comment.id });
  }
}

function promptOf({ id, thread, url }: Comment, text: string): NewPrompt {
  return { source: { kind: "comment", id: String(id), thread, url }, text };
}

async function takeLabel(intake: Intake, trigger: Extract<Trigger, { kind: "label" }>): Promise<Taken> {
  if (trigger.label !== (await intake.label()) || trigger.by.bot) return "ignored";
  if ((await mayStart(intake, trigger.by, trigger.thread)) !== "yes") return "refused";
  const thread = await intake.forge.conversation.thread(trigger.thread);
  if (!thread) return "ignored";
  const source = { kind: "label" as const, id: trigger.delivery, thread: trigger.thread, url: trigger.url };
  return takePrompt(intake, { prompt: { source, text: `${thread.title}\n\n${thread.body}`.trim() }, by: trigger.by });
}

async function mayStart({ forge }: Intake, person: Account, thread: number): Promise<"yes" | "no" | "unknown"> {
  try {
    return (await forge.repo.mayWrite(person)) ? "yes" : "no";
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    await forge.conversation.post(thread, unverifiedComment(person.login, error.message));
    return "unknown";
  }
}

interface Asked {
  readonly prompt: NewPrompt;
  readonly by: Account;
  /** The comment to react to. */
  readonly comment?: number;
}

async function takePrompt(intake: Intake, asked: Asked): Promise<Taken> {
  const { conversation } = intake.forge;
  const thread = await conversation.thread(asked.prompt.source.thread);
  if (!thread) return "ignored";
  if (thread.pull?.fork) {
    await conversation.post(thread.number, forkComment);
    return "answered";
  }
  const entered = await enter(intake, asked, thread);
  if (entered.kind === "broken") {
    await conversation.post(thread.number, brokenSessionComment(entered.reason));
    return "answered";
  }
  const { tip, isNew } = entered;
  if (asked.comment !== undefined && isNew) await conversation.react(asked.comment, "eyes");
  if (await isHeld(intake, tip.session)) return isNew ? "queued" : "known";
  if (!isNew && tip.session.phase !== "queued") return "known";
  await writeStatus(intake.forge, tip.session, thread.number);
  await wake(intake, tip, { thread: thread.number, nonce: nonceOf(tip, asked.prompt) });
  return isNew ? "queued" : "known";
}

/** A lease whose run has ended without our hearing of it holds nobody up. */
async function isHeld({ forge }: Intake, { lease }: Session): Promise<boolean> {
  return lease !== undefined && !(lease.run && (await forge.runs.hasEnded(lease.run)));
}

type Entered =
  | { readonly kind: "entered"; readonly tip: Tip; readonly isNew: boolean }
  | { readonly kind: "broken"; readonly reason: string };

/** Puts the prompt into the thread's active session, or opens one; of two first comments one opens and one joins. */
async function enter(intake: Intake, asked: Asked, thread: Thread): Promise<Entered> {
  const hand = handOf(intake, asked.by);
  for (let attempt = 1; ; attempt += 1) {
    const active = await activeSession(intake, thread);
    if (active) return join(intake, { hand, session: active, prompt: asked.prompt });
    const opened = await openOn(intake, { hand, thread, prompt: asked.prompt });
    if (opened) return { kind: "entered", tip: opened, isNew: true };
    await backOff(attempt);
  }
}

function handOf({ clock }: Intake, { login, id }: Account): Hand {
  return { ...clock, by: { kind: "user", login, id } };
}

/** The last session of the thread; on a pull request that a session opened a moment ago, that one. */
async function activeSession({ store }: Intake, thread: Thread): Promise<SessionId | null> {
  const index = await store.thread(thread.number);
  const active = index?.sessions.at(-1);
  if (active) return active;
  const [, origin, ending] = /^offshoot\/(\d+)-.*-([0-9a-z]{4})$/.exec(thread.pull?.head ?? "") ?? [];
  if (!origin || !ending) return null;
  const sessions = (await store.thread(Number(origin)))?.sessions ?? [];
  return sessions.find((session) => session.toLowerCase().endsWith(ending)) ?? null;
}

async function join(
  { store }: Intake,
  { hand, session, prompt }: { hand: Hand; session: SessionId; prompt: NewPrompt },
): Promise<Entered> {
  const done = await transact({ store, session, pause: backOff }, ({ session: now }) => {
    const queued = queue(hand, now, prompt);
    return { change: queued.kind === "queued" ? queued.change : null, result: queued.kind };
  });
  if (!done.ok) return { kind: "broken", reason: `${done.moved.join(", ")} moved and came back.` };
  return { kind: "entered", tip: done.tip, isNew: done.result === "queued" };
}

async function openOn(
  intake: Intake,
  { hand, thread, prompt }: { hand: Hand; thread: Thread; prompt: NewPrompt },
): Promise<Tip | null> {
  const session = hand.newId() as SessionId;
  const change = open(hand, {
    session,
    opened: {
      project: intake.forge.repo.name,
      description: thread.title,
      branch: await branchFor(intake, thread, session),
      depth: 0,
    },
    thread: { number: thread.number, index: await intake.store.thread(thread.number) },
    prompt,
  });
  const swap = await intake.store.append(compose(session, null, change));
  return swap.ok ? swap.tip : null;
}

type Opened = Extract<Event, { type: "session.opened" }>;

/** A pull request's session works on the pull request's own branch, any other on one of its own. */
async function branchFor(
  { forge, defaultBranch }: Intake,
  thread: Thread,
  session: SessionId,
): Promise<Opened["branch"]> {
  if (thread.pull) {
    return { name: thread.pull.head, own: false, from: thread.pull.base, base: thread.pull.headCommit };
  }
  const base = await forge.repo.branch(defaultBranch);
  if (!base) throw new ForgeError(404, `the default branch ${defaultBranch} has no commit yet`);
  return { name: branchName(thread, session), own: true, from: defaultBranch, base };
}

function branchName({ number, title }: Thread, session: SessionId): string {
  const words = title
    .normalize("NFKD")
    .toLowerCase()
    .match(/[a-z0-9]+/g) ?? ["work"];
  const slug = words.join("-").slice(0, 40).replace(/-+$/, "");
  return `offshoot/${number}-${slug}-${session.slice(-4).toLowerCase()}`;
}

function nonceOf({ session }: Tip, { source }: NewPrompt): string {
  return session.queue.find((prompt) => prompt.source.id === source.id)?.id ?? session.session;
}

async function wake(intake: Intake, { session }: Tip, at: { thread: number; nonce: string }): Promise<boolean> {
  const { runs, conversation } = intake.forge;
  const dispatched = await runs.dispatch({ session: session.session, nonce: at.nonce, branch: intake.defaultBranch });
  if (!dispatched.ok) await conversation.post(at.thread, dispatchFailedComment(dispatched.problem, dispatched.remedy));
  return dispatched.ok;
}

async function takeEndedRun(intake: Intake, trigger: Extract<Trigger, { kind: "run-ended" }>): Promise<Taken> {
  const { store, forge, clock, app } = intake;
  const hand = { ...clock, by: app };
  const { session, run } = trigger;
  const tip = await store.tip(session);
  if (!tip || rescue(hand, tip.session, run).kind === "leave") return "left";
  if (!tip.session.lease && (await forge.runs.isUnderWay(session))) return "left";
  const done = await transact({ store, session, pause: backOff }, ({ session: now }) => {
    const decision = rescue(hand, now, run);
    return { change: decision.kind === "leave" ? null : decision.change, result: decision.kind };
  });
  if (!done.ok || done.result === "leave") return "left";
  return done.result === "give-up" ? giveUp(intake, done.tip.session) : wakeAgain(intake, done.tip);
}

async function wakeAgain(intake: Intake, tip: Tip): Promise<Taken> {
  const thread = threadOf(tip.session);
  await writeStatus(intake.forge, tip.session, thread);
  const woken = await wake(intake, tip, { thread, nonce: tip.commit });
  return woken ? "woken" : "left";
}

async function giveUp({ forge }: Intake, session: Session): Promise<Taken> {
  await forge.conversation.post(threadOf(session), gaveUpComment(session, lostRunsAllowed));
  return "gave up";
}

/** Where the person is who waits for the session. */
function threadOf(session: Session): number {
  const open = session.queue.find(({ text }) => text !== undefined);
  return open?.source.thread ?? session.thread ?? 0;
}
