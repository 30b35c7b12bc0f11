import { lstatSync, realpathSync, type Stats } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

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
  const refuse = (why: string): Refusal => ({ ok: false, why: `Refused: ${JSON.stringify(path)} ${why}.` });
  if (path === "") return refuse("is empty; give a path in the work tree");
  if (path.includes("\0")) return refuse("holds a NUL byte");
  const wanted = resolve(tree, path);
  if (!isInside(wanted, tree)) return refuse("is outside the work tree");
  const real = followLinks(wanted);
  if (!real.ok) return refuse(real.why);
  if (!isInside(real.path, tree)) return refuse("leads outside the work tree through a link");
  const shown = relative(tree, real.path) || ".";
  for (const name of [...relative(tree, wanted).split(sep), ...shown.split(sep)]) {
    if (isGitFolder(name)) return refuse(`leads into git's own folder (${name})`);
  }
  const stat = lstatSync(real.path, { throwIfNoEntry: false });
  const kind = kindOf(stat);
  if (kind === "special") return refuse("is neither a file nor a folder");
  if (use === "write" && kind === "file" && stat && stat.nlink > 1) {
    return refuse("has more than one hard link, so that writing it could change a file elsewhere");
  }
  return { ok: true, path: real.path, shown, kind };
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

type Followed = { readonly ok: true; readonly path: string } | Refusal;

/** The real path; of a file that is yet to be made, the real path of its nearest folder with the rest after it. */
function followLinks(path: string): Followed {
  try {
    return { ok: true, path: realpathSync(path) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code !== "ENOENT") return { ok: false, why: `cannot be reached (${code})` };
    if (lstatSync(path, { throwIfNoEntry: false })) return { ok: false, why: "leads through a link to nowhere" };
    const folder = followLinks(dirname(path));
    return folder.ok ? { ok: true, path: join(folder.path, basename(path)) } : folder;
  }
}

function kindOf(stat: Stats | undefined): Place["kind"] | "special" {
  if (!stat) return "missing";
  if (stat.isFile()) return "file";
  return stat.isDirectory() ? "directory" : "special";
}
