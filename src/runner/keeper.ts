import { isUtf8 } from "node:buffer";
import type { SessionId } from "../sessions/ids.ts";
import type { Event, EventOf, Fact, Visibility } from "../sessions/journal.ts";
import { type KeyRing, newRing, type OpenKeys, openRing } from "../sessions/secrets/journal-keys.ts";
import { redactor } from "../sessions/secrets/redact.ts";
import { clearBytes, clearText, openText, type Place, sealBytes, sealText } from "../sessions/secrets/seal.ts";
import type { Session } from "../sessions/session.ts";
import type { Keeping } from "./keeping.ts";

/** What stands between what happens and what is written of it. */
export interface Keeper {
  readonly visibility: Visibility;
  /** For a session whose ring has to be made: the ring, to be in the journal before anything that is sealed under it. */
  readonly newRing: KeyRing | null;
  /** What is missing for reading or writing the session as it should be; null: nothing is. */
  readonly lack: string | null;
  /** Takes secrets out of anything made of plain JSON: what the model, the journal and people get to see. */
  redact<T>(value: T): T;
  /** A fact as it is written. */
  close<F extends Fact>(fact: F): F;
  /** An event as it was before. */
  open(event: Event): Event;
  /** A file of `output/` as it is written; null: it is not kept. */
  closeFile(name: string, content: Buffer): Buffer | null;
}

export interface KeeperOptions {
  readonly session: SessionId;
  /** The session's keys, where it has some. */
  readonly keys: Session["keys"];
  readonly keeping: Keeping;
  /** Values that must not be written anywhere, as they are at the moment. */
  readonly secrets: () => readonly string[];
}

export const notKept = "[output not kept]";
const stillSealed = "[sealed: there is no key for it here]";

export function openKeeper({ session, keys: known, keeping, secrets }: KeeperOptions): Keeper {
  const keys = keysFor(session, known?.ring, keeping);
  const redact = redacting(secrets);
  const { visibility } = keys;
  return {
    visibility,
    newRing: keys.isNew ? keys.ring : null,
    lack: keys.lack,
    redact,
    close(fact) {
      if (visibility === "summary") return summarized(fact);
      const { open } = keys;
      return mapFields(fact, (text, place) =>
        visibility === "sealed" && open ? sealText(open, text, place) : clearText(text),
      );
    },
    open(event) {
      let isOpen = true;
      const opened = mapFields(event, (text, place) => {
        const result = openText(keys.open, text, place);
        isOpen &&= result.ok;
        return result.ok ? result.text : stillSealed;
      });
      return isOpen ? opened : withoutSealed(opened);
    },
    closeFile(name, content) {
      if (visibility === "summary") return null;
      const encoding = isUtf8(content) ? "utf8" : "latin1";
      const clean = Buffer.from(redact(content.toString(encoding)), encoding);
      return visibility === "sealed" && keys.open ? sealBytes(keys.open, clean, filePlace(name)) : clearBytes(clean);
    },
  };
}

interface Keys {
  readonly visibility: Visibility;
  readonly open: OpenKeys | null;
  readonly ring: KeyRing | null;
  readonly isNew: boolean;
  readonly lack: string | null;
}

function keysFor(session: SessionId, ring: KeyRing | undefined, { visibility, key }: Keeping): Keys {
  const none = { open: null, ring: null, isNew: false, lack: null };
  if (!ring) {
    if (visibility !== "sealed" || !key) return { ...none, visibility };
    const made = newRing(key, session);
    return { visibility, open: opened(made, key), ring: made, isNew: true, lack: null };
  }
  const open = key ? openRing(ring, key) : null;
  if (open?.ok) return { ...none, visibility, open: open.keys, ring };
  // What cannot be read cannot be added to either.
  return { ...none, visibility: visibility === "sealed" ? "summary" : visibility, lack: lackOf(ring, key !== null) };
}

function opened(ring: KeyRing, key: NonNullable<Keeping["key"]>): OpenKeys {
  const open = openRing(ring, key);
  if (!open.ok) throw new Error(`A ring that was just made is ${open.why}.`);
  return open.keys;
}

function lackOf({ master }: KeyRing, hasKey: boolean): string {
  const what = "Earlier reasoning, tool output and shell environments of this session are sealed";
  const why = hasKey
    ? `under another key (fingerprint ${master}) than the one in \`OFFSHOOT_JOURNAL_KEY\``
    : `(key with the fingerprint ${master}), and \`OFFSHOOT_JOURNAL_KEY\` is not set`;
  return `${what} ${why}, so this turn went on without them. Set the key, or rotate it with \`offshoot session rekey\`.`;
}

/** Known values may become more while a run goes on: its token is renewed. */
function redacting(secrets: () => readonly string[]): Keeper["redact"] {
  let known: readonly string[] = [];
  let current = redactor({ known });
  return (value) => {
    const now = secrets();
    if (now.join("\0") !== known.join("\0")) {
      known = now;
      current = redactor({ known });
    }
    return current.json(value);
  };
}

function filePlace(name: string): Place {
  return { event: "0".repeat(26) as Place["event"], field: `output/${name}` };
}

type Map = (text: string, place: Place) => string;

/** Every field that is not for everyone: reasoning, tool output, values of exported variables, summaries of all that. */
function mapFields<F extends Fact | Event>(fact: F, map: Map): F {
  const at = (field: string) => ({ event: fact.id, field });
  switch (fact.type) {
    case "message.added":
      return { ...fact, message: mapMessage(fact.message, (text, field) => map(text, at(`message.${field}`))) };
    case "command.ran":
      if (!fact.env) return fact;
      return {
        ...fact,
        env: { ...fact.env, set: mapValues(fact.env.set, (text, name) => map(text, at(`env.${name}`))) },
      };
    case "context.compacted":
      return {
        ...fact,
        summary: map(fact.summary, at("summary")),
        shells: mapValues(fact.shells, (shell, name) => ({
          ...shell,
          env: {
            ...shell.env,
            set: mapValues(shell.env.set, (text, variable) => map(text, at(`shells.${name}.${variable}`))),
          },
        })),
      };
    default:
      return fact;
  }
}

type Message = EventOf<"message.added">["message"];

function mapMessage(message: Message, map: (text: string, field: string) => string): Message {
  switch (message.role) {
    case "user":
      return message;
    case "tool":
      return { ...message, output: map(message.output, "output") };
    case "assistant":
      return {
        ...message,
        parts: message.parts.map((part, index) => {
          if (part.type !== "reasoning") return part;
          const { native } = part;
          return {
            ...part,
            summary: map(part.summary, `parts.${index}.summary`),
            ...(native ? { native: { ...native, encrypted: map(native.encrypted, `parts.${index}.native`) } } : {}),
          };
        }),
      };
  }
}

function mapValues<V, R>(values: Readonly<Record<string, V>>, map: (value: V, name: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value, name)]));
}

/** Nothing that a shell or a provider would take for the real thing stands where something stays sealed. */
function withoutSealed(event: Event): Event {
  const kept = summarized(event);
  if (event.type !== "message.added" || event.message.role !== "tool") return kept;
  return { ...event, message: { ...event.message, output: stillSealed } };
}

/** The fact without the fields that are not for everyone; what a summary of the context says, turns to come need. */
function summarized<F extends Fact | Event>(fact: F): F {
  switch (fact.type) {
    case "message.added": {
      const { message } = fact;
      // What the tool `shell` answers is which shells there are.
      if (message.role === "tool" && message.name === "shell") return fact;
      if (message.role === "tool") return { ...fact, message: { ...message, output: notKept } };
      if (message.role === "user") return fact;
      return { ...fact, message: { ...message, parts: message.parts.filter(({ type }) => type !== "reasoning") } };
    }
    case "command.ran": {
      const { env: _env, spilled: _spilled, ...kept } = fact;
      return kept as F;
    }
    case "context.compacted":
      return { ...fact, shells: mapValues(fact.shells, (shell) => ({ ...shell, env: { set: {}, unset: [] } })) };
    default:
      return fact;
  }
}
