import { resolve } from "node:path";

const here = "localhost";

/**
 * Pure: the server that a remote's address names, `localhost` for a folder of this machine; null where that cannot be told:
 * what ssh connects to under a name without a dot is up to its configuration, and other helpers have addresses of their own.
 */
export function hostOf(address: string): string | null {
  if (isFolder(address)) return here;
  const [, scheme, rest = ""] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(address) ?? [null, "ssh", address];
  if (scheme?.toLowerCase() === "file") return here;
  const [, host = ""] = /^(?:[^@/]*@)?(\[[^\]]*\]|[^:/]+)/.exec(rest) ?? [];
  const isAlias = /ssh/i.test(scheme ?? "") && !host.includes(".");
  return host === "" || isAlias || address.includes("::") ? null : host.toLowerCase();
}

/** Pure: an address as it is to be understood from anywhere, where git takes it from the top of the work tree. */
export function absolute(address: string, root: string): string {
  return isFolder(address) ? resolve(root, address) : address;
}

/** As git tells them apart: a colon after a slash is part of a path. */
function isFolder(address: string): boolean {
  return /^[^:]*(\/|$)/.test(address);
}
