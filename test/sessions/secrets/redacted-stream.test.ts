import fc from "fast-check";
import { expect, test } from "vitest";
import { MARK, redactor } from "../../../src/sessions/secrets/redact.ts";
import { encode, inBase64, keyBlock, kinds, toBase64, value } from "./secrets.ts";

/** The text in pieces, each as long as the next of `sizes` says. */
function pieces(text: string, sizes: Iterator<number>): string[] {
  const all: string[] = [];
  for (let at = 0; at < text.length; ) {
    const size = sizes.next().value as number;
    all.push(text.slice(at, at + size));
    at += size;
  }
  return all;
}

const sizes = fc.oneof(
  fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
  fc.infiniteStream(fc.integer({ min: 1, max: 200 })),
);

/** A log in which a value stands in every way, among tokens and ordinary lines. */
const log = value.chain((secret) =>
  fc.record({
    secret: fc.constant(secret),
    text: fc
      .array(
        fc.oneof(
          fc.string({ unit: "binary", maxLength: 30 }),
          fc.constantFrom("\n", " ", "\r\n", "ok 12 tests\n", "://a:b@", "-----BEGIN PRIVATE KEY-----\n"),
          encode.map((written) => ` ${written(secret)} `),
          inBase64.map((how) => ` ${toBase64(secret, how)} `),
          keyBlock.map((block) => `${block}\n`),
          ...Object.values(kinds).map((kind) => kind.map((token) => ` ${token}\n`)),
        ),
        { maxLength: 15 },
      )
      .map((parts) => parts.join("")),
  }),
);

test("CS23: a stream, however it is split, gives what the whole text gives", () => {
  fc.assert(
    fc.property(log, sizes, ({ secret, text }, split) => {
      const redactor_ = redactor({ known: [secret] });
      const stream = redactor_.stream();
      const out = pieces(text, split).map(stream.push).join("") + stream.end();
      expect(out).toBe(redactor_.text(text));
    }),
    { numRuns: 1000 },
  );
});

test("CS23: lines come as soon as they are whole, but not those that a secret may go on from", () => {
  const stream = redactor({ known: ["top secret\nof two lines"] }).stream();
  expect(stream.push("one\ntw")).toBe("one\n");
  expect(stream.push("o\n")).toBe("two\n");
  expect(stream.push("now: top secret\n")).toBe("");
  expect(stream.push("of two lines\n")).toBe(`now: ${MARK}\n`);
  expect(stream.push("top secret\n")).toBe("");
  expect(stream.push("of three lines\n")).toBe("top secret\nof three lines\n");
  expect(stream.push("the end")).toBe("");
  expect(stream.end()).toBe("the end");
  expect(stream.end()).toBe("");
});

test("CS23: a line without end is not held back for ever, and keeps no secret at any cut", () => {
  fc.assert(
    fc.property(value, encode, fc.integer({ min: 1, max: 40_000 }), (secret, written, size) => {
      const unit = `${"x".repeat(97)}, ${written(secret).replaceAll("\n", "")}; `;
      const text = unit.repeat(400_000 / unit.length);
      const { stream, text: whole } = redactor({ known: [secret] });
      const { push, end } = stream();
      const out: string[] = [];
      for (let at = 0; at < text.length; at += size) out.push(push(text.slice(at, at + size)));
      expect(out.join("").length).toBeGreaterThan(0);
      expect(out.join("") + end()).toBe(whole(text));
    }),
    { numRuns: 8 },
  );
});

test("CS23: a token that is longer than what is held back goes to its end", () => {
  const { push, end } = redactor({ known: [] }).stream();
  const out = [push("a "), push(`ghp${"_"}`)];
  for (let n = 0; n < 40; n++) out.push(push("0123456789abcdef".repeat(1000)));
  out.push(push("fedcba and more\n"), end());
  expect(out.join("")).toBe(`a ${MARK} and more\n`);
});
