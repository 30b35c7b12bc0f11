/** Text as one encoding reads it: symbol `n` is `symbols[n]`, written in the text from `from[n]` up to `to[n]`. */
export interface Reading {
  readonly symbols: Uint16Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly length: number;
}

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

/** Finds all of its sequences, overlapping ones too, in one pass over a reading. */
export type Finder = (reading: Reading) => Found;

/** A trie (children as lists, state 0 the root) with the links of Aho and Corasick. */
interface Trie {
  readonly symbol: Int32Array;
  readonly child: Int32Array;
  readonly sibling: Int32Array;
  readonly depth: Int32Array;
  /** The state of the longest proper suffix that begins a sequence. */
  readonly fail: Int32Array;
  /** Length of the longest sequence that ends in the state; 0: none does. */
  readonly ends: Int32Array;
}

/**
 * A finder of `sequences`, none of them empty. Found spans reach `margin` symbols further on both sides, as far as there
 * are such. Takes time linear in the text, whatever the sequences and the text are.
 */
export function finder(sequences: readonly ArrayLike<number>[], margin: 0 | 1): Finder {
  const trie = grow(sequences);
  link(trie);
  return (reading) => scan(trie, reading, margin);
}

function grow(sequences: readonly ArrayLike<number>[]): Trie {
  const size = 1 + sequences.reduce((sum, { length }) => sum + length, 0);
  const column = () => new Int32Array(size);
  const trie: Trie = {
    symbol: column(),
    child: column(),
    sibling: column(),
    depth: column(),
    fail: column(),
    ends: column(),
  };
  let states = 1;
  for (const sequence of sequences) {
    let state = 0;
    for (let n = 0; n < sequence.length; n++) {
      const symbol = sequence[n] ?? BREAK;
      let next = childOf(trie, state, symbol);
      if (next === 0) {
        next = states++;
        trie.symbol[next] = symbol;
        trie.sibling[next] = trie.child[state] ?? 0;
        trie.child[state] = next;
        trie.depth[next] = n + 1;
      }
      state = next;
    }
    trie.ends[state] = sequence.length;
  }
  return trie;
}

/** 0 where there is none. */
function childOf({ symbol, child, sibling }: Trie, state: number, wanted: number): number {
  let at = child[state] ?? 0;
  while (at !== 0 && symbol[at] !== wanted) at = sibling[at] ?? 0;
  return at;
}

function link(trie: Trie): void {
  const { child, sibling, fail, ends, symbol } = trie;
  const queue = [0];
  for (let head = 0; head < queue.length; head++) {
    const state = queue[head] ?? 0;
    for (let next = child[state] ?? 0; next !== 0; next = sibling[next] ?? 0) {
      queue.push(next);
      if (state !== 0) fail[next] = follow(trie, fail[state] ?? 0, symbol[next] ?? BREAK);
      ends[next] ||= ends[fail[next] ?? 0] ?? 0;
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

function scan(trie: Trie, reading: Reading, margin: 0 | 1): Found {
  const { symbols, length } = reading;
  const first = firstStates(trie);
  const spans: Span[] = [];
  let state = 0;
  for (let n = 0; n < length; n++) {
    const symbol = symbols[n] ?? BREAK;
    state = state === 0 ? (first[symbol] ?? 0) : follow(trie, state, symbol);
    const ended = trie.ends[state] ?? 0;
    if (ended !== 0) spans.push(spanOf(reading, n - ended + 1, n, margin));
  }
  const depth = trie.depth[state] ?? 0;
  return { spans, open: depth === 0 ? Infinity : spanOf(reading, length - depth, length - 1, margin).start };
}

const rootTables = new WeakMap<Trie, Int32Array>();

/** The root's children as a table: in most texts, most symbols are read there. */
function firstStates(trie: Trie): Int32Array {
  const known = rootTables.get(trie);
  if (known) return known;
  const table = new Int32Array(BREAK + 1);
  for (let at = trie.child[0] ?? 0; at !== 0; at = trie.sibling[at] ?? 0) table[trie.symbol[at] ?? BREAK] = at;
  rootTables.set(trie, table);
  return table;
}

function spanOf({ symbols, from, to, length }: Reading, first: number, last: number, margin: 0 | 1): Span {
  const before = margin === 1 && first > 0 && symbols[first - 1] !== BREAK ? first - 1 : first;
  const after = margin === 1 && last + 1 < length && symbols[last + 1] !== BREAK ? last + 1 : last;
  return { start: from[before] ?? 0, end: to[after] ?? 0 };
}
