import assert from "node:assert/strict";
import { test } from "node:test";
import { format } from "../src/index.js";

test("writes the largest units first", () => {
  assert.equal(format(5_400_000), "1h 30m");
});

test("writes nothing as 0ms", () => {
  assert.equal(format(0), "0ms");
});
