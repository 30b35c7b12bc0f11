import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import ajvFormats from "ajv-formats";
import { handlers, type OperationId } from "./handlers.ts";

type Schema = object;

/** One operation of GitHub's description as `playground/schemas/rest.json` keeps it. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  /** Of all parameters together, by name. */
  readonly parameters: Schema;
  readonly body?: Schema;
  /** Schema of the JSON body by status; null where there is none. */
  readonly responses: Readonly<Record<string, Schema | null>>;
}

const load = (name: string) => JSON.parse(readFileSync(new URL(`../schemas/${name}.json`, import.meta.url), "utf8"));
const rest: { readonly operations: Readonly<Record<OperationId, Operation>> } = load("rest");
const { operations } = rest;

function checker(coerceTypes: boolean): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false, coerceTypes });
  ajvFormats.default(ajv, ["date-time", "date", "uri", "email"]);
  return ajv.addSchema(rest, "rest");
}

const checks = checker(false).addSchema(load("webhooks"), "webhooks");
/** Parameters arrive as text: "7" is an integer there, and "true" a boolean. */
const parameterChecks = checker(true);

/** Places where GitHub's published schemas refuse what GitHub itself sends, each with the reason. */
const waivers: readonly { readonly at: RegExp; readonly reason: string }[] = [
  {
    at: /\/(author|committer)\/email$/,
    reason: "a bot's address, such as 41898282+github-actions[bot]@users.noreply.github.com, is no `email` to RFC 5321",
  },
  {
    at: /^\/\d+\/account($|\/)/,
    reason: "the list of installations describes an account as a user and an enterprise at once",
  },
];

/** What is wrong with a value by the schema at a place in one of the files; each is compiled on its first use. */
function errorsAt(ajv: Ajv, place: readonly string[], value: unknown): string[] {
  const [file, ...keys] = place.map((key) => encodeURIComponent(key.replaceAll("/", "~1")));
  const validate = ajv.getSchema(`${file}#/${keys.join("/")}`);
  if (!validate) return [`GitHub's description has no ${place.join(" ")}`];
  if (validate(value)) return [];
  const errors = (validate.errors ?? []).filter(({ instancePath }) => !waivers.some(({ at }) => at.test(instancePath)));
  return errors.map(({ instancePath, message, params }) => {
    const allowed = "allowedValues" in params ? ` (${params.allowedValues})` : "";
    return `${instancePath || "/"} ${message ?? "is not valid"}${allowed}`;
  });
}

/** What is wrong with a request. Turns the text of `parameters` into the described types, in place. */
export function checkRequest(id: OperationId, parameters: Record<string, unknown>, body: unknown): string[] {
  const errors = errorsAt(parameterChecks, ["rest", "operations", id, "parameters"], parameters);
  if (!operations[id].body) return errors;
  return [...errors, ...errorsAt(checks, ["rest", "operations", id, "body"], body)];
}

/** What is wrong with an answer of ours. */
export function checkResponse(id: OperationId, status: number, body: unknown): string[] {
  const schema = operations[id].responses[status];
  if (schema === undefined) return [`status ${status} is not described for ${id}`];
  if (schema === null) return body === undefined ? [] : [`status ${status} of ${id} has no JSON body`];
  return errorsAt(checks, ["rest", "operations", id, "responses", String(status)], body);
}

/** What is wrong with a webhook payload of ours; `name` as GitHub's description has it, such as `issues-opened`. */
export const checkWebhook = (name: string, payload: unknown): string[] =>
  errorsAt(checks, ["webhooks", "webhooks", name], payload);

/** `ref` and `path` take the rest of the path, slashes too: `heads/offshoot/7-x`, `src/a.js`. */
function patternOf({ path }: Operation): RegExp {
  const source = path
    .replace("/{path}", "(?:/(?<path>.*))?")
    .replace("{ref}", "(?<ref>.+)")
    .replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  return new RegExp(`^${source}$`);
}

/** Literal segments before parameters, so that `/issues/comments/…` is not taken for an issue's number. */
const sortKey = (id: OperationId) => operations[id].path.replaceAll("{", "\uffff");

const routes = (Object.keys(handlers) as OperationId[])
  .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
  .map((id) => ({ id, method: operations[id].method, pattern: patternOf(operations[id]) }));

/** Finds the operation for a raw (still percent-encoded) path below the API's root, and the parameters in the path. */
export function findRoute(method: string, path: string): { id: OperationId; params: Record<string, string> } | null {
  for (const route of routes) {
    const match = route.method === method ? route.pattern.exec(path) : null;
    if (!match) continue;
    const values = Object.entries(match.groups ?? {}).map(([name, value = ""]) => [name, decodeURIComponent(value)]);
    return { id: route.id, params: Object.fromEntries(values) };
  }
  return null;
}
