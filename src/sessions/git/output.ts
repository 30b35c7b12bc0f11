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

/** What `git cat-file --batch` answered to `count` names, null for those that it did not find. */
export function parseBatch(out: Buffer, count: number): (Buffer | null)[] {
  const blobs: (Buffer | null)[] = [];
  let at = 0;
  while (blobs.length < count) {
    const end = out.indexOf(10, at);
    const header = out.toString("utf8", at, end);
    at = end + 1;
    const size = /^[0-9a-f]{40} \w+ (\d+)$/.exec(header)?.[1];
    blobs.push(size === undefined ? null : out.subarray(at, at + Number(size)));
    if (size !== undefined) at += Number(size) + 1;
  }
  return blobs;
}

/** What git, or the remote through it, complained about. */
export function complaint(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const telling = lines.filter((line) => /^(fatal|error|remote):/.test(line));
  return (telling.length > 0 ? telling : lines).filter(Boolean).join(" ");
}
