import type { Visibility } from "../sessions/journal.ts";
import { type MasterKey, parseJournalKey } from "../sessions/secrets/journal-keys.ts";

/** How a run writes journals down. */
export interface Keeping {
  readonly visibility: Visibility;
  /** For what is sealed: to read it, and with the visibility `sealed` to write it. */
  readonly key: MasterKey | null;
  /** What the person who asks first should know about it. */
  readonly notice: string | null;
}

/** Who can read the repository, and so the journal. `unknown` is taken for everyone. */
export type Audience = "everyone" | "members" | "unknown";

export type GivenKey =
  | { readonly kind: "none" }
  | { readonly kind: "bad"; readonly problem: string }
  | { readonly kind: "key"; readonly key: MasterKey };

/** The value of `OFFSHOOT_JOURNAL_KEY`. */
export function givenKey(text: string | undefined): GivenKey {
  if (!text) return { kind: "none" };
  const parsed = parseJournalKey(text);
  return parsed.ok ? { kind: "key", key: parsed.key } : { kind: "bad", problem: parsed.problem };
}

export interface Wish {
  /** What the configuration says; null: nothing. */
  readonly configured: Visibility | null;
  readonly audience: Audience;
  readonly key: GivenKey;
}

/** What only some may read is kept in full; what everyone can read is sealed where there is a key, and else left out. */
export function chooseKeeping({ configured, audience, key }: Wish): Keeping {
  const opened = key.kind === "key" ? key.key : null;
  const wanted = configured ?? (audience === "members" ? "full" : "sealed");
  if (wanted !== "sealed") return { visibility: wanted, key: opened, notice: null };
  if (opened) return { visibility: "sealed", key: opened, notice: configured ? null : sealedNotice };
  return { visibility: "summary", key: null, notice: leftOut(key, configured === null) };
}

const where = "Others can read this repository, so the journal of this session";
const choose = "`[journal] visibility` in .github/offshoot.toml chooses.";

const sealedNotice = `${where} has the model's reasoning, tool output and shell environments encrypted. ${choose}`;

function leftOut(key: GivenKey, byDefault: boolean): string {
  const what = "leaves out the model's reasoning, tool output and shell environments";
  const why =
    key.kind === "bad" ? key.problem : "The secret `OFFSHOOT_JOURNAL_KEY` is not set, so they cannot be encrypted.";
  const whose = byDefault ? where : "The journal of this session is to be sealed. Instead it";
  return `${whose} ${what}. ${why} ${choose}`;
}
