import { fact } from "../sessions/decide.ts";
import { gitStore } from "../sessions/git/git-store.ts";
import type { SessionId } from "../sessions/ids.ts";
import { type MasterKey, newJournalKey, parseJournalKey, rewrap } from "../sessions/secrets/journal-keys.ts";
import { signer } from "../sessions/secrets/signatures.ts";
import type { Lease } from "../sessions/session.ts";
import { StoreError } from "../sessions/store.ts";
import { backOff, type Decision, transact } from "../sessions/transact.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { busy } from "./holder.ts";
import { openHome } from "./home.ts";
import { isVoid } from "./is-void.ts";
import { selectSession } from "./select.ts";
import { note, print, type Terminal } from "./terminal.ts";

const current = "OFFSHOOT_JOURNAL_KEY";
const next = "OFFSHOOT_NEW_JOURNAL_KEY";

/**
 * `offshoot session rekey`: from now on another key opens what is sealed in the sessions that are here, or in one. Without
 * a key to begin with, it makes the first one.
 */
export async function rekey(terminal: Terminal, clone: Clone, options: { readonly session?: string }): Promise<void> {
  const { env } = terminal;
  const to = env[next] ? { text: env[next], key: mustParse(next, env[next]) } : made();
  if (!env[current]) return tellFirst(terminal, to.text);
  const from = mustParse(current, env[current]);
  const sessions = options.session ? [await selectSession(clone, options.session)] : await clone.store.find("");
  // Before anything is under it: whatever stops this, what was changed can be opened.
  if (!env[next]) tellNew(terminal, to.text);
  let changed = 0;
  for (const session of sessions) if (await rekeyOne(terminal, clone, { session, from, to: to.key })) changed += 1;
  print(
    terminal,
    `${changed} of ${sessions.length} sessions are under the new key now; the others are not under the old one.`,
  );
  print(terminal, "What is retired stays under the key that it has.");
}

function made(): { readonly text: string; readonly key: MasterKey } {
  const text = newJournalKey();
  return { text, key: mustParse(next, text) };
}

function mustParse(name: string, text: string): MasterKey {
  const parsed = parseJournalKey(text);
  if (parsed.ok) return parsed.key;
  throw new Failure("usage", parsed.problem.replace(current, name), "`openssl rand -base64 32` makes one.");
}

function tellFirst(terminal: Terminal, text: string): void {
  note(terminal, `${current} is not set, so this is a first key. It is shown once:`);
  print(terminal, text);
  note(terminal, `Keep it as the repository's secret ${current}, and where you run sessions at a terminal.`);
}

function tellNew(terminal: Terminal, text: string): void {
  note(terminal, "The new key is shown once:");
  print(terminal, text);
  note(terminal, `Replace the old one with it: the repository's secret ${current}, and wherever else it is set.`);
}

interface Rekeying {
  readonly session: SessionId;
  readonly from: MasterKey;
  readonly to: MasterKey;
}

async function rekeyOne(terminal: Terminal, clone: Clone, { session, from, to }: Rekeying): Promise<boolean> {
  await using home = await openHome(terminal, clone, session);
  const { repository, changed } = home;
  const store = gitStore(repository, signer(to));
  // Whoever works on a session goes on under the keys that it had when it was taken.
  for (let left: Lease | undefined; ; ) {
    const done = await transact(
      { store, session, pause: backOff },
      ({ session: now }): Decision<"other" | "done" | Lease> => {
        const ring = now.keys && rewrap(now.keys.ring, from, to);
        if (!ring?.ok) return { change: null, result: "other" };
        if (now.lease && now.lease.epoch !== left?.epoch) return { change: null, result: now.lease };
        return { change: { facts: [fact(clone.hand, "journal.keyed", { ring: ring.ring })] }, result: "done" };
      },
    );
    if (!done.ok) throw new StoreError("refused", `${done.moved.join(", ")} moved and came back`);
    if (done.result === "done") await changed(done.tip.session);
    if (typeof done.result === "string") return done.result === "done";
    if (!(await isVoid(terminal, clone, done.result))) throw busy(session, done.result);
    left = done.result;
  }
}
