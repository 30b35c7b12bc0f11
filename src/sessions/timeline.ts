import { tokensText, usdText } from "./budget.ts";
import type { Event, EventOf, EventType } from "./journal.ts";

/** What an append is about when it holds several events: the first of these that it has. */
const weight: readonly EventType[] = [
  "session.deleted",
  "session.retired",
  "turn.ended",
  "session.forked",
  "session.opened",
  "turn.started",
  "budget.raised",
  "prompt.queued",
  "context.compacted",
  "compaction.failed",
  "compaction.started",
  "session.reverted",
  "stop.requested",
  "lease.taken",
  "message.added",
  "effect.done",
  "wake.requested",
  "lease.released",
  "token.granted",
];

/** One readable line for an append, so that `git log` of the session's ref is its timeline. */
export function subject(events: readonly Event[]): string {
  const telling = [...events].sort((a, b) => rank(a) - rank(b) || b.seq - a.seq)[0];
  const taken = telling?.type === "turn.started" ? events.find(({ type }) => type === "lease.taken") : undefined;
  return [taken, telling].flatMap((event) => (event ? [lineOf(event)] : [])).join(": ");
}

/** One readable line for an event. */
export function lineOf(event: Event): string {
  // Control characters of a prompt or a file name would break the line, or reach the reader's terminal.
  return line(event)
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
}

function rank(event: Event): number {
  const place = weight.indexOf(event.type);
  return place < 0 ? weight.length : place;
}

const wakes: Readonly<Record<EventOf<"wake.requested">["reason"], string>> = {
  prompt: "asked for a run",
  "lost-run": "asked for a new run: the last one was lost",
  continued: "asked for a new run to go on with the turn",
};

const releases: Readonly<Record<NonNullable<EventOf<"lease.released">["why"]> | "done", string>> = {
  done: "nothing left to do",
  "job-limit": "the job's time is nearly over",
  cancelled: "the run was cancelled",
  lost: "the run ended without giving it back",
};

function line(event: Event): string {
  switch (event.type) {
    case "session.opened":
      return `${event.by.login} opened the session: ${brief(event.description)}`;
    case "prompt.queued":
      return `${event.by.login} asked: ${brief(event.text)}`;
    case "budget.raised":
      return `${event.by.login} raised the budget by ${event.usd === undefined ? tokensText(event.tokens ?? 0) : usdText(event.usd)}`;
    case "wake.requested":
      return wakes[event.reason];
    case "lease.taken":
      return `${event.run ? `run ${event.run.id}` : event.holder} took the session (epoch ${event.epoch})`;
    case "token.granted":
      return `gave run ${event.run} a token`;
    case "lease.renewed":
      return `still at work, until ${event.until}`;
    case "lease.released":
      return `released: ${releases[event.why ?? "done"]}`;
    case "stop.requested":
      return `${event.by.login} asked to stop`;
    case "journal.keyed":
      return `the journal's keys are under master key ${event.ring.master}`;
    case "context.referenced":
      return `turn ${event.turn}: with ${event.ref}`;
    case "compaction.started":
      return `${event.by.login} began to compact the context with ${event.model}`;
    case "compaction.failed":
      return `the context was not compacted: ${brief(event.problem.message)}`;
    case "context.compacted":
      return `compacted the context from about ${event.before} to ${event.after} tokens`;
    case "session.reverted":
      return `${event.by.login} took back turn ${event.turn}`;
    case "session.resumed":
      return `${event.by.login} goes on with the session on #${event.thread}`;
    case "session.forked":
      return `${event.by.login} forked the session after turn ${event.turn}: ${brief(event.description)}`;
    case "session.deleted":
      return `${event.by.login} ${event.reason} the session`;
    case "session.retired":
      return "retired into the archive";
    case "turn.started":
      return `turn ${event.turn} started with ${event.model}`;
    case "turn.ended":
      return [`turn ${event.turn} ${event.outcome}`, brief(event.problem?.message ?? event.answer)]
        .filter(Boolean)
        .join(": ");
    case "message.added":
      return `turn ${event.turn}, step ${event.step}: ${message(event.message)}`;
    case "command.ran":
      return `turn ${event.turn}, step ${event.step}: ran ${brief(event.command)} (exit code ${event.exit_code})`;
    case "file.read":
      return `turn ${event.turn}, step ${event.step}: read ${event.path}`;
    case "file.changed":
      return `turn ${event.turn}, step ${event.step}: ${event.change} ${event.path}`;
    case "work.saved":
      return `turn ${event.turn}, step ${event.step}: saved the work tree`;
    case "checkpoint.made":
      return `turn ${event.turn}: checkpoint ${event.commit.slice(0, 7)}${event.label ? ` (${brief(event.label)})` : ""}`;
    case "effect.planned":
      return `about to write the ${event.kind.replace("_", " ")}`;
    case "effect.done":
      return `wrote ${event.url}`;
  }
}

function message(added: Extract<Event, { type: "message.added" }>["message"]): string {
  switch (added.role) {
    case "user":
      return "the prompt";
    case "tool":
      return `${added.name} answered`;
    case "assistant": {
      const calls = added.parts.flatMap((part) => (part.type === "tool_call" ? [part.name] : []));
      return calls.length > 0 ? `called ${calls.join(", ")}` : "answered";
    }
  }
}

function brief(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > 60 ? `${flat.slice(0, 59).toWellFormed()}…` : flat;
}
