/** A line that a step printed: text for the log, or a command to the runner. */
export type Line =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "hidden" }
  | { readonly kind: "mask"; readonly value: string }
  | { readonly kind: "stop"; readonly until: string };

const shown: readonly string[] = ["error", "warning", "notice", "group", "endgroup"];

/** Reads `::command key=value::message`. `stoppedUntil` is the word given to `stop-commands`, if one is in force. */
export function readLine(line: string, stoppedUntil: string | null): Line | { readonly kind: "resume" } {
  const match = /^\s*::([a-z-]+)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)$/i.exec(line);
  if (stoppedUntil !== null)
    return line.trim() === `::${stoppedUntil}::` ? { kind: "resume" } : { kind: "text", text: line };
  const name = match?.[1]?.toLowerCase();
  if (!match || !name) return { kind: "text", text: line };
  const message = unescapeData(match[3] ?? "");
  if (shown.includes(name)) return { kind: "text", text: `##[${name}]${location(match[2])}${message}` };
  switch (name) {
    case "add-mask":
      return { kind: "mask", value: message };
    case "stop-commands":
      return { kind: "stop", until: message };
    case "debug":
    case "echo":
    case "add-matcher":
    case "remove-matcher":
      return { kind: "hidden" };
    default:
      return { kind: "text", text: line };
  }
}

function location(properties: string | undefined): string {
  const entries = (properties ?? "").split(",").map((pair) => pair.split("=", 2));
  const { file, line } = Object.fromEntries(entries);
  return file ? `${unescapeProperty(file)}${line ? `:${line}` : ""}: ` : "";
}

function unescapeData(value: string): string {
  return value.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
}

function unescapeProperty(value: string): string {
  return unescapeData(value.replaceAll("%3A", ":").replaceAll("%2C", ","));
}

export type Assignments = { ok: true; values: Record<string, string> } | { ok: false; problem: string };

/** Reads what a step wrote to GITHUB_OUTPUT, GITHUB_ENV or GITHUB_STATE: `name=value` and `name<<END … END`. */
export function readAssignments(file: string, content: string): Assignments {
  const values: Record<string, string> = {};
  const lines = content.split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    if (line === "") continue;
    const [, name, operator, rest = ""] = /^(.+?)(=|<<)(.*)$/.exec(line) ?? [];
    if (!name) return { ok: false, problem: `${file}, line ${at + 1}: "${line}" is neither name=value nor name<<END.` };
    if (operator === "=") {
      values[name] = rest;
      continue;
    }
    const end = lines.indexOf(rest, at + 1);
    if (end === -1)
      return { ok: false, problem: `${file}, line ${at + 1}: no line "${rest}" ends the value of ${name}.` };
    values[name] = lines.slice(at + 1, end).join("\n");
    at = end;
  }
  return { ok: true, values };
}

/** Replaces every known secret, the longest first, so that none shows through another. */
export function mask(text: string, secrets: Iterable<string>): string {
  const known = [...secrets].filter((secret) => secret !== "").sort((a, b) => b.length - a.length);
  return known.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}

/** A multi-line secret is masked line by line, as it shows in a log. */
export function maskedLines(secret: string): string[] {
  return [secret, ...secret.split(/\r?\n/)].filter((line) => line.trim() !== "");
}
