import type { Octokit } from "@octokit/rest";
import * as v from "valibot";
import { statusOf } from "../sessions/github/answers.ts";
import { ForgeError } from "./forge.ts";

/** A repository, and Probot's client or @octokit/rest's, authenticated for it. */
export interface Place {
  readonly octokit: Pick<Octokit, "request">;
  readonly owner: string;
  readonly repo: string;
}

/** The same, with a client that also asks in GraphQL. */
export interface GraphqlPlace extends Omit<Place, "octokit"> {
  readonly octokit: Pick<Octokit, "request" | "graphql">;
}

/** What a GraphQL request gives, although something that it asks for is not there. */
export async function partly(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    const missing = v.safeParse(partSchema, error);
    if (missing.success) return missing.output.data;
    throw asForgeError(error);
  }
}

const partSchema = v.object({
  data: v.looseObject({}),
  errors: v.array(v.object({ type: v.literal("NOT_FOUND") })),
});

/** For what GitHub may have made although its answer was an error: trying again would double it. */
export const once = { request: { retries: 0 } };

export async function orThrow<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asForgeError(error);
  }
}

export async function orNull<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw asForgeError(error);
  }
}

export function asForgeError(error: unknown): ForgeError {
  if (error instanceof ForgeError) return error;
  return new ForgeError(statusOf(error), error instanceof Error ? error.message : String(error));
}
