import { constants, type Dirent, promises as fs } from "node:fs";
import { basename, join, matchesGlob, relative } from "node:path";
import { createContext, Script } from "node:vm";
import { findPlace, isGitFolder } from "./paths.ts";
import { errorCode } from "./system-error.ts";

export interface SearchRequest {
  /** A JavaScript regular expression, matched line by line. */
  readonly pattern: string;
  /** A file or folder of the work tree; the work tree itself when left out. */
  readonly path?: string | undefined;
  /** Matched against the path relative to the work tree, or against the name alone when it holds no slash. */
  readonly glob?: string | undefined;
}

const heavyFolders = new Set(["node_modules", ".venv", "venv", "__pycache__", ".tox", ".cache", ".next", ".gradle"]);
const maxMatches = 200;
const maxLineLength = 300;
const maxFileBytes = 1024 * 1024;
const maxMs = 2_000;
const batchSize = 64;

/** Lines as `path:number:text`, in the order of the paths; or why there is none. Takes 2 s of matching at most. */
export async function searchTree(tree: string, request: SearchRequest, signal: AbortSignal): Promise<string> {
  const pattern = parsePattern(request.pattern);
  if (typeof pattern === "string") return pattern;
  const place = findPlace(tree, request.path ?? ".", "read");
  if (!place.ok) return place.why;
  if (place.kind === "missing") return `${place.shown} does not exist.`;
  const files = place.kind === "file" ? [place.path] : await filesBelow(place.path, signal);
  const paths = files.map((path) => relative(tree, path)).filter((path) => isWanted(path, request.glob));
  return report(await matchesIn(tree, { paths, pattern, signal }));
}

interface Matches {
  readonly lines: readonly string[];
  /** `slow`: the time was up; `stopped`: the turn was; `many`: there are more. */
  readonly end: "all" | "many" | "slow" | "stopped";
}

function parsePattern(pattern: string): RegExp | string {
  try {
    return new RegExp(pattern);
  } catch (error) {
    if (error instanceof SyntaxError) return `${error.message}. To search for the text itself, escape it with \\.`;
    throw error;
  }
}

/** Sorted; links are not followed, so that nothing outside the tree is read. */
async function filesBelow(folder: string, signal: AbortSignal): Promise<string[]> {
  if (signal.aborted) return [];
  const entries = await fs.readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  const files: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isFile() && !isGitFolder(entry.name)) files.push(path);
    const skipped = isGitFolder(entry.name) || heavyFolders.has(entry.name);
    if (entry.isDirectory() && !skipped) files.push(...(await filesBelow(path, signal)));
  }
  return files;
}

function isWanted(path: string, glob: string | undefined): boolean {
  return glob === undefined || matchesGlob(glob.includes("/") ? path : basename(path), glob);
}

async function matchesIn(
  tree: string,
  search: { readonly paths: readonly string[]; readonly pattern: RegExp; readonly signal: AbortSignal },
): Promise<Matches> {
  const lines: string[] = [];
  let msLeft = maxMs;
  for (let at = 0; at < search.paths.length; at += batchSize) {
    if (search.signal.aborted) return { lines, end: "stopped" };
    const batch = search.paths.slice(at, at + batchSize);
    const texts = await Promise.all(batch.map((path) => textOf(join(tree, path))));
    const started = performance.now();
    const inTime = within(msLeft, () => {
      for (const [index, path] of batch.entries()) addMatches(lines, path, texts[index] ?? "", search.pattern);
    });
    msLeft -= performance.now() - started;
    if (!inTime) return { lines, end: "slow" };
    if (lines.length > maxMatches) return { lines: lines.slice(0, maxMatches), end: "many" };
  }
  return { lines, end: search.signal.aborted ? "stopped" : "all" };
}

function addMatches(lines: string[], path: string, text: string, pattern: RegExp): void {
  for (const [index, line] of text.split("\n").entries()) {
    if (lines.length > maxMatches) return;
    if (pattern.test(line)) lines.push(`${path}:${index + 1}:${line.slice(0, maxLineLength)}`);
  }
}

/** Empty for what is no text, too long, or gone. */
async function textOf(path: string): Promise<string> {
  try {
    if ((await fs.stat(path)).size > maxFileBytes) return "";
    const bytes = await fs.readFile(path, { flag: constants.O_RDONLY | constants.O_NOFOLLOW });
    return bytes.includes(0) ? "" : bytes.toString();
  } catch {
    return "";
  }
}

const call = new Script("task()");

/** Some patterns take for ever on some lines; only a time limit of `node:vm` ends a running match. False when it did. */
function within(ms: number, task: () => void): boolean {
  try {
    call.runInContext(createContext({ task }), { timeout: Math.max(1, Math.ceil(ms)) });
    return true;
  } catch (error) {
    if (errorCode(error) === "ERR_SCRIPT_EXECUTION_TIMEOUT") return false;
    throw error;
  }
}

function report({ lines, end }: Matches): string {
  const notes = {
    all: lines.length === 0 ? "[Nothing found.]" : "",
    many: `[More than ${maxMatches} lines match; narrow the pattern, the path or the glob.]`,
    slow: `[Ended after ${maxMs} ms; use a simpler pattern, a path or a glob.]`,
    stopped: "[The search was stopped from outside.]",
  };
  return [...lines, notes[end]].filter((line) => line !== "").join("\n");
}
