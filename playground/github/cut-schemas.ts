/**
 * Cuts what the double needs out of GitHub's published OpenAPI descriptions into `playground/schemas/*.json`: the
 * operations and webhooks named in operations.ts, the component schemas they reach, no prose. The descriptions
 * themselves (400 MB) are no dependency; fetch them once into a scratch folder and pass the two files:
 *
 *   npm install --prefix /tmp/openapi --ignore-scripts @octokit/openapi @octokit/openapi-webhooks
 *   cd /tmp/openapi/node_modules/@octokit
 *   node PROJECT/playground/github/cut-schemas.ts openapi/generated/api.github.com.json \
 *     openapi-webhooks/generated/api.github.com.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import { operationIds, webhookNames } from "./operations.ts";
import type { CutOperation, CutParameter, Json } from "./validate.ts";

type JsonObject = { [key: string]: Json };

const PROSE = [
  "description",
  "example",
  "examples",
  "title",
  "externalDocs",
  "deprecated",
  "summary",
  "readOnly",
  "nullable",
  "default",
];
const FORMATS = ["date-time", "uri", "email", "date"];

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const object = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});

/** JSON Schema out of OpenAPI's dialect. */
function toJsonSchema(value: Json): Json {
  if (Array.isArray(value)) return value.map(toJsonSchema);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([keyword, child]) => isKept(keyword, child));
  const out = Object.fromEntries(kept.map(([keyword, child]) => [keyword, convert(keyword, child)]));
  return value.nullable === true ? orNull(out) : out;
}

function isKept(keyword: string, child: Json): boolean {
  if (keyword === "format") return FORMATS.includes(String(child));
  return !PROSE.includes(keyword) && !keyword.startsWith("x-");
}

function convert(keyword: string, child: Json): Json {
  if (keyword === "$ref") return String(child).replace("#/components/", "#/");
  if (keyword === "enum" || keyword === "const" || keyword === "required") return child;
  if (keyword !== "properties" && keyword !== "patternProperties") return toJsonSchema(child);
  return Object.fromEntries(Object.entries(object(child)).map(([name, schema]) => [name, toJsonSchema(schema)]));
}

function orNull(schema: JsonObject): JsonObject {
  if (typeof schema.type !== "string") return { anyOf: [{ type: "null" }, schema] };
  const nullable: JsonObject = { ...schema, type: [schema.type, "null"] };
  const choices = schema.enum;
  if (Array.isArray(choices) && !choices.includes(null)) nullable.enum = [...choices, null];
  return nullable;
}

/** Copies every component schema that `roots` reaches, so that the subset stands on its own. */
function reach(roots: Json, components: JsonObject): JsonObject {
  const found: JsonObject = {};
  const visit = (value: Json): void => {
    for (const [, name] of JSON.stringify(value).matchAll(/"\$ref":"#\/schemas\/([^"]+)"/g)) {
      if (name === undefined || found[name] !== undefined) continue;
      found[name] = toJsonSchema(components[name] ?? {});
      visit(found[name]);
    }
  };
  visit(roots);
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => a.localeCompare(b)));
}

const resolve = (document: JsonObject, value: Json): JsonObject => {
  const ref = object(value).$ref;
  if (typeof ref !== "string") return object(value);
  return object(
    ref
      .slice(2)
      .split("/")
      .reduce<Json>((at, key) => object(at)[key] ?? {}, document),
  );
};

const jsonBody = (holder: JsonObject): Json | undefined => {
  const schema = object(object(holder.content)["application/json"]).schema;
  return schema === undefined ? undefined : toJsonSchema(schema);
};

function cutParameter(document: JsonObject, value: Json): CutParameter {
  const { name, in: place, required, schema } = resolve(document, value);
  // On the wire a parameter is always text, so "one of integer or string" would match twice.
  const text = JSON.stringify(toJsonSchema(schema ?? {})).replaceAll('"oneOf"', '"anyOf"');
  return {
    name: String(name),
    in: place === "path" ? "path" : "query",
    required: required === true,
    schema: JSON.parse(text),
  };
}

function cutOperation(document: JsonObject, at: { method: string; path: string; operation: JsonObject }): CutOperation {
  const { method, path, operation } = at;
  const body = isObject(operation.requestBody) ? jsonBody(operation.requestBody) : undefined;
  const responses = Object.entries(object(operation.responses)).map(([status, response]) => [
    status,
    jsonBody(resolve(document, response)) ?? null,
  ]);
  const parameters = Array.isArray(operation.parameters) ? operation.parameters : [];
  return {
    method: method.toUpperCase(),
    path,
    parameters: parameters.map((parameter) => cutParameter(document, parameter)),
    ...(body === undefined ? {} : { body, bodyRequired: object(operation.requestBody).required === true }),
    responses: Object.fromEntries(responses),
  };
}

function cutRest(document: JsonObject): JsonObject {
  const operations: JsonObject = {};
  for (const [path, methods] of Object.entries(object(document.paths)))
    for (const [method, value] of Object.entries(object(methods))) {
      const operation = object(value);
      const id = operationIds.find((wanted) => wanted === operation.operationId);
      if (id) operations[id] = cutOperation(document, { method, path, operation }) as unknown as Json;
    }
  const missing = operationIds.filter((id) => !(id in operations));
  if (missing.length > 0) throw new Error(`Not in GitHub's description: ${missing.join(", ")}`);
  return { operations, schemas: reach(operations, object(object(document.components).schemas)) };
}

function cutWebhooks(document: JsonObject): JsonObject {
  const webhooks: JsonObject = {};
  for (const name of webhookNames) {
    const post = object(object(object(document.webhooks)[name]).post);
    const schema = jsonBody(object(post.requestBody));
    if (schema === undefined) throw new Error(`Not in GitHub's webhook description: ${name}`);
    webhooks[name] = schema;
  }
  return { webhooks, schemas: reach(webhooks, object(object(document.components).schemas)) };
}

/** One entry a line: small, and a new description shows as a readable difference. */
function write(name: string, sections: JsonObject): void {
  const parts = Object.entries(sections).map(([section, entries]) => {
    const lines = Object.entries(object(entries)).map(
      ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
    );
    return `${JSON.stringify(section)}:{\n${lines.join(",\n")}\n}`;
  });
  writeFileSync(new URL(`../schemas/${name}.json`, import.meta.url), `{\n${parts.join(",\n")}\n}\n`);
}

const [rest, webhooks] = process.argv.slice(2);
if (rest === undefined || webhooks === undefined)
  throw new Error("Usage: cut-schemas.ts <openapi.json> <openapi-webhooks.json>");
write("rest", cutRest(JSON.parse(readFileSync(rest, "utf8"))));
write("webhooks", cutWebhooks(JSON.parse(readFileSync(webhooks, "utf8"))));
