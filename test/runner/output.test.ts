import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Output } from "../../src/runner/output.ts";
import { makeWorkTree } from "./work-tree.ts";

test("an output of exactly the cap is shown whole, one byte more goes to the file", () => {
  const { scratch } = makeWorkTree();
  const output = new Output({ cap: 10, file: join(scratch, "out"), redact: (text) => text });
  output.add(Buffer.from("12345"));
  output.add(Buffer.from("67890"));
  expect(output.captured()).toEqual({ text: "1234567890", bytes: 10 });
  output.add(Buffer.from("!"));
  const file = join(scratch, "out");
  const text = `12345\n[… 1 bytes left out; the whole output is in ${file} …]\n7890!`;
  expect(output.captured()).toEqual({ text, bytes: 11, spilled: file });
  output.close();
  expect(readFileSync(file, "utf8")).toBe("1234567890!");
  expect(output.captured().text).toBe(text);
});

test("the file ends at 64 MB, and the note says so", () => {
  const { scratch } = makeWorkTree();
  const file = join(scratch, "out");
  const output = new Output({ cap: 10, file, redact: (text) => text });
  output.add(Buffer.alloc(64 * 1024 * 1024 - 1, "a"));
  output.add(Buffer.from("bcd"));
  output.add(Buffer.from("end"));
  output.close();
  expect(statSync(file).size).toBe(64 * 1024 * 1024);
  expect(output.captured().text).toContain(`the first 67108864 bytes are in ${file} …]\ncdend`);
});

test.each([
  ["head", (secret: string) => `${"x".repeat(45)}${secret}${"y".repeat(300)}`],
  ["tail", (secret: string) => `${"x".repeat(300)}${secret}${"y".repeat(45)}`],
])("CS23: nothing is left of a secret that the cut of the %s splits", (_, around) => {
  const { scratch } = makeWorkTree();
  const secret = "s3cret-value-of-the-runner";
  const redact = (text: string) => text.replaceAll(secret, "[redacted]");
  const output = new Output({ cap: 100, file: join(scratch, "out"), redact });
  for (const letter of around(secret)) output.add(Buffer.from(letter));
  const { text } = output.captured();
  output.close();
  for (const part of ["s3cret", "value", "runner"]) expect(text).not.toContain(part);
});
