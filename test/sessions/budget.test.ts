import fc from "fast-check";
import { expect, test } from "vitest";
import { costOf, formatAmount, parseAmount, plusUsd, tokensText, usdText } from "../../src/sessions/budget.ts";

test.each([
  ["$5", { usd: 5 }],
  ["$0.25", { usd: 0.25 }],
  ["5usd", { usd: 5 }],
  ["5.50USD", { usd: 5.5 }],
  ["500k", { tokens: 500_000 }],
  ["1.005M", { tokens: 1_005_000 }],
  ["2m", { tokens: 2_000_000 }],
  ["300000", { tokens: 300_000 }],
  ["300_000", { tokens: 300_000 }],
])("%s is an amount", (text, amount) => {
  expect(parseAmount(text)).toEqual(amount);
});

test.each([
  "",
  "$",
  "$0",
  "0",
  "-5",
  "$-5",
  "5$",
  "5€",
  "1.5",
  "lots",
  "2G",
  "$5k",
  "5 usd",
  "_5",
  "$1e3",
  "9".repeat(30),
])("%j is no amount", (text) => {
  expect(parseAmount(text)).toBeNull();
});

test("what an amount is written as reads as that amount", () => {
  const usd = fc.integer({ min: 1, max: 1_000_000_000_000 }).map((millionths) => ({ usd: millionths / 1_000_000 }));
  const tokens = fc.integer({ min: 1, max: 1_000_000_000_000 }).map((tokens) => ({ tokens }));
  fc.assert(
    fc.property(fc.oneof(usd, tokens), (amount) => {
      expect(parseAmount(formatAmount(amount))).toEqual(amount);
    }),
  );
});

test("any text is an amount or none, and never less than nothing", () => {
  const bits = fc.array(fc.constantFrom("$", "usd", "k", "M", ".", "_", "-", "0", "7", "000", " "), { maxLength: 6 });
  fc.assert(
    fc.property(bits, (parts) => {
      const amount = parseAmount(parts.join(""));
      if (amount) expect(amount.usd ?? amount.tokens).toBeGreaterThan(0);
    }),
  );
});

test("cost: each kind of token by its price, to the millionth of a dollar, however many are added", () => {
  const price = { input: 1.25, cached: 0.125, output: 10 };
  expect(costOf({ input: 100_000, cached: 80_000, output: 2_000, reasoning: 500 }, price)).toBe(0.055);
  expect(Array.from({ length: 10 }, () => 0.1).reduce(plusUsd)).toBe(1);
});

test("people read dollars in cents, and what is less than one by its first digits", () => {
  expect([0, 0.004_24, 0.000_001, 0.42, 5, 1234.5].map(usdText)).toEqual([
    "$0.00",
    "$0.0042",
    "$0.000001",
    "$0.42",
    "$5.00",
    "$1,234.50",
  ]);
  expect(tokensText(1_234_567)).toBe("1,234,567 tokens");
});
