import { registerHooks } from "node:module";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/template-token";

// GitHub's parser imports its schema without `type: json`, which plain Node refuses.
const hooks = registerHooks({
  load: (url, context, next) =>
    next(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context),
});
const { Evaluator, Lexer, Parser, data, wellKnownFunctions } = await import("@actions/expressions");
export const parser = await import("@actions/workflow-parser");
export const { parseAction } = await import("@actions/workflow-parser/actions/action-parser");
hooks.deregister();

export type Json = null | boolean | number | string | Json[] | { readonly [key: string]: Json };

/** What `success()`, `failure()` and `cancelled()` answer at this point of a run. */
export interface Status {
  readonly success: boolean;
  readonly failure: boolean;
  readonly cancelled: boolean;
}

/** The status before anything has run. */
export const atFirst: Status = { success: true, failure: false, cancelled: false };

/** The contexts (`github`, `env`, …) and the status that an expression sees. */
export interface Scope {
  readonly contexts: { readonly [name: string]: Json };
  readonly status: Status;
}

/** Evaluates one expression, given without `${{ }}`. Throws what GitHub's evaluator throws, with a message for people. */
function evaluate(expression: string, { contexts, status }: Scope): Json {
  const own = Object.entries({ ...status, always: true }).map(([name, value]): FunctionDefinition => {
    return { name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) };
  });
  const functions = [...Object.values(wellKnownFunctions), ...own];
  const table = new Map(functions.map((entry) => [entry.name.toLowerCase(), entry]));
  const tree = new Parser(new Lexer(expression).lex().tokens, Object.keys(contexts), own).parse();
  const values = JSON.parse(JSON.stringify(contexts), data.reviver);
  return JSON.parse(JSON.stringify(new Evaluator(tree, values, table).evaluate(), data.replacer));
}

/** `if:` as GitHub reads it: anything but false, null, 0 and the empty string holds. */
export function holds(condition: string, scope: Scope): boolean {
  return Boolean(evaluate(condition, scope));
}

/** The value of a piece of a workflow file, every `${{ }}` in it evaluated; null where the file has nothing. */
export function resolve(token: TemplateToken | undefined, scope: Scope): Json {
  if (!token) return null;
  if (parser.isBasicExpression(token)) return evaluate(token.expression, scope);
  if (parser.isString(token) || parser.isNumber(token) || parser.isBoolean(token)) return token.value;
  if (parser.isSequence(token)) return Array.from(token, (item) => resolve(item, scope));
  if (!parser.isMapping(token)) return null;
  return Object.fromEntries(Array.from(token, ({ key, value }) => [text(resolve(key, scope)), resolve(value, scope)]));
}

/** Resolves a mapping of strings (`env`, `with`, `outputs`). */
export function resolveStrings(token: TemplateToken | undefined, scope: Scope): Record<string, string> {
  const entries = Object.entries(fields(resolve(token, scope)));
  return Object.fromEntries(entries.map(([key, item]) => [key, text(item)]));
}

/** A value as it looks in a string: null is empty, as on GitHub. */
export function text(value: Json | undefined): string {
  return value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The entries of an object; none where the value is something else. */
export function fields(value: Json | undefined): { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
