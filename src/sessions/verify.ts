import { parse, TomlError } from "smol-toml";
import { FoldError, fold } from "./fold.ts";
import { formatName, signature } from "./git/commit.ts";
import type { CommitId, SessionId } from "./ids.ts";
import { type Event, parseEvent } from "./journal.ts";
import type { OpenKeys } from "./secrets/journal-keys.ts";
import { redactor } from "./secrets/redact.ts";
import { isSealed } from "./secrets/seal.ts";
import { suspicions } from "./secrets/signatures.ts";
import { foldVersion, formatState, type Session } from "./session.ts";

/** A commit of a session's chain, as git has it. */
export interface Evidence {
  readonly commit: CommitId;
  readonly parents: readonly string[];
  /** `name <email>` */
  readonly author: string;
  /** `events.jsonl` and `state.toml`; null where the commit has none. */
  readonly events: string | null;
  readonly state: string | null;
  /** `hmac`; null where the commit has none. */
  readonly signature: string | null;
  /** What is in `output/`. */
  readonly output: readonly { readonly name: string; readonly text: string }[];
}

export interface Case {
  readonly session: SessionId;
  /** Oldest first. */
  readonly chain: readonly Evidence[];
  /** The notes on commits that the session made: of its own, of those it was forked from, and of the archive. */
  readonly notes: ReadonlyMap<string, readonly string[]>;
  /** The session's keys, and the event from which on runs have signed; null: it has none, or they cannot be opened here. */
  readonly signed: { readonly keys: OpenKeys; readonly since: number } | null;
}

export const checkNames = ["chain", "events", "seq", "ids", "fold", "author", "notes", "redaction", "hmac"] as const;

/** Something that is not as it must be; `line` of `events.jsonl`, where it is in one. */
export interface Finding {
  readonly commit: CommitId;
  readonly line: number | null;
  readonly reason: string;
}

export interface Check {
  readonly check: (typeof checkNames)[number];
  /** How many things were looked at: commits, lines, events, notes. */
  readonly checked: number;
  readonly findings: readonly Finding[];
}

/** Pure: all checks of a session's chain. Nothing stops them: each tells of everything that it finds. */
export function verify(given: Case): readonly Check[] {
  const lines = given.chain.flatMap(linesOf);
  return [
    checkChain(given.chain),
    checkEvents(given.chain, lines),
    checkSeq(lines),
    checkIds(lines),
    checkFold(given, lines),
    checkAuthors(given.chain, lines),
    checkNotes(given, lines),
    checkRedaction(given, lines),
    checkSignatures(given),
  ];
}

interface Line {
  readonly commit: CommitId;
  readonly line: number;
  readonly text: string;
  readonly parsed: ReturnType<typeof parseEvent>;
}

function linesOf({ commit, events }: Evidence): Line[] {
  const texts = (events ?? "").split("\n");
  if (texts.at(-1) === "") texts.pop();
  return texts.map((text, index) => ({ commit, line: index + 1, text, parsed: parseEvent(text) }));
}

interface Placed {
  readonly commit: CommitId;
  readonly line: number;
  readonly event: Event;
}

function placed(lines: readonly Line[]): readonly Placed[] {
  return lines.flatMap(({ commit, line, parsed }) => (parsed.ok ? [{ commit, line, event: parsed.event }] : []));
}

function checkChain(chain: readonly Evidence[]): Check {
  const findings = chain.flatMap(({ commit, parents }, index): Finding[] => {
    const before = chain[index - 1]?.commit;
    if (before === undefined) {
      const reason = `it is the first one that is here, and has a parent, ${parents[0]}, that is not`;
      return parents.length === 0 ? [] : [{ commit, line: null, reason }];
    }
    if (parents.length === 1 && parents[0] === before) return [];
    return [{ commit, line: null, reason: `it has ${parents.length} parents where exactly one must be` }];
  });
  return { check: "chain", checked: chain.length, findings };
}

function checkEvents(chain: readonly Evidence[], lines: readonly Line[]): Check {
  const empty = chain.flatMap(({ commit, events }): Finding[] => {
    if (events === null) return [{ commit, line: null, reason: "it has no events.jsonl" }];
    if (events === "") return [{ commit, line: null, reason: "its events.jsonl is empty" }];
    const torn = { commit, line: events.split("\n").length, reason: "the last line is torn" };
    return events.endsWith("\n") ? [] : [torn];
  });
  const malformed = lines.flatMap(({ commit, line, parsed }): Finding[] =>
    parsed.ok ? [] : [{ commit, line, reason: parsed.reason }],
  );
  return { check: "events", checked: lines.length, findings: [...empty, ...malformed] };
}

/** A line that is no event still takes its place in the count, and after a gap it goes on from there. */
function checkSeq(lines: readonly Line[]): Check {
  const findings: Finding[] = [];
  let before = 0;
  for (const { commit, line, parsed } of lines) {
    const seq = parsed.ok ? parsed.event.seq : before + 1;
    if (seq !== before + 1) findings.push({ commit, line, reason: `seq is ${seq} where ${before + 1} must follow` });
    before = seq;
  }
  return { check: "seq", checked: lines.length, findings };
}

function checkIds(lines: readonly Line[]): Check {
  const first = new Map<string, Placed>();
  const findings: Finding[] = [];
  for (const place of placed(lines)) {
    const { commit, line, event } = place;
    const before = first.get(event.id);
    if (before)
      findings.push({ commit, line, reason: `id ${event.id} is that of line ${before.line} of ${before.commit}` });
    else first.set(event.id, place);
  }
  return { check: "ids", checked: first.size + findings.length, findings };
}

/** States of another version of the fold are none that anyone reads: they are not compared. */
function checkFold({ session, chain }: Case, lines: readonly Line[]): Check {
  const findings: Finding[] = [];
  const byCommit = Map.groupBy(placed(lines), ({ commit }) => commit);
  let now: Session | null = null;
  let checked = 0;
  for (const { commit, state } of chain) {
    const events = (byCommit.get(commit) ?? []).map(({ event }) => event);
    const folded = tryFold(now, events);
    if (!folded.ok) {
      const line = byCommit.get(commit)?.find(({ event }) => event.seq === folded.seq)?.line ?? null;
      findings.push({ commit, line, reason: `${folded.reason}; what comes after it is not folded` });
      break;
    }
    now = folded.session;
    if (state !== null && /^fold = (\d+)$/m.exec(state)?.[1] !== String(foldVersion)) continue;
    checked += 1;
    if (state === formatState(now)) continue;
    const reason = state === null ? "it has no state.toml" : "its state.toml is not the fold of the events up to here";
    findings.push({ commit, line: null, reason });
  }
  const tip = chain.at(-1)?.commit;
  if (tip && now && findings.length === 0 && now.session !== session) {
    findings.push({ commit: tip, line: null, reason: `this is the chain of session ${now.session}` });
  }
  return { check: "fold", checked, findings };
}

type Folded =
  | { readonly ok: true; readonly session: Session }
  | { readonly ok: false; readonly seq: number; readonly reason: string };

function tryFold(session: Session | null, events: readonly Event[]): Folded {
  if (events.length === 0) return { ok: false, seq: 0, reason: "it has no valid event" };
  try {
    return { ok: true, session: fold(session, events) };
  } catch (error) {
    if (!(error instanceof FoldError)) throw error;
    return { ok: false, seq: error.seq, reason: error.message };
  }
}

function checkAuthors(chain: readonly Evidence[], lines: readonly Line[]): Check {
  const byCommit = Map.groupBy(placed(lines), ({ commit }) => commit);
  const findings = chain.flatMap(({ commit, author }): Finding[] => {
    const event = actOf((byCommit.get(commit) ?? []).map(({ event }) => event));
    if (!event) return [];
    const actor = formatName(signature(event.by, new Date(event.at)));
    return author === actor
      ? []
      : [{ commit, line: null, reason: `its author is ${author}, its events are by ${actor}` }];
  });
  return { check: "author", checked: byCommit.size, findings };
}

/** Whose commit it is: a tombstone begins with what somebody else may have done, and is by whoever purged the session. */
function actOf(events: readonly Event[]): Event | undefined {
  return events.find((event) => event.type === "session.deleted" && event.reason === "purged") ?? events[0];
}

function checkNotes({ notes }: Case, lines: readonly Line[]): Check {
  const made = placed(lines).flatMap(({ event, ...place }) =>
    event.type === "checkpoint.made" ? [{ ...place, on: event.commit }] : [],
  );
  const findings = made.flatMap(({ commit, line, on }): Finding[] => {
    const texts = notes.get(on);
    if (!texts) return [{ commit, line, reason: `there is no note on its checkpoint ${on}` }];
    return texts.every(isToml) ? [] : [{ commit, line, reason: `the note on its checkpoint ${on} is not TOML` }];
  });
  return { check: "notes", checked: made.length, findings };
}

/** In the archive the notes of several sessions on one commit follow one another. */
function isToml(text: string): boolean {
  try {
    for (const note of text.split(/\n\n(?=session = "[0-9A-Z]{26}"(?:\n|$))/)) parse(note);
    return true;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return false;
  }
}

/** What is sealed is as good as random, and may look like anything. */
function withoutSealed(_: string, value: unknown): unknown {
  return typeof value === "string" && isSealed(value) ? "" : value;
}

/** Never tells what it found, only where. */
function checkRedaction({ chain, notes }: Case, lines: readonly Line[]): Check {
  const { text, json } = redactor({ known: [] });
  const isClean = ({ text: line, parsed }: Line) => {
    if (!parsed.ok) return text(line) === line;
    const readable = JSON.stringify(parsed.event, withoutSealed);
    return JSON.stringify(json(JSON.parse(readable))) === readable;
  };
  const inLines = lines.flatMap((line): Finding[] =>
    isClean(line) ? [] : [{ commit: line.commit, line: line.line, reason: "it holds what looks like a secret" }],
  );
  const output = chain.flatMap(({ commit, output }) => output.map((file) => ({ commit, ...file })));
  const inOutput = output.flatMap(({ commit, name, text: content }): Finding[] =>
    isSealed(content) || text(content) === content
      ? []
      : [{ commit, line: null, reason: `output/${name} holds what looks like a secret` }],
  );
  const noted = placed(lines).flatMap(({ event, ...place }) =>
    event.type === "checkpoint.made" ? (notes.get(event.commit) ?? []).map((note) => ({ ...place, note })) : [],
  );
  const inNotes = noted.flatMap(({ commit, line, note }): Finding[] =>
    text(note) === note ? [] : [{ commit, line, reason: "the note on its checkpoint holds what looks like a secret" }],
  );
  const checked = lines.length + output.length + noted.length;
  return { check: "redaction", checked, findings: [...inLines, ...inOutput, ...inNotes] };
}

const suspicious = {
  forged: "it is not what was signed there: somebody without the journal's key has changed it",
  unsigned: "it tells of a turn and is not signed: whoever wrote it did not have the journal's key",
};

function checkSignatures({ chain, signed }: Case): Check {
  if (!signed) return { check: "hmac", checked: 0, findings: [] };
  const links = chain.map(({ commit, parents, events, signature }) => {
    return { commit, parent: (parents[0] ?? null) as CommitId | null, events: events ?? "", signature };
  });
  const findings = suspicions(links, signed.keys, signed.since).map(({ commit, kind }) => {
    return { commit, line: null, reason: suspicious[kind] };
  });
  return { check: "hmac", checked: links.filter(({ signature }) => signature !== null).length, findings };
}
