import type { ServerResponse } from "node:http";
import { Refusal } from "./call.ts";

/** The place of a request, as the log and the faults know it: `path` is below the API's root, still percent-encoded. */
export interface ApiPlace {
  readonly method: string;
  readonly path: string;
  readonly url: URL;
}

/** One request to the REST or the GraphQL API. */
export interface ApiRequest extends ApiPlace {
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly json?: unknown;
  /** Address of a list's next page. */
  readonly next?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export function send(response: ServerResponse, { status, json, next, headers }: Answer): void {
  response.writeHead(status, {
    ...(json === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
    ...(next === undefined ? {} : { link: `<${next}>; rel="next"` }),
    ...headers,
  });
  response.end(json === undefined ? undefined : JSON.stringify(json));
}

/** The answer that tells of a refusal; what is none is thrown on. */
export function refused(error: unknown): Answer {
  if (error instanceof URIError) return refused(new Refusal(400, "The path has malformed percent-encoding."));
  if (!(error instanceof Refusal)) throw error;
  const { status, message, errors } = error;
  const documentation_url = "https://docs.github.com/rest";
  return {
    status,
    json: { message, ...(errors.length > 0 ? { errors } : {}), documentation_url, status: `${status}` },
  };
}

/** No body is an empty one: GitHub's description says what it lacks, if anything. */
export function parseBody(text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    throw new Refusal(400, "Problems parsing JSON");
  }
}
