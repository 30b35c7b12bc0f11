import { createHmac, timingSafeEqual } from "node:crypto";
import type { CommitId, EventId, SessionId } from "../ids.ts";
import { type DataKey, decrypt, encrypt, exactly, type OpenKeys } from "./journal-keys.ts";

/**
 * Seals fields of events and files of their output. What is sealed opens only where it was: in its session, event and
 * field. Its length can be seen.
 *
 * A sealed text is `offshoot-sealed:1:<key id>:<base64url>`, a sealed file has the line `offshoot-sealed:1:<key id>`
 * before its bytes. What is kept in the clear where something sealed could stand goes through {@link clearText} or
 * {@link clearBytes}: they put `offshoot-sealed:0:` before what begins with `offshoot-sealed:` by itself. Opening takes
 * either, so every text and every file survives.
 */
export interface Place {
  readonly event: EventId;
  /** The field's path in the event, or the file's name in the append: `message.parts.0.summary`, `output/…`. */
  readonly field: string;
}

/** `no-key`: sealed, and there is no key here. `damaged`: changed, moved, or sealed under a key that the ring lacks. */
type Closed = { readonly ok: false; readonly why: "no-key" | "damaged" };
export type OpenedText = { readonly ok: true; readonly text: string } | Closed;
export type OpenedBytes = { readonly ok: true; readonly bytes: Buffer } | Closed;

const PREFIX = "offshoot-sealed:";
const CLEAR = `${PREFIX}0:`;
const SEALED = `${PREFIX}1:`;

export function sealText(keys: OpenKeys, text: string, place: Place): string {
  // As JSON, in which half a surrogate pair survives.
  const sealed = encrypt(
    keys.current.seal,
    Buffer.from(JSON.stringify(text)),
    context("text", keys, keys.current, place),
  );
  return `${SEALED}${keys.current.id}:${sealed.toString("base64url")}`;
}

export function clearText(text: string): string {
  return text.startsWith(PREFIX) ? CLEAR + text : text;
}

export function isSealed(text: string): boolean {
  return text.startsWith(SEALED);
}

/** The text that was sealed or kept clear; `keys` are null where there is no master key. */
export function openText(keys: OpenKeys | null, text: string, place: Place): OpenedText {
  if (!text.startsWith(PREFIX)) return { ok: true, text };
  if (text.startsWith(CLEAR)) return { ok: true, text: text.slice(CLEAR.length) };
  if (!keys) return { ok: false, why: "no-key" };
  const [, id = "", sealed = ""] = /^offshoot-sealed:1:([0-9a-f]+):([\w-]+)$/.exec(text) ?? [];
  const plain = unseal("text", keys, { id, sealed: exactly(sealed), place });
  return plain ? { ok: true, text: JSON.parse(plain.toString()) } : { ok: false, why: "damaged" };
}

export function sealBytes(keys: OpenKeys, bytes: Uint8Array, place: Place): Buffer {
  const sealed = encrypt(keys.current.seal, bytes, context("bytes", keys, keys.current, place));
  return Buffer.concat([Buffer.from(`${SEALED}${keys.current.id}\n`), sealed]);
}

export function clearBytes(bytes: Buffer): Buffer {
  return begins(bytes, PREFIX) ? Buffer.concat([Buffer.from(CLEAR), bytes]) : bytes;
}

export function areSealed(bytes: Buffer): boolean {
  return begins(bytes, SEALED);
}

/** As {@link openText}. */
export function openBytes(keys: OpenKeys | null, bytes: Buffer, place: Place): OpenedBytes {
  if (!begins(bytes, PREFIX)) return { ok: true, bytes };
  if (begins(bytes, CLEAR)) return { ok: true, bytes: bytes.subarray(CLEAR.length) };
  if (!keys) return { ok: false, why: "no-key" };
  const end = bytes.indexOf("\n");
  const id = begins(bytes, SEALED) ? bytes.toString("latin1", SEALED.length, Math.max(end, SEALED.length)) : "";
  const plain = unseal("bytes", keys, { id, sealed: bytes.subarray(end + 1), place });
  return plain ? { ok: true, bytes: plain } : { ok: false, why: "damaged" };
}

function begins(bytes: Buffer, text: string): boolean {
  return bytes.toString("latin1", 0, text.length) === text;
}

type Kind = "text" | "bytes";

function unseal(
  kind: Kind,
  keys: OpenKeys,
  { id, sealed, place }: { readonly id: string; readonly sealed: Buffer; readonly place: Place },
): Buffer | null {
  const key = keys.byId.get(id);
  return key ? decrypt(key.seal, sealed, context(kind, keys, key, place)) : null;
}

function context(kind: Kind, { session }: OpenKeys, { id }: DataKey, { event, field }: Place): string {
  return JSON.stringify([`offshoot-seal:1:${kind}`, session, id, event, field]);
}

/** An append as it is signed. */
export interface Signable {
  readonly session: SessionId;
  /** The commit before it; null for a session's first append. */
  readonly parent: CommitId | null;
  /** The bytes of `events.jsonl`. */
  readonly events: Uint8Array;
}

/** `key`: the data key that signed. A reader of a chain sees to it that this never goes back to an earlier one. */
export type Checked = { readonly ok: true; readonly key: string } | { readonly ok: false };

/** `1:<key id>:<HMAC-SHA-256 in hexadecimal>`, under the current data key; it holds after a change of the master key. */
export function signAppend(keys: OpenKeys, append: Signable): string {
  return `1:${keys.current.id}:${mac(keys.current, append).toString("hex")}`;
}

/** Whether one of the session's keys signed this very append after this very parent. */
export function checkAppend(keys: OpenKeys, append: Signable, signature: string): Checked {
  const [, id = "", given = ""] = /^1:([0-9a-f]+):([0-9a-f]{64})$/.exec(signature) ?? [];
  const key = keys.byId.get(id);
  if (!key || append.session !== keys.session) return { ok: false };
  return timingSafeEqual(mac(key, append), Buffer.from(given, "hex")) ? { ok: true, key: id } : { ok: false };
}

function mac(key: DataKey, { session, parent, events }: Signable): Buffer {
  const head = JSON.stringify(["offshoot-append:1", session, key.id, parent]);
  return createHmac("sha256", key.sign).update(`${head}\n`).update(events).digest();
}
