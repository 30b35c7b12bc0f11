/** A commit in a stream of `git fast-import`. */
export interface StreamedCommit {
  /** RFC 3339 */
  readonly at: string;
  readonly mark?: number;
  /** Commits or marks; without any, it stands on the one before it on its ref. */
  readonly from?: string;
  readonly merged?: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  /** The files are added to those of the commit that it stands on. */
  readonly adds?: boolean;
}

export function commitIn(ref: string, commit: StreamedCommit): string {
  const { at, mark, from, merged = [], files, adds = false } = commit;
  const who = `ada <7+ada@users.noreply.github.com> ${Math.floor(Date.parse(at) / 1000)} +0000`;
  const blobs = Object.entries(files).map(
    ([name, text]) => `M 100644 inline ${name}\ndata ${Buffer.byteLength(text)}\n${text}\n`,
  );
  return [
    `commit ${ref}\n`,
    ...(mark === undefined ? [] : [`mark :${mark}\n`]),
    `author ${who}\ncommitter ${who}\ndata 7\nsomeone\n`,
    ...(from === undefined ? [] : [`from ${from}\n`]),
    ...merged.map((parent) => `merge ${parent}\n`),
    ...(adds ? [] : ["deleteall\n"]),
    ...blobs,
  ].join("");
}

/** Begins a ref anew, so that its next commit stands on nothing. */
export const resetOf = (ref: string) => `reset ${ref}\n`;
