import * as v from "valibot";
import { type CommitId, commitIdSchema } from "../ids.ts";

/** Refs by name, from lines of an object id, one blank, and the name. */
export function parseRefs(lines: string): ReadonlyMap<string, CommitId> {
  const refs = lines.split("\n").filter(Boolean);
  return new Map(refs.map((line) => [line.slice(41), v.parse(commitIdSchema, line.slice(0, 40))]));
}

/** The refs that a porcelain push names as rejected, and why; one that the remote was silent about is none of them. */
export function rejections(porcelain: string): { ref: string; reason: string }[] {
  return porcelain.split("\n").flatMap((line) => {
    const [flag, refspec = "", reason = ""] = line.split("\t");
    if (flag !== "!" || reason.startsWith("[remote failure]")) return [];
    return [{ ref: refspec.slice(refspec.indexOf(":") + 1), reason }];
  });
}

/** Reads what `git cat-file --batch` answers as it comes: each object goes to `use`, null for one that was not found. */
export function batchReader(use: (object: Buffer | null) => void): (chunk: Buffer) => void {
  let held: Buffer[] = [];
  let length = 0;
  let needed = 1;
  return (chunk) => {
    held.push(chunk);
    length += chunk.length;
    if (length < needed) return;
    const bytes = Buffer.concat(held);
    let at = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, at)) {
      const size = /^[0-9a-f]{40} \w+ (\d+)$/.exec(bytes.toString("utf8", at, end))?.[1];
      const next = size === undefined ? end + 1 : end + 1 + Number(size) + 1;
      needed = next - at;
      if (next > bytes.length) break;
      use(size === undefined ? null : bytes.subarray(end + 1, next - 1));
      at = next;
      needed = 1;
    }
    held = [bytes.subarray(at)];
    length = bytes.length - at;
  };
}

/** What git, or the remote through it, complained about. */
export function complaint(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const telling = lines.filter((line) => /^(fatal|error|remote):/.test(line));
  return (telling.length > 0 ? telling : lines).filter(Boolean).join(" ");
}
