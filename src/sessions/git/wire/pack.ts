import { createHash } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import { type GitObject, idOf, type Objects, objectTypes } from "./objects.ts";

/** Packs of objects: https://git-scm.com/docs/gitformat-pack */

export function writePack(objects: Objects): Buffer {
  const head = Buffer.alloc(12);
  head.write("PACK");
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(objects.size, 8);
  const parts = [...objects.values()].flatMap(({ type, content }) => [
    sizeBytes(objectTypes.indexOf(type) + 1, content.length),
    deflateSync(content),
  ]);
  const body = Buffer.concat([head, ...parts]);
  return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}

function sizeBytes(type: number, size: number): Buffer {
  const bytes = [(type << 4) | (size & 0b1111)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80;
    bytes.push(rest & 0x7f);
  }
  return Buffer.from(bytes);
}

const [offsetDelta, idDelta] = [6, 7];

/** Reads a pack that needs nothing from outside. Throws where it is not whole. */
export function readPack(pack: Buffer): Objects {
  const sum = createHash("sha1").update(pack.subarray(0, -20)).digest();
  if (pack.toString("latin1", 0, 4) !== "PACK" || !sum.equals(pack.subarray(-20))) throw new Error("a pack is damaged");
  const objects = new Map<string, GitObject>();
  const byOffset = new Map<number, GitObject>();
  let at = 12;
  for (let left = pack.readUInt32BE(8); left > 0; left -= 1) {
    const from = at;
    const { kind, next } = sizeAt(pack, at);
    let base: GitObject | undefined;
    at = next;
    if (kind === offsetDelta) {
      const { offset, next } = offsetAt(pack, at);
      base = byOffset.get(from - offset);
      at = next;
    } else if (kind === idDelta) {
      base = objects.get(pack.toString("hex", at, at + 20));
      at += 20;
    }
    const { content, length } = inflate(pack.subarray(at, -20));
    at += length;
    const object = base ? { type: base.type, content: apply(content, base.content) } : whole(kind, content);
    byOffset.set(from, object);
    objects.set(idOf(object), object);
  }
  return objects;
}

function whole(kind: number, content: Buffer): GitObject {
  const type = objectTypes[kind - 1];
  if (!type) throw new Error("a pack has a change of what is not in it");
  return { type, content };
}

function inflate(bytes: Buffer): { readonly content: Buffer; readonly length: number } {
  const { buffer, engine } = inflateSync(bytes, { info: true }) as unknown as Inflated;
  return { content: buffer, length: engine.bytesWritten };
}

/** What `info` adds, which the types do not have: `bytesWritten` is how much of the input was used. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function sizeAt(pack: Buffer, from: number): { readonly kind: number; readonly next: number } {
  let at = from;
  const kind = ((pack[at] ?? 0) >> 4) & 0b111;
  while ((pack[at] ?? 0) & 0x80) at += 1;
  return { kind, next: at + 1 };
}

function offsetAt(pack: Buffer, from: number): { readonly offset: number; readonly next: number } {
  let at = from;
  let offset = (pack[at] ?? 0) & 0x7f;
  while ((pack[at] ?? 0) & 0x80) {
    at += 1;
    offset = (offset + 1) * 128 + ((pack[at] ?? 0) & 0x7f);
  }
  return { offset, next: at + 1 };
}

/** Makes an object from its base: pieces of that, and new bytes between them. */
function apply(delta: Buffer, base: Buffer): Buffer {
  let at = 0;
  const skipSize = () => {
    while ((delta[at] ?? 0) & 0x80) at += 1;
    at += 1;
  };
  const little = (present: number, bytes: readonly number[]) => {
    let value = 0;
    for (const [place, bit] of bytes.entries()) {
      if (!(present & bit)) continue;
      value += (delta[at] ?? 0) * 256 ** place;
      at += 1;
    }
    return value;
  };
  skipSize();
  skipSize();
  const parts: Buffer[] = [];
  while (at < delta.length) {
    const code = delta[at] ?? 0;
    at += 1;
    if (code & 0x80) {
      const offset = little(code, [1, 2, 4, 8]);
      const size = little(code, [16, 32, 64]) || 0x10000;
      parts.push(base.subarray(offset, offset + size));
    } else {
      parts.push(delta.subarray(at, at + code));
      at += code;
    }
  }
  return Buffer.concat(parts);
}
