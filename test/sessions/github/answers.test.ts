import { expect, test } from "vitest";
import { asStoreError } from "../../../src/sessions/github/answers.ts";

const graphql = (error: object) => Object.assign(new Error("Request failed"), { errors: [error] });
const rest = (status: number, headers = {}) => Object.assign(new Error("words"), { status, response: { headers } });

test.each([
  ["a rate limit of GraphQL's", graphql({ type: "RATE_LIMITED", message: "API rate limit exceeded" }), "unreachable"],
  [
    "a query that took too long",
    graphql({ message: "Something went wrong while executing your query." }),
    "unreachable",
  ],
  ["what may not be read", graphql({ type: "FORBIDDEN", message: "Resource not accessible" }), "refused"],
  ["a rate limit of REST's", rest(403, { "x-ratelimit-remaining": "0" }), "unreachable"],
  ["a secondary limit", rest(403, { "retry-after": "60" }), "unreachable"],
  ["what is forbidden for good", rest(403, { "x-ratelimit-remaining": "4000" }), "refused"],
  ["no connection", rest(500), "unreachable"],
])("%s", (_, error, kind) => {
  expect(asStoreError(error)).toMatchObject({ name: "StoreError", kind });
});

test("a bug of ours is not taken for GitHub's", () => {
  expect(() => asStoreError(new TypeError("x is undefined"))).toThrow(TypeError);
});
