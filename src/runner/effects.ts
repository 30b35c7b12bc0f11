import {
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
import type { Event, EventOf, Fact } from "../sessions/journal.ts";
import type { Effect, Prompt, Session } from "../sessions/session.ts";
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
 * Does what was planned and not yet recorded as done, in the order of planning. A run that died in between may have done
 * it, so each is looked for before it is done; afterwards the journal knows, and it is never done again.
 */
export async function completeEffects(acting: Acting, tip: Tip): Promise<Tip> {
  const pending = tip.session.effects.filter(({ done, kind }) => !done && kind !== "status");
  let now = tip;
  for (const effect of pending) {
    const stored = await acting.store.journal(tip.session.session);
    const events = stored.flatMap(({ events }) => events);
    now = await complete(acting, { effect, events, session: now.session });
  }
  return now;
}

interface Completing {
  readonly effect: Effect;
  readonly events: readonly Event[];
  readonly session: Session;
}

async function complete(acting: Acting, completing: Completing): Promise<Tip> {
  const { effect } = completing;
  const written =
    effect.kind === "answer" ? await postAnswer(acting.forge, completing) : await openPull(acting.forge, completing);
  acting.recorder.add(
    fact(acting.hand, "effect.done", { effect: effect.id, number: written.number, url: written.url }),
  );
  const isPull = effect.kind === "pull_request" && written.number > 0;
  const threads = isPull ? [await listed(acting.store, written.number, completing.session)] : [];
  const flushed = await acting.recorder.flush({ threads });
  if (!flushed.ok) throw new Error(`${effect.kind} was written, but not recorded: ${flushed.moved.join(", ")} moved.`);
  return flushed.tip;
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

async function postAnswer({ conversation, repo }: Forge, { effect, events, session }: Completing): Promise<Written> {
  const ended = endedTurns(events).find(({ turn }) => String(turn) === effect.key);
  if (!ended) throw new Error(`No turn ${effect.key} has ended in session ${session.session}.`);
  const [posted] = await conversation.find(effect.thread, answerMarker(session, ended.turn), session.created_at);
  if (posted) return posted;
  return conversation.post(
    effect.thread,
    answerComment(session, ended, promptOf(events, session, ended), { repo: repo.url }),
  );
}

async function openPull({ pulls }: Forge, { effect, events, session }: Completing): Promise<Written> {
  const there = await pulls.from(effect.key);
  if (there) return there;
  const turns = endedTurns(events);
  const last = turns.findLast(({ commit }) => commit);
  const title = last ? workTitle(last.answer, promptOf(events, session, last).text ?? "") : session.description;
  const body = pullRequestBody(session, turns);
  const opened = await pulls.open({ head: session.branch, base: session.base_branch, title, body });
  return opened.ok ? { number: opened.number, url: opened.url } : { number: 0, url: opened.compareUrl };
}

/** After a turn that wrote: the pull request tells of it too. */
export async function describePull({ forge, store }: Acting, session: Session): Promise<void> {
  const pull = await forge.pulls.from(session.branch);
  const stored = await store.journal(session.session);
  const body =
    pull && redescribe(pull.body, pullRequestBody(session, endedTurns(stored.flatMap(({ events }) => events))));
  if (pull && body && body !== pull.body) await forge.pulls.describe(pull.number, body);
}

/**
 * Shows the session's state in its status comment on a thread. It tells what the journal knows anyway, so a failure is
 * logged and the turn goes on.
 */
export async function showStatus(acting: Acting, tip: Tip, thread: number): Promise<Tip> {
  const { forge, recorder, hand, log } = acting;
  try {
    const known = statusOn(tip.session, thread);
    const written = await writeStatus(forge, tip.session, thread);
    if (written.number === known?.number) return tip;
    const planned = fact(hand, "effect.planned", { kind: "status", key: String(thread), thread });
    const done: Fact = fact(hand, "effect.done", {
      effect: known?.id ?? planned.id,
      number: written.number,
      url: written.url,
    });
    recorder.add(...(known ? [done] : [planned, done]));
    const flushed = await recorder.flush();
    return flushed.ok ? flushed.tip : tip;
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    log(`The status comment could not be written: ${error.message}`, { thread, status: error.status });
    return tip;
  }
}

/** While a turn runs: edits the status comment that is known, and writes nothing else anywhere. */
export async function refreshStatus({ forge, log }: Acting, { session }: Tip, thread: number): Promise<void> {
  const known = statusOn(session, thread);
  if (!known?.number) return;
  const body = statusComment(session, thread, { repo: forge.repo.url });
  await forge.conversation
    .edit(known.number, body)
    .catch((error) => log(`The status comment could not be refreshed: ${error}`, { thread }));
}

function endedTurns(events: readonly Event[]): EventOf<"turn.ended">[] {
  return events.filter((event) => event.type === "turn.ended");
}

/** A prompt with the text that ran, which the state forgets when the turn ends. */
export function promptOf(
  events: readonly Event[],
  session: Session,
  { prompt }: { prompt: string },
): Prompt & { text: string } {
  const queued = events.find((event) => event.type === "prompt.queued" && event.id === prompt);
  if (queued?.type !== "prompt.queued") throw new Error(`Session ${session.session} has no prompt ${prompt}.`);
  return { id: queued.id, status: "running", source: queued.source, by: queued.by, at: queued.at, text: queued.text };
}
