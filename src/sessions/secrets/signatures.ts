import type { CommitId } from "../ids.ts";
import { type EventType, parseEvent } from "../journal.ts";
import type { Append } from "../store.ts";
import { type MasterKey, type OpenKeys, openRing } from "./journal-keys.ts";
import { checkAppend, signAppend } from "./seal.ts";

/** The content of an append's file `hmac`; null where the session has no keys, or they are under another master key. */
export type Sign = (append: Append, events: Buffer) => string | null;

export function signer(master: MasterKey): Sign {
  return ({ parent, state: { keys } }, events) => {
    if (!keys) return null;
    const open = openRing(keys.ring, master);
    return open.ok ? signAppend(open.keys, { session: open.keys.session, parent, events }) : null;
  };
}

/** An append as its commit has it. */
export interface Signed {
  readonly commit: CommitId;
  readonly parent: CommitId | null;
  readonly events: string;
  /** `hmac`; null where there is none. */
  readonly signature: string | null;
}

/** `forged`: what is signed is not what is there, or is signed with a key that was given up before. `unsigned`: it tells of a turn, and nobody with the key wrote it. */
export interface Suspicion {
  readonly commit: CommitId;
  readonly kind: "forged" | "unsigned";
}

/** Pure: `since` is the first event of the session from which on runs have signed. The app, without the key, never does. */
export function suspicions(chain: readonly Signed[], keys: OpenKeys, since: number): readonly Suspicion[] {
  const order = [...keys.byId.keys()];
  let newest = 0;
  return chain.flatMap(({ commit, parent, events, signature }): Suspicion[] => {
    if (signature !== null) {
      const append = { session: keys.session, parent, events: Buffer.from(events) };
      const checked = checkAppend(keys, append, signature);
      const at = checked.ok ? order.indexOf(checked.key) : -1;
      if (at < newest) return [{ commit, kind: "forged" }];
      newest = at;
      return [];
    }
    return tellsOfTurn(events, since) ? [{ commit, kind: "unsigned" }] : [];
  });
}

/** What only runs write. */
const ofRuns: ReadonlySet<EventType> = new Set([
  ...(["turn.started", "turn.ended", "message.added", "file.read", "file.changed", "command.ran"] as const),
  ...(["work.saved", "context.referenced", "context.compacted"] as const),
]);

function tellsOfTurn(events: string, since: number): boolean {
  return events.split("\n").some((line) => {
    const parsed = parseEvent(line);
    return parsed.ok && parsed.event.seq >= since && ofRuns.has(parsed.event.type);
  });
}
