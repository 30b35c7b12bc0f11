/** `ENOENT` and the like: the code of an error of the operating system or of Node, whichever realm made it. */
export function errorCode(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}
