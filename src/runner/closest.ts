/** For a text that was not found: the line of `text` that is most like its first line, as a hint to the model. */
export function closestLine(text: string, wanted: string): string {
  if (text.includes("\r\n") && text.includes(wanted.replaceAll("\n", "\r\n"))) {
    return "The file ends its lines with \\r\\n: write them so in `old` and `new`.";
  }
  const first = wanted.split("\n").find((line) => line.trim() !== "") ?? "";
  let best = { line: "", number: 0, likeness: 0 };
  for (const [index, line] of text.split("\n").entries()) {
    const found = likeness(line.trim(), first.trim());
    if (found > best.likeness) best = { line, number: index + 1, likeness: found };
  }
  if (best.likeness < 0.5) return "No line is like its first one; read the file again.";
  return `The closest line is ${best.number}: ${JSON.stringify(best.line.slice(0, 200))}. Everything must match, white space too.`;
}

/** The share of letter pairs that two lines have in common, from 0 to 1. */
function likeness(one: string, other: string): number {
  if (one === other) return one === "" ? 0 : 1;
  const pairs = new Map<string, number>();
  for (const pair of letterPairs(one)) pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
  let common = 0;
  for (const pair of letterPairs(other)) {
    const left = pairs.get(pair) ?? 0;
    if (left > 0) common++;
    pairs.set(pair, left - 1);
  }
  return (2 * common) / Math.max(1, one.length + other.length - 2);
}

function letterPairs(line: string): string[] {
  return Array.from({ length: Math.max(0, line.length - 1) }, (_, at) => line.slice(at, at + 2));
}
