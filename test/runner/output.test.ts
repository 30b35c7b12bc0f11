import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Output } from "../../src/runner/output.ts";
import { makeWorkTree } from "./work-tree.ts";

test("an output of exactly the cap is shown whole, one byte more goes to the file", () => {
  const { scratch } = makeWorkTree();
  const output = new Output({ cap: 10, file: join(scratch, "out") });
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
  const output = new Output({ cap: 10, file });
  output.add(Buffer.alloc(64 * 1024 * 1024 - 1, "a"));
  output.add(Buffer.from("bcd"));
  output.add(Buffer.from("end"));
  output.close();
  expect(statSync(file).size).toBe(64 * 1024 * 1024);
  expect(output.captured().text).toContain(`the first 67108864 bytes are in ${file} …]\ncdend`);
});
