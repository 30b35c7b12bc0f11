import type { SessionId } from "./ids.ts";

/** The name of a session's own branch: `offshoot/<thread>-<slug>-<last 4 of the id>`, without a thread no number. */
export function branchName(of: {
  readonly session: SessionId;
  readonly title: string;
  readonly thread?: number | undefined;
}): string {
  const parts = [...(of.thread === undefined ? [] : [of.thread]), slug(of.title), of.session.slice(-4).toLowerCase()];
  return `offshoot/${parts.join("-")}`;
}

function slug(title: string): string {
  const words = title
    .normalize("NFKD")
    .toLowerCase()
    .match(/[a-z0-9]+/g);
  return (words ?? ["work"]).join("-").slice(0, 40).replace(/-+$/, "");
}
