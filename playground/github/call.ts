import type { operations } from "@octokit/openapi-types";
import type { Delivery, Token, User, World } from "../world.ts";
import type { OperationId } from "./operations.ts";

type Values<P, Place extends "path" | "query"> = P extends { [K in Place]?: infer V }
  ? Numbers<NonNullable<V>>
  : unknown;

/** The published types say `number | bigint` for ids; ours are numbers. */
type Numbers<V> = { [Name in keyof V]: Exclude<V[Name], bigint> };

type Parameters<K extends OperationId> = operations[K] extends { parameters: infer P }
  ? Values<P, "path"> & Partial<Values<P, "query">>
  : unknown;

type Body<K extends OperationId> = operations[K] extends {
  requestBody?: { content: { "application/json": infer B } };
}
  ? NonNullable<B>
  : undefined;

export type Caller =
  | { readonly kind: "anonymous" }
  | { readonly kind: "app" }
  | { readonly kind: "token"; readonly secret: string; readonly token: Token };

/** What the endpoints need besides the world. */
export interface Backstage {
  readonly world: World;
  readonly app: AppIdentity;
  /** Answers a short-lived URL from which `content` can be fetched without credentials, as GitHub's storage does. */
  offer(content: Download): string;
  /** Sends a logged webhook again, under the same GUID. */
  redeliver(delivery: Delivery): void;
}

export interface AppIdentity {
  readonly id: number;
  readonly slug: string;
  readonly permissions: Readonly<Record<string, "read" | "write">>;
  readonly createdAt: Date;
}

export interface Download {
  readonly type: string;
  readonly content: Buffer;
}

/** One request, checked against GitHub's description before a handler sees it. */
export interface Call<K extends OperationId> {
  readonly world: World;
  readonly backstage: Backstage;
  readonly caller: Caller;
  readonly params: Parameters<K>;
  readonly body: Body<K>;
  readonly accept: string;
}

export type Reply =
  | { readonly status: number; readonly json: unknown }
  | { readonly status: number; readonly page: readonly unknown[]; readonly wrap?: (page: unknown[]) => unknown }
  | { readonly status: number; readonly raw: Download }
  | { readonly status: 204 }
  | { readonly status: 302; readonly location: string };

type Handler<K extends OperationId> = (call: Call<K>) => Reply | Promise<Reply>;

/** The handlers of some operations; all of them together must cover `operationIds`. */
export type Handlers<K extends OperationId> = { readonly [Id in K]: Handler<Id> };

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

export const notFound = (): Refusal => new Refusal(404, "Not Found");

/** 422 as GitHub words it when one field of the request is at fault. */
export const invalid = (resource: string, field: string, message: string): Refusal =>
  new Refusal(422, "Validation Failed", [{ resource, field, code: "custom", message }]);

export const ok = (json: unknown): Reply => ({ status: 200, json });
export const created = (json: unknown): Reply => ({ status: 201, json });
export const noContent: Reply = { status: 204 };

/** A list: the server cuts the asked page out of it and adds the Link header. */
export const list = (page: readonly unknown[], wrap?: (page: unknown[]) => unknown): Reply =>
  wrap ? { status: 200, page, wrap } : { status: 200, page };

/** Who acts; asking without credentials is refused. */
export function actor(caller: Caller): User {
  if (caller.kind !== "token") throw new Refusal(401, "Requires authentication");
  return caller.token.user;
}

/** Goes into every event that a caller causes. */
export const cause = (caller: Caller): { sender: User; startsWorkflows: boolean } => ({
  sender: actor(caller),
  startsWorkflows: caller.kind === "token" && caller.token.kind !== "run",
});
