/** The lines that go and come, with a minus or a plus before each, and where they stand in the old text; empty: none. */
export function difference(before: string, after: string): string {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  const common = commonLines(old, fresh);
  const lines: string[] = [];
  for (let [i, j, open] = [0, 0, false]; i < old.length || j < fresh.length; ) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      [i, j, open] = [i + 1, j + 1, false];
      continue;
    }
    if (!open) lines.push(`line ${i + 1}:`);
    open = true;
    const goes = j >= fresh.length || (i < old.length && at(common, i + 1, j) >= at(common, i, j + 1));
    lines.push(goes ? `- ${old[i++]}` : `+ ${fresh[j++]}`);
  }
  return lines.join("\n");
}

const at = (table: readonly (readonly number[])[], i: number, j: number) => table[i]?.[j] ?? 0;

/** How many lines the texts have in common, in order, from each pair of lines on. */
function commonLines(old: readonly string[], fresh: readonly string[]): number[][] {
  const table = Array.from({ length: old.length + 1 }, () => new Array<number>(fresh.length + 1).fill(0));
  for (let i = old.length - 1; i >= 0; i--) {
    const row = table[i] as number[];
    for (let j = fresh.length - 1; j >= 0; j--) {
      row[j] = old[i] === fresh[j] ? at(table, i + 1, j + 1) + 1 : Math.max(at(table, i + 1, j), row[j + 1] ?? 0);
    }
  }
  return table;
}
