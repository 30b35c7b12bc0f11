import type { operations } from "@octokit/openapi-types";
import type { Token, User, World } from "../world.ts";

/** The published types say `number | bigint` for ids; ours are numbers. */
type Numbers<V> = { [Name in keyof V]: Exclude<V[Name], bigint> };

type Values<P, Place extends "path" | "query"> = P extends { [K in Place]?: infer V }
  ? Numbers<NonNullable<V>>
  : unknown;

type Parameters<O> = O extends { parameters: infer P } ? Values<P, "path"> & Partial<Values<P, "query">> : unknown;

type Body<O> = O extends { requestBody?: { content: { "application/json": infer B } } } ? NonNullable<B> : unknown;

export type Caller =
  | { readonly kind: "anonymous" }
  | { readonly kind: "app" }
  | { readonly kind: "token"; readonly secret: string; readonly token: Token };

/** One request, checked against GitHub's description of the operation before a handler sees it. */
export interface Call<Id extends keyof operations> {
  readonly world: World;
  readonly caller: Caller;
  readonly params: Parameters<operations[Id]>;
  readonly body: Body<operations[Id]>;
}

/** A `page` is a whole list: the server cuts the asked page out of it and puts it into its `wrap`. */
export type Reply =
  | { readonly cursorPage: readonly unknown[]; readonly next: number | undefined }
  | { readonly status: number; readonly json?: unknown }
  | { readonly page: readonly unknown[]; readonly wrap?: (page: unknown[]) => unknown };

/** What answers some operations, by GitHub's own operation ids. */
export type Handlers = { readonly [Id in keyof operations]?: (call: Call<Id>) => Reply | Promise<Reply> };

/** A refusal that the client is told about, as GitHub words it. */
export class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly unknown[];
  constructor(status: number, message: string, errors: readonly unknown[] = []) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** 422 as GitHub words it when one field of the request is at fault. */
export const invalid = (resource: string, field: string, message: string): Refusal =>
  new Refusal(422, "Validation Failed", [{ resource, field, code: "custom", message }]);

/** What was looked up; 404 when there is none. */
export function found<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Refusal(404, "Not Found");
  return value;
}

export const ok = (json: unknown): Reply => ({ status: 200, json });
export const created = (json: unknown): Reply => ({ status: 201, json });
export const noContent: Reply = { status: 204 };

/** Who acts; asking without credentials is refused. */
export function actor(caller: Caller): User {
  if (caller.kind !== "token") throw new Refusal(401, "Requires authentication");
  return caller.token.user;
}

/** Goes into every event: who caused it, and whether workflows start from it. */
export interface Cause {
  readonly sender: User;
  readonly startsWorkflows: boolean;
}

export const cause = (caller: Caller): Cause => ({
  sender: actor(caller),
  startsWorkflows: caller.kind === "token" && caller.token.kind !== "run",
});
