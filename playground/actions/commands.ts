/** What a line asks of the runner as `::name properties::message`; null for a line that is text. */
export function readCommand(line: string): { readonly name: string; readonly message: string } | null {
  const [, name, escaped = ""] = /^::([a-z-]+)(?: .*?)?::(.*)$/.exec(line) ?? [];
  const message = escaped.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
  return name ? { name, message } : null;
}

/** Reads what a step wrote to GITHUB_OUTPUT, GITHUB_ENV or GITHUB_STATE: `name=value` and `name<<END … END`. */
export function readAssignments(file: string, content: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = content.split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    if (line === "") continue;
    const [, name, operator, rest = ""] = /^(.+?)(=|<<)(.*)$/.exec(line) ?? [];
    if (!name) throw new Error(`${file}, line ${at + 1}: "${line}" is neither name=value nor name<<END.`);
    if (operator === "=") {
      values[name] = rest;
      continue;
    }
    const end = lines.indexOf(rest, at + 1);
    if (end === -1) throw new Error(`${file}, line ${at + 1}: no line "${rest}" ends the value of ${name}.`);
    values[name] = lines.slice(at + 1, end).join("\n");
    at = end;
  }
  return values;
}

/** Replaces every known secret, the longest first, so that none shows through another. */
export function mask(text: string, secrets: Iterable<string>): string {
  const known = [...secrets].sort((a, b) => b.length - a.length);
  return known.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}

/** A multi-line secret is masked line by line, as it shows in a log. */
export function maskedLines(secret: string): string[] {
  return [secret, ...secret.split(/\r?\n/)].filter((line) => line.trim() !== "");
}
