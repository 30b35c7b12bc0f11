import { Refusal } from "./call.ts";
import { type OperationId, operationIds } from "./operations.ts";
import { type CutOperation, operations } from "./validate.ts";

/** Parameters that take the rest of a path segment, slashes too: `heads/offshoot/7-x`, `src/a.js`. */
const WITH_SLASHES = ["ref", "path", "basehead", "branch"];

interface Route {
  readonly id: OperationId;
  readonly method: string;
  readonly pattern: RegExp;
}

function patternOf({ path }: CutOperation): RegExp {
  const source = path.replaceAll(/\/\{(\w+)\}/g, (_, name: string) =>
    name === "path" ? "(?:/(?<path>.*))?" : `/(?<${name}>${WITH_SLASHES.includes(name) ? ".+" : "[^/]+"})`,
  );
  return new RegExp(`^${source}$`);
}

/** Literal segments before parameters, so that `/issues/comments/…` is not taken for an issue's number. */
const byPath = (id: OperationId) => operations[id].path.replaceAll("{", "\uffff");

const routes: readonly Route[] = operationIds
  .toSorted((a, b) => (byPath(a) < byPath(b) ? -1 : 1))
  .map((id) => ({ id, method: operations[id].method, pattern: patternOf(operations[id]) }));

/** Finds the operation for a raw (still percent-encoded) path below the API's root. */
export function findRoute(method: string, path: string): { id: OperationId; path: Record<string, unknown> } | null {
  for (const route of routes) {
    const match = route.method === method ? route.pattern.exec(path) : null;
    if (!match) continue;
    const values = Object.entries(match.groups ?? {}).map(([name, value]) => [name, decode(value ?? "")]);
    return { id: route.id, path: Object.fromEntries(values) };
  }
  return null;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw new Refusal(400, `Malformed percent-encoding in the path: ${value}`);
  }
}
