import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../src/index.js";

test("adds up the parts", () => {
  assert.equal(parse("1h 30m"), 5_400_000);
});

test("takes fractions", () => {
  assert.equal(parse("1.5s"), 1_500);
});

test("reads milliseconds", () => {
  assert.equal(parse("250ms"), 250);
});

test("refuses what is not a duration", () => {
  assert.throws(() => parse("soon"), RangeError);
});
