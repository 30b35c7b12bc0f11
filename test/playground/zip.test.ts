import { crc32, inflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { zip } from "../../playground/github/zip.ts";

/** Reads an archive as PKWARE's note says: from the directory at its end, each entry checked by its sum and size. */
function unzipped(archive: Buffer): [name: string, content: string][] {
  const end = archive.subarray(archive.lastIndexOf("PK\x05\x06"));
  let at = end.readUInt32LE(16);
  return Array.from({ length: end.readUInt16LE(10) }, () => {
    const entry = archive.subarray(at);
    expect(entry.toString("latin1", 0, 4)).toBe("PK\x01\x02");
    const nameLength = entry.readUInt16LE(28);
    at += 46 + nameLength + entry.readUInt16LE(30) + entry.readUInt16LE(32);
    const file = archive.subarray(entry.readUInt32LE(42));
    expect(file.toString("latin1", 0, 4)).toBe("PK\x03\x04");
    const start = 30 + file.readUInt16LE(26) + file.readUInt16LE(28);
    const content = inflateRawSync(file.subarray(start, start + entry.readUInt32LE(20)));
    expect([content.length, crc32(content)]).toEqual([entry.readUInt32LE(24), entry.readUInt32LE(16)]);
    return [entry.toString("utf8", 46, 46 + nameLength), content.toString()];
  });
}

test("files come out of an archive as they went in", () => {
  const files: [string, string][] = [
    ["transcript.html", "<p>hi</p>".repeat(10_000)],
    ["docs/zwölf.txt", "12\n"],
    ["empty", ""],
  ];
  const entries = files.map(([name, content]) => ({ name, content: Buffer.from(content) }));
  expect(unzipped(zip(entries))).toEqual(files);
});
