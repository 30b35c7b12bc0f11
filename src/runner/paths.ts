import { lstatSync, realpathSync, type Stats } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { errorCode } from "./system-error.ts";

/** A path that a file tool may use. `path` is absolute with every link resolved; `shown` is relative to the work tree. */
export interface Place {
  readonly ok: true;
  readonly path: string;
  readonly shown: string;
  readonly kind: "file" | "directory" | "missing";
}

/** `why` names the path and is meant for the model. */
export interface Refusal {
  readonly ok: false;
  readonly why: string;
}

/**
 * The path policy of the file tools: regular files and folders of the work tree, nothing else. `tree` is a real path.
 * Links are followed as far as they stay inside.
 */
export function findPlace(tree: string, path: string, use: "read" | "write"): Place | Refusal {
  try {
    return judge(tree, path, use);
  } catch (error) {
    const code = errorCode(error);
    if (code === null) throw error;
    return refuse(path, `cannot be reached (${code})`);
  }
}

function judge(tree: string, path: string, use: "read" | "write"): Place | Refusal {
  if (path === "") return refuse(path, "is empty; give a path in the work tree");
  if (path.includes("\0")) return refuse(path, "holds a NUL byte");
  const wanted = resolve(tree, path);
  if (!isInside(wanted, tree)) return refuse(path, "is outside the work tree");
  const real = followLinks(wanted);
  if (real === null) return refuse(path, "leads through a link to nowhere");
  if (!isInside(real, tree)) return refuse(path, "leads outside the work tree through a link");
  const shown = relative(tree, real) || ".";
  const git = [...relative(tree, wanted).split(sep), ...shown.split(sep)].find(isGitFolder);
  if (git !== undefined) return refuse(path, `leads into git's own folder (${git})`);
  const stat = lstatSync(real, { throwIfNoEntry: false });
  const kind = kindOf(stat);
  if (kind === "special") return refuse(path, "is neither a file nor a folder");
  if (use === "write" && kind === "file" && stat && stat.nlink > 1) {
    return refuse(path, "has more than one hard link, so that writing it could change a file elsewhere");
  }
  return { ok: true, path: real, shown, kind };
}

function refuse(path: string, why: string): Refusal {
  return { ok: false, why: `Refused: ${JSON.stringify(path)} ${why}.` };
}

/** Both absolute and without `..`; a folder is inside itself. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/**
 * Whether some file system takes this name for `.git`: other case, full-width and accented letters, invisible characters,
 * trailing dots and spaces, NTFS streams and short names.
 */
export function isGitFolder(name: string): boolean {
  const plain = name
    .normalize("NFKD")
    .replace(/[\p{M}\p{Cf}\p{Cc}]/gu, "")
    .toUpperCase()
    .replace(/:.*$/, "")
    .replace(/[. ]+$/, "");
  return plain === ".GIT" || /^GIT~\d+$/.test(plain);
}

/**
 * The real path; of a file that is yet to be made, the real path of its nearest folder with the rest after it. Null for
 * a link whose target is missing: writing through it would make a file that nobody looked at.
 */
function followLinks(path: string): string | null {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  if (lstatSync(path, { throwIfNoEntry: false })) return null;
  const folder = followLinks(dirname(path));
  return folder === null ? null : join(folder, basename(path));
}

function kindOf(stat: Stats | undefined): Place["kind"] | "special" {
  if (!stat) return "missing";
  if (stat.isFile()) return "file";
  return stat.isDirectory() ? "directory" : "special";
}
