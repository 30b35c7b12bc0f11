import type { CommitId, EventId } from "./ids.ts";
import type { Actor, Event, EventOf } from "./journal.ts";

/** One prompt worked on, as the journal tells it. */
export interface Turn {
  readonly turn: number;
  readonly prompt: { readonly id: EventId; readonly text: string; readonly by: Actor };
  readonly model: string;
  readonly base: CommitId;
  readonly started_at: string;
  /** Null while the turn is open. */
  readonly ended: EventOf<"turn.ended"> | null;
  /** Taken back afterwards. */
  readonly reverted: boolean;
}

/** The turns of a journal, oldest first. */
export function turnsOf(events: readonly Event[]): readonly Turn[] {
  const prompts = new Map<EventId, Turn["prompt"]>();
  const turns = new Map<number, Turn>();
  const change = (turn: number, more: Partial<Turn>) => {
    const before = turns.get(turn);
    if (before) turns.set(turn, { ...before, ...more });
  };
  for (const event of events) {
    if (event.type === "prompt.queued") prompts.set(event.id, { id: event.id, text: event.text, by: event.by });
    else if (event.type === "turn.started") turns.set(event.turn, begun(event, prompts));
    else if (event.type === "turn.ended") change(event.turn, { ended: event });
    else if (event.type === "session.reverted") change(event.turn, { reverted: true });
  }
  return [...turns.values()];
}

function begun(event: EventOf<"turn.started">, prompts: ReadonlyMap<EventId, Turn["prompt"]>): Turn {
  const { turn, model, base, at } = event;
  const prompt = prompts.get(event.prompt) ?? { id: event.prompt, text: "", by: event.by };
  return { turn, prompt, model, base, started_at: at, ended: null, reverted: false };
}
