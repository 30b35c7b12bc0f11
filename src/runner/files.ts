import { isUtf8 } from "node:buffer";
import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { closestLine } from "./closest.ts";
import { findPlace, type Place, type Refusal } from "./paths.ts";
import { errorCode } from "./system-error.ts";

/** What a file tool did. `output` is for the model; `path` is relative to the work tree. */
export type FileOutcome =
  | { readonly type: "read"; readonly output: string; readonly path: string }
  | {
      readonly type: "changed";
      readonly output: string;
      readonly path: string;
      readonly change: "created" | "edited";
      readonly bytes: number;
    }
  | { readonly type: "refused"; readonly output: string };

const maxLines = 2_000;
const maxCharacters = 30_000;
const maxBytes = 10 * 1024 * 1024;
const maxEntries = 500;

/** Lines `from` (counted from 1) to `from + lines - 1` of a text file, word for word; of a folder, its entries. */
export function readPath(
  tree: string,
  request: { readonly path: string; readonly from?: number | undefined; readonly lines?: number | undefined },
): FileOutcome {
  return at(findPlace(tree, request.path, "read"), (place) => {
    if (place.kind === "directory") return { type: "read", output: listFolder(place.path), path: place.shown };
    const text = readText(place);
    if (!text.ok) return refused(text.why);
    const output = excerpt(text.text, request.from ?? 1, request.lines ?? maxLines);
    return { type: "read", output, path: place.shown };
  });
}

/** Makes or replaces a whole file, with the folders above it. */
export function writePath(tree: string, request: { readonly path: string; readonly content: string }): FileOutcome {
  return at(findPlace(tree, request.path, "write"), (place) => save(place, request.content));
}

/** Replaces `old`, which must be there exactly once, by `new`. */
export function editPath(
  tree: string,
  request: { readonly path: string; readonly old: string; readonly new: string },
): FileOutcome {
  return at(findPlace(tree, request.path, "write"), (place) => {
    if (request.old === "") return refused("`old` is empty; to replace a whole file use write.");
    if (request.old === request.new) return refused("`old` and `new` are the same; nothing was changed.");
    const text = readText(place);
    if (!text.ok) return refused(text.why);
    const found = count(text.text, request.old);
    if (found > 1) {
      return refused(`\`old\` was found ${found} times in ${place.shown}; add lines around it until it is unique.`);
    }
    if (found === 0) return refused(`\`old\` was not found in ${place.shown}. ${closestLine(text.text, request.old)}`);
    const start = text.text.indexOf(request.old);
    return save(place, text.text.slice(0, start) + request.new + text.text.slice(start + request.old.length));
  });
}

/** What the path policy and the file system refuse is an answer, not an error. */
function at(place: Place | Refusal, act: (place: Place) => FileOutcome): FileOutcome {
  if (!place.ok) return refused(place.why);
  try {
    return act(place);
  } catch (error) {
    if (!(error instanceof Error) || errorCode(error) === null) throw error;
    return refused(`${place.shown}: ${error.message}`);
  }
}

function save(place: Place, content: string): FileOutcome {
  if (place.kind === "directory") return refused(`${place.shown} is a folder.`);
  mkdirSync(dirname(place.path), { recursive: true });
  const file = openSync(place.path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW);
  try {
    writeFileSync(file, content);
  } finally {
    closeSync(file);
  }
  const bytes = Buffer.byteLength(content);
  const change = place.kind === "missing" ? "created" : "edited";
  const output = `${change === "created" ? "Created" : "Changed"} ${place.shown} (${bytes} bytes).`;
  return { type: "changed", output, path: place.shown, change, bytes };
}

type Text = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

function readText({ path, shown, kind }: Place): Text {
  if (kind === "missing") return { ok: false, why: `${shown} does not exist.` };
  if (kind === "directory") return { ok: false, why: `${shown} is a folder.` };
  const { size } = statSync(path);
  if (size > maxBytes) return { ok: false, why: `${shown} has ${size} bytes; look at parts of it with exec.` };
  const bytes = readFileSync(path, { flag: constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK });
  if (isUtf8(bytes) && !bytes.includes(0)) return { ok: true, text: bytes.toString("utf8") };
  return { ok: false, why: `${shown} is binary (${bytes.length} bytes); look at it with exec.` };
}

/** The lines, and in a line of its own in brackets what was left out and how to get it. */
function excerpt(text: string, from: number, wanted: number): string {
  if (text === "") return "[The file is empty.]";
  const all = text.split(/(?<=\n)/);
  if (from > all.length) return `[The file has ${all.length} lines only.]`;
  const shown: string[] = [];
  let room = maxCharacters;
  for (const line of all.slice(from - 1, from - 1 + Math.min(wanted, maxLines))) {
    if (line.length > room) break;
    room -= line.length;
    shown.push(line);
  }
  if (shown.length === 0)
    return `[Line ${from} has ${all[from - 1]?.length} characters; look at parts of it with exec.]`;
  const last = from + shown.length - 1;
  if (last === all.length && from === 1) return shown.join("");
  const more = last < all.length ? `; the next is ${last + 1}` : "";
  const gap = shown.at(-1)?.endsWith("\n") ? "" : "\n";
  return `${shown.join("")}${gap}[lines ${from} to ${last} of ${all.length}${more}]`;
}

function listFolder(path: string): string {
  const entries = readdirSync(path, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const shown = names.slice(0, maxEntries);
  if (shown.length === 0) return "[The folder is empty.]";
  const rest = names.length - shown.length;
  return shown.join("\n") + (rest > 0 ? `\n[${rest} more entries]` : "");
}

/** Overlapping ones count too: each is a place that could be meant. */
function count(text: string, part: string): number {
  let found = 0;
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) found++;
  return found;
}

function refused(output: string): FileOutcome {
  return { type: "refused", output };
}
