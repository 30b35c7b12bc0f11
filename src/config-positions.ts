/** Where something stands in a file; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

const KEY = /\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*([.=\]])/y;

/**
 * Finds the keys of a valid TOML file, which its parser does not place. The function that is returned gives the place of
 * a key, or of the innermost table around it that has a place, such as that of an inline table.
 */
export function locateKeys(text: string): (path: readonly string[]) => Position {
  const places = new Map<string, Position>();
  let table: readonly string[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    const header = /^\s*\[+/.exec(line)?.[0] ?? "";
    const outer = header ? [] : table;
    const path = [...outer];
    for (const { key, column } of readKeys(line, header.length)) {
      path.push(key);
      const name = JSON.stringify(path);
      if (!places.has(name)) places.set(name, { line: at + 1, column });
    }
    if (header) table = path;
  }
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const place = places.get(JSON.stringify(path.slice(0, length)));
      if (place) return place;
    }
    return { line: 1, column: 1 };
  };
}

/** The dotted key that begins at `from`, segment by segment. */
function* readKeys(line: string, from: number): Generator<{ key: string; column: number }> {
  let at = from;
  for (;;) {
    KEY.lastIndex = at;
    const found = KEY.exec(line);
    if (!found) return;
    const [whole, basic, literal, bare, end] = found;
    yield { key: basic ?? literal ?? bare ?? "", column: at + whole.search(/\S/) + 1 };
    if (end !== ".") return;
    at = KEY.lastIndex;
  }
}
