import { closeSync, openSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

/** What a stream said. `text` is the whole, or head and tail with a line between them that says what is missing. */
export interface Captured {
  readonly text: string;
  readonly bytes: number;
  /** The file with the whole output, where `text` is not all of it. */
  readonly spilled?: string;
}

/** A runaway command must not fill the disk. */
const fileLimit = 64 * 1024 * 1024;

/** Bytes on the far side of a cut that are looked at with what is shown: a secret that the cut splits is still one. */
const margin = 4096;

export interface OutputOptions {
  /** Bytes that are shown of it. */
  readonly cap: number;
  readonly file: string;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
}

/** Collects a stream of any length in bounded memory: beyond `cap` bytes, all of it goes to `file`. */
export class Output {
  readonly file: string;
  readonly #half: number;
  readonly #cap: number;
  readonly #redact: OutputOptions["redact"];
  #start: Buffer = Buffer.alloc(0);
  #end: Buffer = Buffer.alloc(0);
  #bytes = 0;
  #spilled = false;
  #lost: string | null = null;
  #fd: number | null = null;

  constructor(options: OutputOptions) {
    this.#cap = options.cap;
    this.#redact = options.redact;
    this.#half = Math.floor(options.cap / 2);
    this.file = options.file;
  }

  add(chunk: Buffer): void {
    if (this.#spilled) {
      this.#addToFile(chunk);
      return;
    }
    this.#bytes += chunk.length;
    this.#start = Buffer.concat([this.#start, chunk]);
    if (this.#bytes > this.#cap) this.toFile();
  }

  /** From now on the file has everything, what came before included. */
  toFile(): void {
    if (this.#spilled) return;
    this.#spilled = true;
    const whole = this.#start;
    this.#start = whole.subarray(0, this.#half + margin);
    this.#bytes = 0;
    this.#keep(() => {
      this.#fd = openSync(this.file, "wx", 0o600);
    });
    this.#addToFile(whole);
  }

  captured(): Captured {
    const bytes = this.#bytes;
    if (!this.#spilled) return { text: this.#redact(this.#start.toString()), bytes };
    const head = beginning(Buffer.from(this.#redact(beginning(this.#start))).subarray(0, this.#half));
    const tail = ending(Buffer.from(this.#redact(ending(this.#end))).subarray(-this.#half));
    const missing = bytes - 2 * this.#half;
    const text = `${head}\n[… ${missing} bytes left out; ${this.#whereabouts()} …]\n${tail}`;
    return this.#lost === null ? { text, bytes, spilled: this.file } : { text, bytes };
  }

  /** Nothing can be added any more; what was captured can still be read. */
  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #addToFile(chunk: Buffer): void {
    const room = Math.max(0, fileLimit - this.#bytes);
    const fd = this.#fd;
    if (fd !== null && room > 0) this.#keep(() => writeSync(fd, chunk.subarray(0, room)));
    this.#bytes += chunk.length;
    this.#end = Buffer.concat([this.#end, chunk]).subarray(-this.#half - margin);
  }

  /** A full disk or a deleted folder costs the file, not the command. */
  #keep(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#lost = error instanceof Error ? error.message : String(error);
      this.close();
    }
  }

  #whereabouts(): string {
    if (this.#lost !== null) return `they could not be kept: ${this.#lost}`;
    if (this.#bytes > fileLimit) return `the first ${fileLimit} bytes are in ${this.file}`;
    return `the whole output is in ${this.file}`;
  }
}

/** Bytes as text; a character that is cut off at the end is left out, not garbled. */
function beginning(bytes: Buffer): string {
  return new StringDecoder("utf8").write(bytes);
}

/** The same for one that is cut off at the beginning. */
function ending(bytes: Buffer): string {
  return bytes.subarray(bytes.findIndex((byte) => (byte & 0xc0) !== 0x80)).toString();
}
