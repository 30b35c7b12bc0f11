/** The frames of git's wire protocol: https://git-scm.com/docs/protocol-common#_pkt_line_format */
export type Packet = Buffer | "flush" | "delimiter" | "end";

export const flush = Buffer.from("0000");
export const delimiter = Buffer.from("0001");

export function packet(text: string): Buffer {
  const content = Buffer.from(text);
  return Buffer.concat([Buffer.from((content.length + 4).toString(16).padStart(4, "0")), content]);
}

/** Throws where the bytes are not whole packets. */
export function packetsIn(bytes: Buffer): readonly Packet[] {
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number.parseInt(bytes.toString("latin1", at, at + 4), 16);
    const special = specials[length];
    if (special) packets.push(special);
    else if (length >= 4 && at + length <= bytes.length) packets.push(bytes.subarray(at + 4, at + length));
    else throw new Error("git's answer is cut off, or is none of git's");
    at += special ? 4 : length;
  }
  return packets;
}

const specials: Readonly<Record<number, "flush" | "delimiter" | "end">> = { 0: "flush", 1: "delimiter", 2: "end" };

/** The bytes of one band of packets that carry several, as `side-band-64k` has them: 1 data, 2 what is for people, 3 an error. */
export function band(packets: readonly Packet[], number: 1 | 2 | 3): Buffer {
  return Buffer.concat(
    packets.flatMap((one) => (typeof one !== "string" && one[0] === number ? [one.subarray(1)] : [])),
  );
}

/** A line of text, without its end. */
export function lineOf(packet: Packet): string {
  return typeof packet === "string" ? "" : packet.toString().trimEnd();
}
