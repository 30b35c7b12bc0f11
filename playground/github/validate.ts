import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import ajvFormats from "ajv-formats";
import type { OperationId } from "./operations.ts";
import { waivers } from "./waivers.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface CutParameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required: boolean;
  readonly schema: Json;
}

/** One operation of GitHub's description as `playground/schemas/rest.json` keeps it. */
export interface CutOperation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly CutParameter[];
  readonly body?: Json;
  readonly bodyRequired?: boolean;
  /** Schema of the JSON body by status; null where there is none. */
  readonly responses: Readonly<Record<string, Json>>;
}

interface RestSchemas {
  readonly operations: Readonly<Record<OperationId, CutOperation>>;
  readonly schemas: Json;
}

const load = (name: string) => JSON.parse(readFileSync(new URL(`../schemas/${name}.json`, import.meta.url), "utf8"));
const rest: RestSchemas = load("rest");

/** What GitHub's description says about every operation of the double. */
export const operations = rest.operations;

const checker = (coerceTypes: boolean) => {
  const ajv = new Ajv({ strict: false, allErrors: true, coerceTypes, validateFormats: true });
  ajvFormats.default(ajv, ["date-time", "date", "uri", "email"]);
  return ajv;
};
const bodies = checker(false).addSchema(rest, "rest");
// Parameters arrive as text: "7" is an integer there, and "true" a boolean.
const parameters = checker(true);
let webhooks: Ajv | undefined;

const compiled = new Map<string, ValidateFunction>();

/** Compiles on first use, so that starting costs nothing for what a process never touches. */
function validator(key: string, compile: () => ValidateFunction): ValidateFunction {
  const known = compiled.get(key) ?? compile();
  compiled.set(key, known);
  return known;
}

const pointer = (...keys: string[]) =>
  keys.map((key) => `/${encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"))}`).join("");
const inRest = (...keys: string[]) => bodies.compile({ $ref: `rest#/operations${pointer(...keys)}` });

const describe = ({ instancePath, message, params }: ErrorObject): string =>
  `${instancePath || "/"} ${message ?? "is not valid"}${"allowedValues" in params ? ` (${params.allowedValues})` : ""}`;

const errorsOf = (validate: ValidateFunction, value: unknown): ErrorObject[] =>
  validate(value) ? [] : (validate.errors ?? []);

/** Checks `values` in place, turning text into the described types; answers what is wrong. */
export function checkParameters(id: OperationId, values: Record<string, unknown>): string[] {
  const validate = validator(`${id} parameters`, () => {
    const described = operations[id].parameters;
    return parameters.compile({
      type: "object",
      properties: Object.fromEntries(described.map(({ name, schema }) => [name, schema])),
      required: described.filter(({ required }) => required).map(({ name }) => name),
    });
  });
  return errorsOf(validate, values).map(describe);
}

/** What is wrong with a request's JSON body. */
export function checkBody(id: OperationId, body: unknown): string[] {
  if (operations[id].body === undefined) return [];
  if (body === undefined) return operations[id].bodyRequired ? ["/ a JSON body is required"] : [];
  return errorsOf(
    validator(`${id} body`, () => inRest(id, "body")),
    body,
  ).map(describe);
}

/** What is wrong with an answer of ours, waivers taken off. */
export function checkResponse(id: OperationId, status: number, body: unknown): string[] {
  const schema = operations[id].responses[status];
  if (schema === undefined) return status >= 400 ? [] : [`status ${status} is not described for ${id}`];
  if (schema === null) return body === undefined ? [] : [`status ${status} of ${id} has no JSON body`];
  const errors = errorsOf(
    validator(`${id} ${status}`, () => inRest(id, "responses", String(status))),
    body,
  );
  return unwaived(id, errors);
}

/** What is wrong with a webhook payload of ours; `name` as in operations.ts, such as `issues-opened`. */
export function checkWebhook(name: string, payload: unknown): string[] {
  webhooks ??= checker(false).addSchema(load("webhooks"), "webhooks");
  const ajv = webhooks;
  const validate = validator(`webhook ${name}`, () => ajv.compile({ $ref: `webhooks#/webhooks${pointer(name)}` }));
  return unwaived(name, errorsOf(validate, payload));
}

function unwaived(subject: string, errors: ErrorObject[]): string[] {
  const applies = ({ instancePath }: ErrorObject) =>
    waivers.some(({ subject: pattern, at }) => pattern.test(subject) && at.test(instancePath));
  return errors.filter((error) => !applies(error)).map(describe);
}
