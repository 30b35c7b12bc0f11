import type { SessionId } from "../sessions/ids.ts";
import type { Event, Stored } from "../sessions/journal.ts";
import type { SessionStore, Tip } from "../sessions/store.ts";

/** A session's events since its last compaction: read once, and then kept up to date with what we write. */
export interface History {
  /** The store is asked only where others have written since the last time. */
  read(): Promise<readonly Event[]>;
  extend(events: readonly Event[]): void;
}

export interface HistoryOptions {
  readonly store: SessionStore;
  readonly session: SessionId;
  /** The session as it was seen last. */
  readonly tip: Tip;
  /** Its events since its last compaction, as far as somebody has read them. */
  readonly read?: readonly Event[] | undefined;
  /** Gives an event as it was before it was written down. */
  readonly open: (event: Event) => Event;
}

export function openHistory({ store, session, tip, read = [], open }: HistoryOptions): History {
  let known: readonly Event[] = read.map(open);
  let complete = isWhole(read, tip);
  return {
    async read() {
      if (complete) return known;
      const now = (await store.tip(session)) ?? tip;
      known = (await sinceCut(store, session, now)).flatMap(({ events }) => events.map(open));
      complete = true;
      return known;
    },
    extend(events) {
      const [first] = events;
      if (first && first.seq !== (known.at(-1)?.seq ?? 0) + 1) complete = false;
      known = [...known, ...events];
    },
  };
}

/** Whether no event is missing up to the tip, which others may have moved on since the reading. */
function isWhole([first, ...others]: readonly Event[], { session }: Tip): boolean {
  return first !== undefined && first.seq + others.length === session.seq;
}

/** The appends after the last compaction's cut, that of the compaction included; without one, all of them. */
export async function sinceCut(store: SessionStore, session: SessionId, seen: Tip): Promise<readonly Stored[]> {
  for (let tip: Tip | null = seen; tip; tip = await store.tip(session)) {
    const { cut_commit, appends_since_cut } = tip.session.context;
    if (!cut_commit) return store.journal(session, undefined, tip.commit);
    const stored = await store.journal(session, appends_since_cut, tip.commit);
    // Others may append between the look at the tip and the reading: then the oldest that are wanted are missing.
    if (stored.at(-1)?.commit === tip.commit) return stored;
  }
  return [];
}
