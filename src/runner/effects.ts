import {
  type Asked,
  type AskedOnThread,
  answerComment,
  answerMarker,
  pullRequestBody,
  redescribe,
  statusComment,
  workTitle,
} from "../github/comments.ts";
import { type Forge, ForgeError, type Written } from "../github/forge.ts";
import { statusOn, writeStatus } from "../github/status.ts";
import { fact, type Hand } from "../sessions/decide.ts";
import type { Event, EventOf } from "../sessions/journal.ts";
import type { Effect, Session } from "../sessions/session.ts";
import type { Append, SessionStore, Tip } from "../sessions/store.ts";
import type { Recorder } from "./recorder.ts";
import type { Log } from "./runner.ts";

/** What acting on the forge needs: only the lease holder has it. */
export interface Acting {
  readonly forge: Forge;
  readonly store: SessionStore;
  readonly recorder: Recorder;
  readonly hand: Hand;
  readonly log: Log;
}

/**
 * Does what was planned and not yet recorded as done, in the order of planning; afterwards the journal knows, and it is
 * never done again. What an earlier run has planned it may have done before it died, so that is looked for first.
 */
export async function completeEffects(acting: Acting, tip: Tip, plannedBy: "us" | "others"): Promise<Tip> {
  let now = tip;
  const mayBeThere = plannedBy === "others";
  for (const effect of tip.session.effects.filter(({ done, kind }) => !done && kind !== "status")) {
    const events = await acting.recorder.journal();
    now = await complete(acting, { effect, events, session: now.session, mayBeThere });
  }
  return now;
}

interface Completing {
  readonly effect: Effect;
  readonly events: readonly Event[];
  readonly session: Session;
  readonly mayBeThere: boolean;
}

async function complete(acting: Acting, completing: Completing): Promise<Tip> {
  const { recorder, store, hand } = acting;
  const { effect, session } = completing;
  const written = await (effect.kind === "answer" ? postAnswer(acting, completing) : openPull(acting, completing));
  const isPull = effect.kind === "pull_request" && written.number > 0;
  const threads = isPull ? [await listed(store, written.number, session)] : [];
  return recorder.flush({ threads }, () => [fact(hand, "effect.done", { effect: effect.id, ...written })]);
}

/** The entry that makes comments on the pull request go on with the session that opened it. */
async function listed(
  store: SessionStore,
  number: number,
  { session }: Session,
): Promise<NonNullable<Append["threads"]>[number]> {
  const index = await store.thread(number);
  const others = index?.sessions.filter((other) => other !== session) ?? [];
  return { number, from: index?.commit ?? null, sessions: [...others, session] };
}

async function postAnswer(
  { forge, log }: Acting,
  { effect, events, session, mayBeThere }: Completing,
): Promise<Written> {
  const { conversation, repo } = forge;
  const ended = endedTurns(events).find(({ turn }) => String(turn) === effect.key);
  if (!ended) throw new Error(`No turn ${effect.key} has ended in session ${session.session}.`);
  const asked = onThread(askedIn(events, ended));
  try {
    const look = () => conversation.find(effect.thread, answerMarker(session, ended.turn), session.created_at);
    const [posted] = mayBeThere ? await look() : [];
    return posted ?? (await conversation.post(effect.thread, answerComment(session, ended, asked, { repo: repo.url })));
  } catch (error) {
    if (!(error instanceof ForgeError && unpostable.has(error.status))) throw error;
    log(`The answer could not be posted: ${error.message}`, { thread: effect.thread, status: error.status });
    return { number: 0, url: asked.source.url };
  }
}

/** Statuses that stay: the thread is locked, deleted or moved, a permission is missing, or the text is not accepted. */
const unpostable = new Set([403, 404, 410, 422]);

async function openPull(acting: Acting, { effect, events, session, mayBeThere }: Completing): Promise<Written> {
  const { pulls, repo } = acting.forge;
  const there = mayBeThere ? await pulls.from(effect.key) : null;
  if (there) return { number: there.number, url: there.url };
  const turns = endedTurns(events);
  const last = turns.findLast(({ commit }) => commit);
  const title = last ? workTitle(last.answer, askedIn(events, last).text) : session.description;
  const [head, base] = [session.branch, session.base_branch];
  try {
    const opened = await pulls.open({ head, base, title, body: pullRequestBody(session, turns) });
    return opened.ok ? { number: opened.number, url: opened.url } : { number: 0, url: opened.compareUrl };
  } catch (error) {
    if (!(error instanceof ForgeError && error.status === 422)) throw error;
    acting.log(`No pull request can be opened: ${error.message}`, { branch: head });
    return { number: 0, url: `${repo.url}/compare/${encodeURIComponent(base)}...${encodeURIComponent(head)}` };
  }
}

/** Whether work on the session's own branch needs a pull request: there was none yet, or the last one is closed. */
export async function lacksPull({ acting, session }: { acting: Acting | null; session: Session }): Promise<boolean> {
  const { own_branch, branch, effects } = session;
  const last = effects.findLast(({ kind }) => kind === "pull_request");
  if (!acting || !own_branch || !last) return own_branch;
  const { forge, log } = acting;
  if (!last.number) return false; // a person was told where to open it
  try {
    return (await forge.pulls.from(branch)) === null;
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    log(`It is not known whether the pull request is open: ${error.message}`, { status: error.status });
    return false;
  }
}

/** After a turn that wrote: the pull request tells of it too. What the journal has is not held up by a failure. */
export async function describePull({ forge, recorder, log }: Acting, session: Session): Promise<void> {
  try {
    const pull = await forge.pulls.from(session.branch);
    if (!pull) return;
    const body = redescribe(pull.body, pullRequestBody(session, endedTurns(await recorder.journal())));
    if (body !== null && body !== pull.body) await forge.pulls.describe(pull.number, body);
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    log(`The pull request's text could not be updated: ${error.message}`, { status: error.status });
  }
}

/**
 * Shows the session's state in its status comment on a thread. It tells what the journal knows anyway, so a failure is
 * logged and the turn goes on. That a comment was written is told with the next flush: where that does not come, the comment
 * is found by its marker.
 */
export async function showStatus({ forge, recorder, hand, log }: Acting, tip: Tip, thread: number): Promise<void> {
  const known = statusOn(tip.session, thread);
  try {
    const written = await writeStatus(forge, tip.session, thread);
    if (written.number === known?.number) return;
    const planned = fact(hand, "effect.planned", { kind: "status", key: String(thread), thread });
    const done = fact(hand, "effect.done", { effect: known?.id ?? planned.id, ...written });
    recorder.add(...(known ? [done] : [planned, done]));
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    log(`The status comment could not be written: ${error.message}`, { thread, status: error.status });
  }
}

export interface StatusUpdates {
  /** Edits the comment that is there, unless that was done a moment ago. Returns at once. */
  show(tip: Tip): void;
  /** Waits for an edit that is under way, so that it cannot come after a later one. */
  settled(): Promise<void>;
}

/**
 * Status edits while a turn runs; nothing else is written anywhere. The first comes after `firstMs`, and each after twice
 * the time of the one before: GitHub counts them all, and who waits long looks less often.
 */
export function statusUpdates({ forge, log }: Acting, thread: number, firstMs: number): StatusUpdates {
  let last = Date.now();
  let pauseMs = firstMs;
  let edit: Promise<unknown> = Promise.resolve();
  return {
    show({ session }) {
      const known = statusOn(session, thread);
      if (!known?.number || Date.now() - last < pauseMs) return;
      last = Date.now();
      pauseMs *= 2;
      edit = forge.conversation
        .edit(known.number, statusComment(session, thread, { repo: forge.repo.url }))
        .catch((error) => log(`The status comment could not be refreshed: ${error}`, { thread }));
    },
    async settled() {
      await edit;
    },
  };
}

function onThread(asked: Asked): AskedOnThread {
  const { source } = asked;
  if (source.kind !== "terminal") return { ...asked, source };
  throw new Error(`Prompt ${asked.id} was asked at a terminal, where answers are not posted.`);
}

function endedTurns(events: readonly Event[]): EventOf<"turn.ended">[] {
  return events.filter((event) => event.type === "turn.ended");
}

/** The prompt of a turn with its words, which the state forgets when the turn ends. */
export function askedIn(events: readonly Event[], { turn, prompt }: { turn: number; prompt: string }): Asked {
  const queued = events.find((event) => event.type === "prompt.queued" && event.id === prompt);
  if (queued?.type !== "prompt.queued") throw new Error(`Turn ${turn} names prompt ${prompt}, which was never queued.`);
  const { id, source, by, at, text } = queued;
  return { id, source, by, at, text, status: "running" };
}
