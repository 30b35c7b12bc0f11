import { expect, test } from "vitest";
import { batchReader } from "../../../src/sessions/git/output.ts";

const id = "1470c2cc57e783194d96b3f02bee07da7a8515d5";
const answer = Buffer.from(`${id} blob 5\na\nb\nc\nnone:state.toml missing\n${id} blob 0\n\n${id} tree 3\nxyz\n`);

test("what git tells of objects is read wherever the pipe cuts it", () => {
  for (let cut = 0; cut <= answer.length; cut += 1) {
    const read: (string | null)[] = [];
    const take = batchReader((object) => read.push(object?.toString() ?? null));
    take(answer.subarray(0, cut));
    for (const byte of answer.subarray(cut)) take(Buffer.of(byte));
    expect(read).toEqual(["a\nb\nc", null, "", "xyz"]);
  }
});
