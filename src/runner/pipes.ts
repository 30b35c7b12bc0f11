import { execFile } from "node:child_process";
import { constants, existsSync, openSync, readSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Output } from "./output.ts";
import { errorCode } from "./system-error.ts";

/** A named pipe that one command writes to. */
export interface Pipe {
  /** The pipe's name in the folder that was given. */
  readonly name: string;
  /**
   * Call it when the command has ended: whatever it wrote is then in `output`. True when nobody can write any more;
   * else background processes hold the pipe, and what they print goes to `output`'s file until they end.
   */
  drain(): boolean;
}

/**
 * Named pipes for the output of commands. Each command gets pipes of its own, so that a background process never writes
 * into a later command's output, nothing in the stream marks its end, and `/dev/stderr` can be opened without truncating
 * a file. A pipe is used again once its last writer is gone.
 */
export interface Pipes {
  /** Makes some before they are needed. */
  warm(): void;
  take(output: Output): Promise<Pipe>;
  close(): void;
}

const batch = 8;
/** As much as a pipe holds; read into by turns, so that no command costs a buffer of its own. */
const room = Buffer.alloc(65_536);

export function openPipes(dir: string): Pipes {
  const free: string[] = [];
  const readers = new Set<Reader>();
  let made = 0;

  let making: Promise<void> | null = null;

  function more(): Promise<void> {
    making ??= make().finally(() => {
      making = null;
    });
    return making;
  }

  async function make(): Promise<void> {
    const names = Array.from({ length: batch }, () => `pipe-${++made}`);
    await promisify(execFile)("mkfifo", ["-m", "600", ...names], { cwd: dir });
    free.push(...names);
  }

  function open(name: string, output: Output): Pipe {
    const reader = openReader(join(dir, name), output, () => {
      readers.delete(reader);
      output.close();
      free.push(name);
    });
    readers.add(reader);
    return { name, drain: reader.drain };
  }

  return {
    warm() {
      // Whoever takes one tries again, and is told what is wrong.
      more().catch(() => {});
    },
    async take(output) {
      for (;;) {
        const name = free.pop();
        if (name === undefined) await more();
        else if (existsSync(join(dir, name))) return open(name, output);
      }
    },
    close() {
      for (const reader of readers) reader.close();
    },
  };
}

interface Reader {
  drain(): boolean;
  close(): void;
}

function openReader(path: string, output: Output, onEnd: () => void): Reader {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  const socket = new Socket({ fd, readable: true, writable: false });
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    socket.destroy();
    onEnd();
  };
  socket.on("data", (chunk: Buffer) => output.add(chunk));
  socket.on("end", end);
  socket.on("error", end);
  return {
    drain() {
      while (!ended) {
        const chunk = readNow(fd);
        if (chunk === "later") return false;
        if (chunk.length === 0) end();
        else output.add(chunk);
      }
      return true;
    },
    close: end,
  };
}

/** Empty at the end of the stream. */
function readNow(fd: number): Buffer | "later" {
  try {
    return Buffer.from(room.subarray(0, readSync(fd, room)));
  } catch (error) {
    if (errorCode(error) === "EAGAIN") return "later";
    throw error;
  }
}
