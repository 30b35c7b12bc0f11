import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import * as v from "valibot";
import { type SessionId, sessionIdSchema } from "../ids.ts";

/** The key that a repository keeps for its journals, as what is made from it: it cannot be read back. */
export interface MasterKey {
  /** 16 hexadecimal digits that tell keys apart and say nothing about them. */
  readonly fingerprint: string;
  readonly wrap: KeyObject;
}

export type ParsedKey =
  | { readonly ok: true; readonly key: MasterKey }
  | { readonly ok: false; readonly problem: string };

const keyBytes = 32;

/** A fresh key as text, for the secret `OFFSHOOT_JOURNAL_KEY`. */
export function newJournalKey(): string {
  return randomBytes(keyBytes).toString("base64");
}

/** Reads what {@link newJournalKey} wrote. The problem is a sentence for people; it says nothing of the text. */
export function parseJournalKey(text: string): ParsedKey {
  const remedy = `Set it to ${keyBytes} random bytes in base64, as \`openssl rand -base64 ${keyBytes}\` prints them.`;
  const trimmed = text.trim();
  if (trimmed === "") return { ok: false, problem: `OFFSHOOT_JOURNAL_KEY is empty. ${remedy}` };
  const bytes = Buffer.from(trimmed, "base64");
  if (bytes.toString("base64") !== trimmed) {
    return { ok: false, problem: `OFFSHOOT_JOURNAL_KEY is not base64. ${remedy}` };
  }
  if (bytes.length !== keyBytes) {
    const problem = `OFFSHOOT_JOURNAL_KEY has ${bytes.length} bytes where ${keyBytes} are needed. ${remedy}`;
    return { ok: false, problem };
  }
  const fingerprint = createHash("sha256").update(derive(bytes, "fingerprint")).digest("hex").slice(0, 16);
  return { ok: true, key: { fingerprint, wrap: createSecretKey(derive(bytes, "wrap")) } };
}

/** Keys for separate purposes, none of which leads to another. */
function derive(secret: Buffer, purpose: "fingerprint" | "wrap" | "seal" | "sign"): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `offshoot-journal:1:${purpose}`, keyBytes));
}

/** The data keys of a session, each encrypted under the master key; the last one is for what comes next. */
export const keyRingSchema = v.strictObject({
  /** The session that the keys are for. A fork goes on with those of the session that its journal begins with. */
  session: sessionIdSchema,
  /** Fingerprint of the master key that opens it. */
  master: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/, "not a key's fingerprint")),
  keys: v.pipe(
    v.array(
      v.strictObject({
        id: v.pipe(v.string(), v.regex(/^[0-9a-f]{12}$/, "not a key's id")),
        wrapped: v.pipe(v.string(), v.regex(/^[\w-]+$/, "not base64url")),
      }),
    ),
    v.minLength(1, "a ring without keys"),
    v.checkItems((key, index, all) => all.findIndex(({ id }) => id === key.id) === index, "a key's id twice"),
    v.readonly(),
  ),
});

export type KeyRing = v.InferOutput<typeof keyRingSchema>;

export interface DataKey {
  readonly id: string;
  readonly seal: KeyObject;
  readonly sign: KeyObject;
}

/** A session's ring, opened. */
export interface OpenKeys {
  readonly session: SessionId;
  readonly current: DataKey;
  /** The current one, too. */
  readonly byId: ReadonlyMap<string, DataKey>;
}

/** `other-master`: the ring is for another key. `damaged`: it is for this one, and was changed, or is another session's. */
export type Unopened = { readonly ok: false; readonly why: "other-master" | "damaged" };
export type OpenedRing = { readonly ok: true; readonly keys: OpenKeys } | Unopened;
export type Rewrapped = { readonly ok: true; readonly ring: KeyRing } | Unopened;

interface Secret {
  readonly id: string;
  readonly secret: Buffer;
}

/** A ring with one fresh key. */
export function newRing(master: MasterKey, session: SessionId): KeyRing {
  return ringOf([newSecret()], master, session);
}

export function openRing(ring: KeyRing, master: MasterKey): OpenedRing {
  const unwrapped = unwrap(ring, master);
  if (!unwrapped.ok) return unwrapped;
  const all = unwrapped.secrets.map(({ id, secret }) => ({
    id,
    seal: createSecretKey(derive(secret, "seal")),
    sign: createSecretKey(derive(secret, "sign")),
  }));
  const current = all.at(-1);
  if (!current) return { ok: false, why: "damaged" };
  return { ok: true, keys: { session: ring.session, current, byId: new Map(all.map((key) => [key.id, key])) } };
}

/**
 * The ring under a new master key: old data keys, so that what they sealed stays readable, and a fresh one for what comes
 * next. Whoever has the old master key and an old ring can still read what was sealed before.
 */
export function rewrap(ring: KeyRing, from: MasterKey, to: MasterKey): Rewrapped {
  const unwrapped = unwrap(ring, from);
  if (!unwrapped.ok) return unwrapped;
  return { ok: true, ring: ringOf([...unwrapped.secrets, newSecret()], to, ring.session) };
}

function newSecret(): Secret {
  return { id: randomBytes(6).toString("hex"), secret: randomBytes(keyBytes) };
}

function ringOf(secrets: readonly Secret[], master: MasterKey, session: SessionId): KeyRing {
  const keys = secrets.map(({ id, secret }) => ({
    id,
    wrapped: encrypt(master.wrap, secret, wrapContext(session, id)).toString("base64url"),
  }));
  return { session, master: master.fingerprint, keys };
}

function unwrap(
  ring: KeyRing,
  master: MasterKey,
): { readonly ok: true; readonly secrets: readonly Secret[] } | Unopened {
  if (ring.master !== master.fingerprint) return { ok: false, why: "other-master" };
  const secrets: Secret[] = [];
  for (const { id, wrapped } of ring.keys) {
    const secret = decrypt(master.wrap, exactly(wrapped), wrapContext(ring.session, id));
    if (secret?.length !== keyBytes) return { ok: false, why: "damaged" };
    secrets.push({ id, secret });
  }
  return { ok: true, secrets };
}

function wrapContext(session: SessionId, id: string): string {
  return JSON.stringify(["offshoot-wrap:1", session, id]);
}

/** The bytes of base64url text; empty where they would be written in another way. */
export function exactly(text: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : Buffer.alloc(0);
}

const ivBytes = 12;
const tagBytes = 16;

/** AES-256-GCM: iv, ciphertext and tag in one. Opens only with the same context. */
export function encrypt(key: KeyObject, plain: Uint8Array, context: string): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(context));
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Null where a bit of it, the key or the context is another. */
export function decrypt(key: KeyObject, sealed: Uint8Array, context: string): Buffer | null {
  if (sealed.length < ivBytes + tagBytes) return null;
  const tagAt = sealed.length - tagBytes;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes })
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.subarray(tagAt));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(ivBytes, tagAt)), decipher.final()]);
  } catch {
    return null;
  }
}
