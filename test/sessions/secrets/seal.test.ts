import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import type { CommitId, EventId, SessionId } from "../../../src/sessions/ids.ts";
import {
  type KeyRing,
  keyRingSchema,
  type MasterKey,
  newJournalKey,
  newRing,
  type OpenKeys,
  openRing,
  parseJournalKey,
  rewrap,
} from "../../../src/sessions/secrets/journal-keys.ts";
import {
  areSealed,
  checkAppend,
  clearBytes,
  clearText,
  isSealed,
  openBytes,
  openText,
  sealBytes,
  sealText,
  signAppend,
} from "../../../src/sessions/secrets/seal.ts";

const session = "01JH4QZ8K3V5N7P9R1T3W5X7Z9" as SessionId;
const otherSession = "01JH4QZ8K3V5N7P9R1T3W5X7ZA" as SessionId;
const place = { event: "01JH4QZ8K3V5N7P9R1T3W5X7ZB" as EventId, field: "message.output" };
const parent = "1e57194c0ffee0123456789abcdef0123456789a" as CommitId;

function master(text = newJournalKey()): MasterKey {
  const parsed = parseJournalKey(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.key;
}

function opened(ring: KeyRing, key: MasterKey): OpenKeys {
  const result = openRing(ring, key);
  if (!result.ok) throw new Error(result.why);
  return result.keys;
}

function rekeyed(ring: KeyRing, from: MasterKey, to: MasterKey): KeyRing {
  const result = rewrap(ring, from, to);
  if (!result.ok) throw new Error(result.why);
  return result.ring;
}

const key = master();
const ring = newRing(key, session);
const keys = opened(ring, key);

/** Every string that JSON can carry: half surrogate pairs too. */
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.string().map((text) => `offshoot-sealed:${text}`),
  fc.string().map((text) => `offshoot-sealed:0:${text}`),
  fc.string().map((text) => `offshoot-sealed:1:${text}`),
);
const anyBytes = anyText.chain((text) => fc.uint8Array().map((bytes) => Buffer.concat([Buffer.from(text), bytes])));

test("what is sealed opens again, whatever text it is, and shows nothing", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const sealed = sealText(keys, text, place);
      expect(sealed).toMatch(new RegExp(`^offshoot-sealed:1:${keys.current.id}:[\\w-]+$`));
      expect(isSealed(sealed)).toBe(true);
      expect(openText(keys, sealed, place)).toEqual({ ok: true, text });
      expect(openText(null, sealed, place)).toEqual({ ok: false, why: "no-key" });
    }),
  );
});

test("the same text is sealed differently each time", () => {
  expect(sealText(keys, "the same", place)).not.toBe(sealText(keys, "the same", place));
});

test("what is kept clear is itself, with a key and without one, though it begin like something sealed", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const clear = clearText(text);
      expect(isSealed(clear)).toBe(false);
      for (const at of [keys, null]) expect(openText(at, clear, place)).toEqual({ ok: true, text });
    }),
  );
  expect(clearText("plain")).toBe("plain");
});

test("files are sealed and kept clear as texts are", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const sealed = sealBytes(keys, bytes, place);
      expect(areSealed(sealed)).toBe(true);
      expect(sealed.toString("latin1").startsWith(`offshoot-sealed:1:${keys.current.id}\n`)).toBe(true);
      expect(openBytes(keys, sealed, place)).toEqual({ ok: true, bytes });
      expect(openBytes(null, sealed, place)).toEqual({ ok: false, why: "no-key" });
      expect(areSealed(clearBytes(bytes))).toBe(false);
      for (const at of [keys, null]) expect(openBytes(at, clearBytes(bytes), place)).toEqual({ ok: true, bytes });
    }),
  );
});

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=";

test("a change of any character of a sealed text is noticed", () => {
  const sealed = sealText(keys, "the reasoning", place);
  for (let at = "offshoot-sealed:1:".length; at < sealed.length; at++) {
    for (const other of [...alphabet].filter((character) => character !== sealed[at])) {
      const changed = sealed.slice(0, at) + other + sealed.slice(at + 1);
      expect(openText(keys, changed, place)).toEqual({ ok: false, why: "damaged" });
    }
    expect(openText(keys, sealed.slice(0, at), place)).toEqual({ ok: false, why: "damaged" });
  }
});

test("a change of any bit of a sealed file is noticed", () => {
  const sealed = sealBytes(keys, Buffer.from("output\nof a command\n"), place);
  for (let at = "offshoot-sealed:1:".length; at < sealed.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      expect(openBytes(keys, changed, place)).toEqual({ ok: false, why: "damaged" });
    }
    expect(openBytes(keys, sealed.subarray(0, at), place)).toEqual({ ok: false, why: "damaged" });
  }
});

test("what is sealed opens in its session, event and field only, and no file opens as a text", () => {
  const other = opened(newRing(key, otherSession), key);
  // The same data keys, as if somebody had got them into another session.
  const moved: OpenKeys = { ...keys, session: otherSession };
  const places = [
    { ...place, event: "01JH4QZ8K3V5N7P9R1T3W5X7ZC" as EventId },
    { ...place, field: "message.text" },
  ];
  const text = sealText(keys, "here", place);
  const bytes = sealBytes(keys, Buffer.from('"here"'), place);
  const body = bytes.subarray(bytes.indexOf("\n") + 1).toString("base64url");
  expect(openText(other, text, place).ok).toBe(false);
  expect(openText(moved, text, place).ok).toBe(false);
  expect(openBytes(moved, bytes, place).ok).toBe(false);
  for (const elsewhere of places) {
    expect(openText(keys, text, elsewhere).ok).toBe(false);
    expect(openBytes(keys, bytes, elsewhere).ok).toBe(false);
  }
  expect(openText(keys, `offshoot-sealed:1:${keys.current.id}:${body}`, place).ok).toBe(false);
});

test("a ring opens with its master key and for its session only", () => {
  expect(openRing(ring, master())).toEqual({ ok: false, why: "other-master" });
  expect(openRing({ ...ring, session: otherSession }, key)).toEqual({ ok: false, why: "damaged" });
  expect(openRing({ ...ring, master: master().fingerprint }, key)).toEqual({ ok: false, why: "other-master" });
  const swapped = { ...ring, keys: ring.keys.map((one) => ({ ...one, id: "000000000000" })) };
  expect(openRing(swapped, key)).toEqual({ ok: false, why: "damaged" });
  expect(openRing({ ...ring, keys: [] }, key)).toEqual({ ok: false, why: "damaged" });
});

test("a change of any character of a wrapped key is noticed", () => {
  const [only] = ring.keys;
  const wrapped = only?.wrapped ?? "";
  expect(wrapped.length).toBeGreaterThan(60);
  for (let at = 0; at < wrapped.length; at++) {
    const changed = `${wrapped.slice(0, at)}${wrapped[at] === "A" ? "B" : "A"}${wrapped.slice(at + 1)}`;
    const damaged = { ...ring, keys: [{ id: only?.id ?? "", wrapped: changed }] };
    expect(openRing(damaged, key)).toEqual({ ok: false, why: "damaged" });
  }
});

test("after changes of the master key all that was ever sealed or signed holds, under the last one only", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), (texts) => {
      let at = { master: key, ring };
      const written = texts.map((text) => {
        const current = opened(at.ring, at.master);
        const append = { session, parent, events: Buffer.from(text) };
        const entry = { text, append, sealed: sealText(current, text, place), signature: signAppend(current, append) };
        const next = master();
        at = { master: next, ring: rekeyed(at.ring, at.master, next) };
        return { ...entry, before: current };
      });
      const now = opened(at.ring, at.master);
      for (const { text, sealed, append, signature, before } of written) {
        expect(openText(now, sealed, place)).toEqual({ ok: true, text });
        expect(checkAppend(now, append, signature)).toEqual({ ok: true, key: before.current.id });
        // Who has earlier keys only reads nothing that came after.
        expect(openText(before, sealText(now, text, place), place).ok).toBe(false);
      }
      expect(openRing(at.ring, key)).toEqual({ ok: false, why: "other-master" });
      expect(v.parse(keyRingSchema, JSON.parse(JSON.stringify(at.ring)))).toEqual(at.ring);
      expect(at.ring.keys).toHaveLength(texts.length + 1);
      expect(now.current.id).toBe(at.ring.keys.at(-1)?.id);
    }),
    { numRuns: 20 },
  );
});

test("a ring is changed with its own master key only", () => {
  expect(rewrap(ring, master(), key)).toEqual({ ok: false, why: "other-master" });
  expect(rewrap({ ...ring, session: otherSession }, key, master())).toEqual({ ok: false, why: "damaged" });
});

test("a signature holds for its append after its parent in its session, and for nothing else", () => {
  const events = Buffer.from('{"v":1}\n');
  const append = { session, parent, events };
  const signature = signAppend(keys, append);
  expect(signature).toMatch(new RegExp(`^1:${keys.current.id}:[0-9a-f]{64}$`));
  expect(checkAppend(keys, append, signature)).toEqual({ ok: true, key: keys.current.id });
  const forged = [
    { ...append, parent: null },
    { ...append, parent: parent.replace("1", "2") as CommitId },
    { ...append, session: otherSession },
    { ...append, events: Buffer.from('{"v":2}\n') },
    { ...append, events: Buffer.alloc(0) },
  ];
  for (const other of forged) expect(checkAppend(keys, other, signature)).toEqual({ ok: false });
  expect(checkAppend({ ...keys, session: otherSession }, { ...append, session: otherSession }, signature).ok).toBe(
    false,
  );
  for (let at = 0; at < signature.length; at++) {
    const changed = `${signature.slice(0, at)}${signature[at] === "0" ? "1" : "0"}${signature.slice(at + 1)}`;
    expect(checkAppend(keys, append, changed)).toEqual({ ok: false });
  }
  for (const odd of ["", "1:", `${signature}0`, `${signature}\n`, ` ${signature}`]) {
    expect(checkAppend(keys, append, odd)).toEqual({ ok: false });
  }
});

test("a first append is signed too", () => {
  const append = { session, parent: null, events: Buffer.from("{}\n") };
  expect(checkAppend(keys, append, signAppend(keys, append)).ok).toBe(true);
  expect(checkAppend(keys, { ...append, parent }, signAppend(keys, append)).ok).toBe(false);
});

test("a fresh journal key is 32 bytes that no other has, and is read back with blanks around it", () => {
  const text = newJournalKey();
  expect(Buffer.from(text, "base64")).toHaveLength(32);
  expect(newJournalKey()).not.toBe(text);
  expect(master(` ${text}\n`).fingerprint).toBe(master(text).fingerprint);
});

test.each([
  ["", "OFFSHOOT_JOURNAL_KEY is empty."],
  [" \n", "OFFSHOOT_JOURNAL_KEY is empty."],
  ["not a key at all!", "OFFSHOOT_JOURNAL_KEY is not base64."],
  [randomBytes(32).toString("hex").replace(/.$/, "g"), "where 32 are needed."],
  [randomBytes(31).toString("base64"), "OFFSHOOT_JOURNAL_KEY has 31 bytes where 32 are needed."],
])("%j is no journal key, and the problem says what to do", (text, says) => {
  const parsed = parseJournalKey(text);
  expect(parsed).toEqual({ ok: false, problem: expect.stringContaining(says) });
  expect(parsed).toEqual({ ok: false, problem: expect.stringContaining("openssl rand -base64 32") });
  if (!parsed.ok && text.trim() !== "") expect(parsed.problem).not.toContain(text.trim());
});

test("neither a fingerprint nor a printed key nor a ring shows anything of the key", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (array) => {
      const bytes = Buffer.from(array);
      const one = master(bytes.toString("base64"));
      const shown = [
        one.fingerprint,
        inspect(one, { depth: 9 }),
        JSON.stringify(one),
        JSON.stringify(newRing(one, session)),
      ];
      for (const text of shown) {
        expect(text).not.toContain(bytes.toString("hex").slice(0, 12));
        expect(text).not.toContain(bytes.toString("base64").slice(0, 12));
      }
      expect(one.fingerprint).toMatch(/^[0-9a-f]{16}$/);
      expect(one.wrap.export().equals(bytes)).toBe(false);
    }),
  );
});

test("a ring that names a key twice, or none, is no ring", () => {
  expect(v.is(keyRingSchema, ring)).toBe(true);
  expect(v.is(keyRingSchema, { ...ring, keys: [...ring.keys, ...ring.keys] })).toBe(false);
  expect(v.is(keyRingSchema, { ...ring, keys: [] })).toBe(false);
  expect(v.is(keyRingSchema, { ...ring, more: 1 })).toBe(false);
});
