import type { Amount } from "../sessions/budget.ts";
import { parseCommand } from "../sessions/command.ts";
import { goOn, type NewPrompt } from "../sessions/decide.ts";
import { JournalError, type ThreadSource } from "../sessions/journal.ts";
import { redactor } from "../sessions/secrets/redact.ts";
import { hasWork } from "../sessions/session.ts";
import { StoreError } from "../sessions/store.ts";
import {
  badBudgetComment,
  brokenSessionComment,
  failedComment,
  forkComment,
  notEnoughComment,
  nothingToContinueComment,
  statusComment,
  unreachableComment,
  unverifiedComment,
  usageComment,
} from "./comments.ts";
import type { Rules } from "./configured.ts";
import { type Entered, enter } from "./enter.ts";
import { type Account, type Comment, type Forge, ForgeError, levels, type Thread } from "./forge.ts";
import { takeResume } from "./resume.ts";
import { statusOn, writeStatus } from "./status.ts";
import type { Trigger } from "./triggers.ts";
import { attempt, isHeld, type Recovery, recover, type Waker, wake } from "./wake.ts";

/** What turning a trigger into sessions' events needs. */
export interface Intake extends Waker {
  /** As configured now; null when the configuration cannot be used. */
  readonly rules: () => Promise<Rules | null>;
  /** Whether an event that could not be taken for now comes again by itself: then no person has to be asked to. */
  readonly isRetried: boolean;
}

/** What became of a trigger, for the log. */
export type Taken = "ignored" | "refused" | "answered" | "queued" | "resumed" | "known" | Recovery;

/**
 * Acts on a trigger. When it is done, what was asked is safe in a journal, or is none of ours; a run and a receipt are on their
 * way. Rejects where that is not so, with {@link ForgeError} or {@link StoreError} where GitHub gave no usable answer.
 */
export function take(intake: Intake, trigger: Trigger): Promise<Taken> {
  switch (trigger.kind) {
    case "comment":
      return takeComment(intake, trigger.comment);
    case "label":
      return takeLabel(intake, trigger);
    case "run-ended":
      return recover(intake, trigger.session, trigger.run);
  }
}

async function takeComment(intake: Intake, id: number): Promise<Taken> {
  const { conversation } = intake.forge;
  const comment = await conversation.comment(id);
  const command = comment && parseCommand(comment.body);
  if (!comment || !command || comment.author.bot) return "ignored";
  const permitted = await mayStart(intake, comment.author, comment.thread, intake.rules());
  if (permitted !== "yes") {
    if (permitted === "no") await intake.afterwards(() => conversation.react(comment.id, "confused"));
    return "refused";
  }
  switch (command.kind) {
    case "help":
      await intake.afterwards(() => conversation.post(comment.thread, usageComment));
      return "answered";
    case "resume":
      return takeResume(intake, comment, command.prefix);
    case "bad-budget":
      await conversation.post(comment.thread, badBudgetComment(command.given));
      return "answered";
    case "continue":
      return takePrompt(intake, { ...askedIn(comment, goOn), ...budgetOf(command), continues: true });
    case "prompt":
      return takePrompt(intake, { ...askedIn(comment, command.text), ...budgetOf(command) });
  }
}

function budgetOf({ budget }: { readonly budget?: Amount }): Pick<Asked, "budget"> {
  return budget ? { budget } : {};
}

function askedIn(comment: Comment, text: string): Asked {
  const { id, thread, url, author } = comment;
  return { source: { kind: "comment", id: String(id), thread, url }, textOn: () => text, by: author, comment };
}

async function takeLabel(intake: Intake, trigger: Extract<Trigger, { kind: "label" }>): Promise<Taken> {
  const rules = await intake.rules();
  if (trigger.by.bot || trigger.label !== rules?.label) return "ignored";
  if ((await mayStart(intake, trigger.by, trigger.thread, rules)) !== "yes") return "refused";
  return takePrompt(intake, {
    source: { kind: "label", id: trigger.delivery, thread: trigger.thread, url: trigger.url },
    textOn: ({ title, body }) => `${title}\n\n${body}`.trim(),
    by: trigger.by,
  });
}

/** `told`: the answer is no, and a comment says why. */
type Permitted = "yes" | "no" | "told";

async function mayStart(
  intake: Intake,
  person: Account,
  thread: number,
  rules: Promise<Rules | null> | Rules | null,
): Promise<Permitted> {
  const { forge } = intake;
  try {
    const [standing, known] = await Promise.all([forge.repo.standing(person), rules]);
    // Where the configuration cannot be used, every prompt is answered with that, and nothing else is done.
    const needed = known?.trigger ?? "write";
    if (levels.indexOf(standing) >= levels.indexOf(needed)) return "yes";
    if (standing === "none") return "no";
    await intake.afterwards(() =>
      forge.conversation.post(thread, notEnoughComment(person.login, { standing, needed })),
    );
    return "told";
  } catch (error) {
    if (!(error instanceof ForgeError) || intake.isRetried) throw error;
    await forge.conversation.post(thread, unverifiedComment(person.login, error.message));
    return "told";
  }
}

/** What people write by mistake is not written down: it is known by its form alone. */
const withoutSecrets = redactor({ known: [] }).text;

interface Asked extends Pick<NewPrompt, "budget" | "continues"> {
  readonly source: ThreadSource;
  /** What is asked on a thread that reads like this. */
  readonly textOn: (thread: Thread) => string;
  readonly by: Account;
  /** The comment to react to. */
  readonly comment?: Comment;
}

async function takePrompt(intake: Intake, asked: Asked): Promise<Taken> {
  const admitted = await admit(intake, asked).catch((error: unknown) => explain(intake, asked.source.thread, error));
  return typeof admitted === "string" ? admitted : serve(intake, asked, admitted);
}

/** A prompt that is in the journal, and the thread on which it was asked. */
type Admitted = Entered & { readonly on: Thread };

async function admit(
  intake: Intake,
  { source, textOn, by, comment: _, ...more }: Asked,
): Promise<Admitted | "ignored" | "answered"> {
  const { conversation } = intake.forge;
  const thread = await conversation.thread(source.thread);
  if (!thread) return "ignored";
  if (thread.pull?.fork) {
    await intake.afterwards(() => conversation.post(thread.number, forkComment));
    return "answered";
  }
  const { title, ...on } = thread;
  const safe = { ...on, title: withoutSecrets(title) };
  const prompt = { source, text: withoutSecrets(textOn(thread)), ...more };
  const entered = await enter(intake, { prompt, by, on: safe });
  if (entered) return { ...entered, on: thread };
  await conversation.post(thread.number, nothingToContinueComment);
  return "answered";
}

/** Tells on the thread why the prompt may not be in the journal; what the platform failed in is thrown on, for the log. */
async function explain(intake: Intake, thread: number, error: unknown): Promise<"answered"> {
  const { conversation } = intake.forge;
  if (intake.isRetried && isForNow(error)) throw error;
  if (error instanceof ForgeError) {
    await attempt(intake, conversation.post(thread, failedComment(error.message)));
    throw error;
  }
  if (!(error instanceof JournalError || error instanceof StoreError)) throw error;
  const tell = isForNow(error) ? unreachableComment : brokenSessionComment;
  await conversation.post(thread, tell(error.message));
  return "answered";
}

function isForNow(error: unknown): boolean {
  return error instanceof ForgeError || (error instanceof StoreError && error.kind === "unreachable");
}

/** The prompt is in the journal: a run, unless one is there, and a receipt. */
async function serve(intake: Intake, { source, comment }: Asked, admitted: Admitted): Promise<Taken> {
  const { forge } = intake;
  const { tip, isNew } = admitted;
  await intake.afterwards(async () => {
    const needed = await needsRun(intake, admitted);
    // Whoever wrote it down gives the receipt, and nobody beside them; where they were cut off, the run shows its state.
    if (isNew && needed) await attempt(intake, giveReceipt(forge, comment, admitted));
    else if (isNew && comment) await attempt(intake, forge.conversation.react(comment.id, "eyes"));
    if (needed) await wake(intake, tip, source.thread);
  });
  return isNew ? "queued" : "known";
}

/** The status comment and, for a comment, the reaction to it, in one request where it is known what has to be written. */
async function giveReceipt(forge: Forge, comment: Comment | undefined, { tip: { session }, opened, on }: Admitted) {
  const { conversation, repo } = forge;
  const known = statusOn(session, on.number)?.node;
  const where = known ? { edit: known } : opened ? { thread: on.node } : null;
  if (comment && where) {
    const body = statusComment(session, on.number, { repo: repo.url });
    if (await conversation.receive({ comment: comment.node, reaction: "eyes", body, where })) return;
  }
  await writeStatus(forge, session, on.number);
  if (comment) await conversation.react(comment.id, "eyes");
}

/** A prompt that is known already needs one where the event that brought it was cut off before it asked for one. */
async function needsRun(intake: Intake, { tip: { session }, isNew }: Entered): Promise<boolean> {
  if (await isHeld(intake, session)) return false;
  return isNew || (hasWork(session) && !(await intake.forge.runs.isUnderWay(session.session)));
}
