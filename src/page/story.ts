import type { EventId } from "../sessions/ids.ts";
import type { Event, EventOf } from "../sessions/journal.ts";
import type { AssistantPart, ToolCall } from "../sessions/message.ts";

/** A journal as it is told: turns, and what happened between them. */
export interface Story {
  readonly entries: readonly Entry[];
  /** Prompts for which no turn was started. */
  readonly waiting: readonly EventOf<"prompt.queued">[];
}

export type Entry = TurnStory | Told;

/** Something that is told in a line of its own. */
export interface Told {
  readonly kind: "event";
  readonly event: Event;
}

export interface TurnStory {
  readonly kind: "turn";
  readonly started: EventOf<"turn.started">;
  readonly prompt: EventOf<"prompt.queued"> | null;
  readonly items: (Step | Told)[];
  ended: EventOf<"turn.ended"> | null;
  reverted: EventOf<"session.reverted"> | null;
}

/** One reply of the model, and what became of its calls. Step 0 is what the model was given. */
export interface Step {
  readonly kind: "step";
  readonly step: number;
  readonly said: EventOf<"message.added">;
  readonly calls: Map<ToolCall["call"], Answered>;
}

export interface Answered {
  readonly answer: EventOf<"message.added">;
  readonly did: readonly Deed[];
}

export type Deed = EventOf<"command.ran" | "file.read" | "file.changed">;

/** Of a model's reply. */
export function partsOf({ said: { message } }: Step): readonly AssistantPart[] {
  return message.role === "assistant" ? message.parts : [];
}

export function tell(events: readonly Event[]): Story {
  const teller = new Teller();
  for (const event of events) teller.add(event);
  return { entries: teller.entries, waiting: [...teller.waiting.values()] };
}

class Teller {
  readonly entries: Entry[] = [];
  readonly waiting = new Map<EventId, EventOf<"prompt.queued">>();
  readonly #turns = new Map<number, TurnStory>();
  #open: TurnStory | null = null;
  #step: Step | null = null;
  /** They stand before the answer of the call that did them. */
  #did: Deed[] = [];

  add(event: Event): void {
    switch (event.type) {
      case "prompt.queued":
        this.waiting.set(event.id, event);
        return;
      case "turn.started":
        this.#start(event);
        return;
      case "message.added":
        this.#hear(event);
        return;
      case "command.ran":
      case "file.read":
      case "file.changed":
        this.#did.push(event);
        return;
      case "turn.ended":
        this.#end(event);
        return;
      case "session.reverted": {
        const turn = this.#turns.get(event.turn);
        if (turn) turn.reverted = event;
        break;
      }
    }
    if (isTold(event, this.#open !== null)) (this.#open?.items ?? this.entries).push({ kind: "event", event });
  }

  #start(started: EventOf<"turn.started">): void {
    const prompt = this.waiting.get(started.prompt) ?? null;
    this.waiting.delete(started.prompt);
    this.#open = { kind: "turn", started, prompt, items: [], ended: null, reverted: null };
    this.#turns.set(started.turn, this.#open);
    this.entries.push(this.#open);
  }

  #hear(event: EventOf<"message.added">): void {
    const { message } = event;
    if (message.role === "tool") {
      this.#step?.calls.set(message.call, { answer: event, did: this.#did });
      this.#did = [];
      return;
    }
    this.#did = []; // of no call: the setup's, before the first reply
    this.#step = { kind: "step", step: event.step, said: event, calls: new Map() };
    this.#open?.items.push(this.#step);
  }

  #end(ended: EventOf<"turn.ended">): void {
    if (this.#open) this.#open.ended = ended;
    this.#open = null;
    this.#step = null;
    this.#did = [];
  }
}

/** What people want to know beside turns. A run that takes the session while a turn is open goes on with another's. */
function isTold(event: Event, inTurn: boolean): boolean {
  switch (event.type) {
    case "lease.taken":
      return inTurn;
    case "lease.released":
      return event.why !== undefined;
    case "wake.requested":
      return event.reason !== "prompt";
    case "checkpoint.made":
      return event.label !== undefined;
    case "stop.requested":
    case "budget.raised":
    case "context.compacted":
    case "compaction.failed":
    case "session.reverted":
    case "session.forked":
    case "session.resumed":
    case "session.retired":
    case "session.deleted":
      return true;
    default:
      return false;
  }
}
