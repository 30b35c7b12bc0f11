/** Which release this is, after those that there are, newest first. Throws where it is none. */
export function releaseOf(
  version: string,
  before: readonly string[],
): { readonly tag: string; readonly major: string; readonly last: string | undefined } {
  const numbers = /^(\d+)\.(\d+)\.(\d+)$/.exec(version)?.slice(1).map(Number);
  if (!numbers) throw new Error(`A version is three numbers, such as 1.4.0; this is ${JSON.stringify(version)}.`);
  const [last] = before;
  if (last && !isLater(numbers, last.slice(1).split(".").map(Number)))
    throw new Error(`${version} does not come after ${last}, the last release. Choose a higher version.`);
  return { tag: `v${version}`, major: `v${numbers[0]}`, last };
}

function isLater(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((number, index) => number !== other[index]);
  return at >= 0 && (one[at] ?? 0) > (other[at] ?? 0);
}

const headings: Readonly<Record<string, string>> = {
  feat: "New",
  fix: "Mended",
  perf: "Faster",
};

/** What is new for users, from the subjects of conventional commits, newest first. */
export function changelog(release: { version: string; date: string; subjects: readonly string[] }): string {
  const { version, date, subjects } = release;
  const entries = subjects.flatMap((subject) => {
    const [, type = "", scope, breaking, text = ""] = /^(\w+)(?:\(([^)]*)\))?(!?): (.*)$/.exec(subject) ?? [];
    const heading = breaking ? "Changed in a way that needs your attention" : headings[type];
    return heading ? [{ heading, line: `- ${scope ? `${scope}: ` : ""}${text}` }] : [];
  });
  const order = ["Changed in a way that needs your attention", ...Object.values(headings)];
  const sections = order.flatMap((heading) => {
    const lines = entries.filter((entry) => entry.heading === heading).map(({ line }) => line);
    return lines.length > 0 ? [`### ${heading}\n\n${lines.join("\n")}\n`] : [];
  });
  return [`## ${version} (${date})\n`, ...(sections.length > 0 ? sections : ["Nothing that users notice.\n"])].join(
    "\n",
  );
}
