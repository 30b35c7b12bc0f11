/**
 * Cuts what the playground's GitHub needs out of GitHub's published OpenAPI descriptions into `playground/schemas/*.json`: the
 * operations that it answers, the webhooks below, the component schemas they reach, no prose. The descriptions
 * themselves (400 MB) are no dependency; fetch them once into a scratch folder and pass the two files:
 *
 *   npm install --prefix /tmp/openapi --ignore-scripts @octokit/openapi @octokit/openapi-webhooks
 *   cd /tmp/openapi/node_modules/@octokit
 *   node PROJECT/scripts/cut-schemas.ts openapi/generated/api.github.com.json \
 *     openapi-webhooks/generated/api.github.com.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { Operation } from "../playground/github/description.ts";
import { handlers } from "../playground/github/handlers.ts";

const WEBHOOKS = [
  ...["issues-opened", "issues-edited", "issues-closed", "issues-reopened", "issues-labeled", "issues-unlabeled"],
  ...["issue-comment-created", "issue-comment-edited", "issue-comment-deleted"],
  ...["workflow-run-requested", "workflow-run-in-progress", "workflow-run-completed"],
];

type Schema = Readonly<Record<string, unknown>>;

/** Whatever the description describes: an operation, a parameter, a body, a response. */
interface Described {
  readonly $ref?: string;
  readonly operationId?: string;
  readonly parameters?: readonly Described[];
  readonly requestBody?: Described;
  readonly responses?: Readonly<Record<string, Described>>;
  readonly name?: string;
  readonly required?: boolean;
  readonly schema?: Schema;
  readonly content?: { readonly "application/json"?: { readonly schema: Schema } };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly webhooks: Readonly<Record<string, { readonly post: Described }>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}

const PROSE = /^(description|title|summary|examples?|default|deprecated|externalDocs|readOnly|x-.*)$/;

/** Prose, unless it is the schema of a property that has such a name. */
const isProse = (key: string, value: unknown): boolean =>
  PROSE.test(key) && !/^\{.*"(type|\$ref|nullable|oneOf|anyOf|allOf)":/.test(JSON.stringify(value));

/** JSON Schema out of OpenAPI's dialect: what is nullable may be null. */
function toJsonSchema({ nullable, ...schema }: Schema): Schema {
  if (nullable !== true) return schema;
  if (typeof schema.type !== "string") return { anyOf: [{ type: "null" }, schema] };
  return {
    ...schema,
    type: [schema.type, "null"],
    ...(Array.isArray(schema.enum) ? { enum: [...new Set([...schema.enum, null])] } : {}),
  };
}

function read(file: string): Document {
  const source = readFileSync(file, "utf8").replaceAll('"#/components/schemas/', '"#/schemas/');
  return JSON.parse(source, (key, value) => {
    if (isProse(key, value)) return undefined;
    return typeof value === "object" && value !== null && "nullable" in value ? toJsonSchema(value) : value;
  });
}

/** What a reference such as `#/components/parameters/owner` stands for; anything else stands for itself. */
function resolve({ components }: Document, value: Described): Described {
  const [, , kind = "", name = ""] = value.$ref?.split("/") ?? [];
  return components[kind]?.[name] ?? value;
}

const bodyOf = (described: Described | undefined): Schema | undefined =>
  described?.content?.["application/json"]?.schema;

function cutOperation(document: Document, at: { method: string; path: string; described: Described }): Operation {
  const { parameters = [], requestBody, responses = {} } = at.described;
  const all = parameters.map((parameter) => resolve(document, parameter));
  const body = bodyOf(requestBody);
  const bodies = Object.entries(responses).map(([status, one]) => [status, bodyOf(resolve(document, one)) ?? null]);
  const schema = {
    type: "object",
    properties: Object.fromEntries(all.map((parameter) => [parameter.name, parameter.schema])),
    required: all.flatMap(({ name, required }) => (required ? [name] : [])),
  };
  return {
    ...{ method: at.method.toUpperCase(), path: at.path },
    // On the wire a parameter is always text, so "one of integer or string" would match twice.
    parameters: JSON.parse(JSON.stringify(schema).replaceAll('"oneOf"', '"anyOf"')),
    ...(body ? { body } : {}),
    responses: Object.fromEntries(bodies),
  };
}

function cutOperations(document: Document): Record<string, Operation> {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ method, path, described })),
  );
  const idOf = ({ described }: (typeof all)[number]) => described.operationId ?? "";
  const wanted = all.filter((one) => idOf(one) in handlers);
  return Object.fromEntries(wanted.map((one) => [idOf(one), cutOperation(document, one)]));
}

/** Every component schema that `roots` reach, so that the cut stands on its own. */
function reach({ components }: Document, roots: object): Record<string, object> {
  const found: Record<string, object> = {};
  const visit = (value: object): void => {
    for (const [, name = ""] of JSON.stringify(value).matchAll(/"#\/schemas\/([^"]+)"/g)) {
      const schema = components.schemas?.[name];
      if (!schema || found[name]) continue;
      found[name] = schema;
      visit(schema);
    }
  };
  visit(roots);
  return found;
}

/** One entry a line: small, and a new description shows as a readable difference. */
function write(name: string, sections: Record<string, object>): void {
  const parts = Object.entries(sections).map(([section, entries]) => {
    const lines = Object.entries(entries).sort(([a], [b]) => a.localeCompare(b));
    return `"${section}":{\n${lines.map(([key, value]) => `"${key}":${JSON.stringify(value)}`).join(",\n")}\n}`;
  });
  writeFileSync(new URL(`../playground/schemas/${name}.json`, import.meta.url), `{\n${parts.join(",\n")}\n}\n`);
}

const [restFile, webhooksFile] = process.argv.slice(2);
if (!restFile || !webhooksFile) throw new Error("Usage: cut-schemas.ts <openapi.json> <openapi-webhooks.json>");
const [rest, hooks] = [read(restFile), read(webhooksFile)];
const operations = cutOperations(rest);
const webhooks = Object.fromEntries(WEBHOOKS.map((name) => [name, bodyOf(hooks.webhooks[name]?.post.requestBody)]));
write("rest", { operations, schemas: reach(rest, operations) });
write("webhooks", { webhooks, schemas: reach(hooks, webhooks) });
