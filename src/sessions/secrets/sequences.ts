/** A symbol that no sequence has: what stands here cannot be part of one. */
export const BREAK = 0xffff;

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Found {
  readonly spans: readonly Span[];
  /** Where a sequence begins that the end of the text may have cut off; `Infinity` where none does. */
  readonly open: number;
}

/** What to find; where `before` or `after`, the symbol on that side belongs to it, whichever it is. */
export interface Sequence {
  readonly symbols: ArrayLike<number>;
  readonly before: boolean;
  readonly after: boolean;
}

/** Takes the symbols of a text one by one; each is written in the text from `from` up to `to`. */
export type Take = (symbol: number, from: number, to: number) => void;

/** Finds all of its sequences, overlapping ones too, in what `read` takes from a text. */
export type Finder = (read: (take: Take) => void) => Found;

/** A trie (children as lists, state 0 the root) with the links of Aho and Corasick. */
interface Trie {
  /** By the hash of four symbols: whether a sequence may begin with them. */
  readonly filter: Uint8Array;
  readonly symbol: Int32Array;
  readonly child: Int32Array;
  readonly sibling: Int32Array;
  readonly depth: Int32Array;
  /** The state of the longest proper suffix that begins a sequence. */
  readonly fail: Int32Array;
  /** Length of the longest sequence that ends in the state; 0: none does. */
  readonly ends: Int32Array;
  /** Whether the symbol before it, and the one after any that ends in the state, belongs to it: `BEFORE`, `AFTER`. */
  readonly more: Int32Array;
}

const BEFORE = 1;
const AFTER = 2;

/**
 * A finder of `sequences`, which have four symbols or more. Takes time linear in the text, whatever the sequences and the
 * text are.
 */
export function finder(sequences: readonly Sequence[]): Finder {
  const trie = grow(sequences);
  link(trie);
  const longest = sequences.reduce((most, { symbols }) => Math.max(most, symbols.length), 0);
  return (read) => scan(trie, read, longest);
}

function grow(sequences: readonly Sequence[]): Trie {
  const size = 1 + sequences.reduce((sum, { symbols }) => sum + symbols.length, 0);
  const column = () => new Int32Array(size);
  const trie: Trie = {
    filter: new Uint8Array(2 ** 15),
    symbol: column(),
    child: column(),
    sibling: column(),
    depth: column(),
    fail: column(),
    ends: column(),
    more: column(),
  };
  let states = 1;
  for (const { symbols, before, after } of sequences) {
    let state = 0;
    let hash = 0;
    for (let n = 0; n < symbols.length; n++) {
      const symbol = symbols[n] ?? BREAK;
      if (n < 4) hash = (hash << 8) ^ symbol;
      const next = childOf(trie, state, symbol);
      if (next === 0) adopt(trie, { parent: state, state: states, symbol });
      state = next === 0 ? states++ : next;
    }
    trie.filter[slot(hash)] = 1;
    trie.ends[state] = symbols.length;
    trie.more[state] = (trie.more[state] ?? 0) | (before ? BEFORE : 0) | (after ? AFTER : 0);
  }
  return trie;
}

function adopt(trie: Trie, { parent, state, symbol }: { parent: number; state: number; symbol: number }): void {
  trie.symbol[state] = symbol;
  trie.sibling[state] = trie.child[parent] ?? 0;
  trie.child[parent] = state;
  trie.depth[state] = (trie.depth[parent] ?? 0) + 1;
}

/** 0 where there is none. */
function childOf({ symbol, child, sibling }: Trie, state: number, wanted: number): number {
  let at = child[state] ?? 0;
  while (at !== 0 && symbol[at] !== wanted) at = sibling[at] ?? 0;
  return at;
}

function link(trie: Trie): void {
  const { child, sibling, fail, ends, more, symbol } = trie;
  const queue = [0];
  for (let head = 0; head < queue.length; head++) {
    const state = queue[head] ?? 0;
    for (let next = child[state] ?? 0; next !== 0; next = sibling[next] ?? 0) {
      queue.push(next);
      if (state !== 0) fail[next] = follow(trie, fail[state] ?? 0, symbol[next] ?? BREAK);
      const suffix = fail[next] ?? 0;
      more[next] = (more[next] ?? 0) | ((more[suffix] ?? 0) & (ends[next] === 0 ? BEFORE | AFTER : AFTER));
      ends[next] ||= ends[suffix] ?? 0;
    }
  }
}

/** The state after one more symbol. */
function follow(trie: Trie, from: number, symbol: number): number {
  let state = from;
  for (;;) {
    const next = childOf(trie, state, symbol);
    if (next !== 0 || state === 0) return next;
    state = trie.fail[state] ?? 0;
  }
}

function scan(trie: Trie, read: (take: Take) => void, longest: number): Found {
  const { filter, depth, ends, more } = trie;
  const spans: { start: number; end: number }[] = [];
  // The last symbols, as far back as a sequence and the one before it can reach.
  const mask = 2 ** Math.ceil(Math.log2(longest + 2)) - 1;
  const symbols = new Uint16Array(mask + 1).fill(BREAK);
  const starts = new Int32Array(mask + 1);
  let count = 0;
  let hash = 0;
  /** Of depth 4 or more, or the root: in most texts, most symbols are passed there at little cost. */
  let state = 0;
  /** The last span waits for the symbol after it. */
  let waits = false;

  const startOf = (length: number, before: boolean): number => {
    const first = (count - length) & mask;
    const earlier = (count - length - 1) & mask;
    return starts[before && symbols[earlier] !== BREAK ? earlier : first] ?? 0;
  };
  const walk = (steps: number): number => {
    let at = 0;
    for (let n = count - steps; n < count; n++) at = follow(trie, at, symbols[n & mask] ?? BREAK);
    return at;
  };
  const step = (symbol: number, end: number): void => {
    const next = state === 0 ? walk(4) : follow(trie, state, symbol);
    state = (depth[next] ?? 0) < 4 ? 0 : next;
    const length = ends[state] ?? 0;
    const also = more[state] ?? 0;
    if (length !== 0) spans.push({ start: startOf(length, (also & BEFORE) !== 0), end });
    waits = length !== 0 && (also & AFTER) !== 0;
  };

  read((symbol, start, end) => {
    if (waits && symbol !== BREAK) extend(spans, end);
    waits = false;
    const n = count++ & mask;
    symbols[n] = symbol;
    starts[n] = start;
    hash = (hash << 8) ^ symbol;
    if (state !== 0 || filter[slot(hash)] !== 0) step(symbol, end);
  });
  const open = depth[state || walk(Math.min(3, count))] ?? 0;
  const waiting = waits ? (spans.at(-1)?.start ?? Infinity) : Infinity;
  return { spans, open: Math.min(waiting, open === 0 ? Infinity : startOf(open, true)) };
}

/** Of a hash to which each symbol adds itself, and pushes out the fourth before it. */
function slot(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> 17;
}

function extend(spans: { end: number }[], end: number): void {
  const last = spans.at(-1);
  if (last) last.end = end;
}
