import { expect, test } from "vitest";
import { fact } from "../../../src/sessions/decide.ts";
import { encode, type Fact, number } from "../../../src/sessions/journal.ts";
import {
  type KeyRing,
  type MasterKey,
  newJournalKey,
  newRing,
  type OpenKeys,
  openRing,
  parseJournalKey,
  rewrap,
} from "../../../src/sessions/secrets/journal-keys.ts";
import { signAppend } from "../../../src/sessions/secrets/seal.ts";
import { type Signed, signer, suspicions } from "../../../src/sessions/secrets/signatures.ts";
import { compose } from "../../../src/sessions/store.ts";
import { comment, hand, newSession, opening, someCommit } from "../events.ts";

function master(): MasterKey {
  const parsed = parseJournalKey(newJournalKey());
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.key;
}

function opened(ring: KeyRing, key: MasterKey): OpenKeys {
  const open = openRing(ring, key);
  if (!open.ok) throw new Error(open.why);
  return open.keys;
}

const session = newSession();
const key = master();
const ring = newRing(key, session);
const keys = opened(ring, key);
const text = (...facts: readonly Fact[]) => encode(number(facts, 9));
const ofRun = text(fact(hand(), "message.added", { turn: 1, step: 1, message: { role: "user", text: "x" } }));
const ofApp = text(fact(hand(), "prompt.queued", comment("1")));

function signed(events: string, by: OpenKeys = keys): Signed {
  const signature = signAppend(by, { session, parent: someCommit, events: Buffer.from(events) });
  return { commit: someCommit, parent: someCommit, events, signature };
}

test("what was signed, and what the app wrote without the key, is not suspicious", () => {
  expect(suspicions([signed(ofRun), { ...signed(ofApp), signature: null }], keys, 1)).toEqual([]);
});

test("a changed append is forged; one of a run without a signature is told as that, from the first signed one on", () => {
  const changed = { ...signed(ofRun), events: ofApp };
  const unsigned = { ...signed(ofRun), signature: null };
  expect(suspicions([changed, unsigned], keys, 1).map(({ kind }) => kind)).toEqual(["forged", "unsigned"]);
  expect(suspicions([unsigned], keys, 99)).toEqual([]);
});

test("a signature under a key that was given up before is forged", () => {
  const next = master();
  const changed = rewrap(ring, key, next);
  if (!changed.ok) throw new Error(changed.why);
  const now = opened(changed.ring, next);
  const chain = [signed(ofRun), signed(ofRun, now), signed(ofRun)];
  expect(suspicions(chain, now, 1).map(({ kind }) => kind)).toEqual(["forged"]);
  expect(suspicions(chain.slice(0, 2), now, 1)).toEqual([]);
});

test("appends are signed where the session has keys that open, and only there", () => {
  const append = compose(session, null, opening(session));
  const events = Buffer.from(encode(append.events));
  expect(signer(key)(append, events)).toBeNull();
  const keyed = { ...append, state: { ...append.state, keys: { since: 1, ring } } };
  expect(signer(key)(keyed, events)).toMatch(/^1:[0-9a-f]{12}:[0-9a-f]{64}$/);
  expect(signer(master())(keyed, events)).toBeNull();
});
