import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { promisify } from "node:util";
import { buildCommand } from "../scripts/build.ts";
import { sessionsRef } from "../src/sessions/store.ts";
import { cacheIn, openClone } from "../src/terminal/clone.ts";
import { list } from "../src/terminal/list.ts";
import { selectSession } from "../src/terminal/select.ts";
import type { Terminal } from "../src/terminal/terminal.ts";
import { git, gitPipe, importInto } from "./git.ts";
import { liveStream, mainStream, manySessions } from "./many.ts";
import { interleave, plain, type Row } from "./measure.ts";
import { newSession } from "./story.ts";

const rounds = 7;
const env = { PATH: process.env.PATH ?? "", HOME: "/nonexistent", GIT_CONFIG_GLOBAL: "/dev/null" };

const forEachRef = ["for-each-ref", "--format=%(objectname):state.toml", sessionsRef];

/** A terminal that nobody looks at. */
function terminalIn(cwd: string): Terminal {
  const nowhere = () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
    return Object.assign(stream, { columns: 120, isTTY: false }) as unknown as NodeJS.WriteStream;
  };
  return {
    ...{ cwd, env, stdin: process.stdin, stdout: nowhere(), stderr: nowhere() },
    ...{ now: () => new Date(), newId: () => newSession(), interrupted: new AbortController().signal },
  };
}

/** What people wait for in a clone with many sessions. */
export async function listRows(folder: string): Promise<readonly Row[]> {
  const root = join(folder, "list");
  const many = manySessions(10_000);
  await promisify(execFile)("git", ["init", "--quiet", root], { env });
  const gitDir = join(root, ".git");
  await importInto(gitDir, mainStream(1));
  await importInto(gitDir, liveStream(many));
  const terminal = terminalIn(root);
  const clone = await openClone(terminal);
  const forget = () => rmSync(cacheIn(clone), { recursive: true, force: true });
  const one = many.ids[5_000] ?? "";
  const prefix = one.slice(0, 10);
  const program = await buildCommand();
  const command = (...args: string[]) =>
    promisify(execFile)(process.execPath, [program, ...args], { cwd: root, env, maxBuffer: 1 << 26 });
  const took = await interleave(rounds, {
    states: plain(() => gitPipe(gitDir, forEachRef, ["cat-file", "--batch"])),
    names: plain(() => git(gitDir, ["for-each-ref", sessionsRef])),
    cold: async () => {
      forget();
      return () => list(terminal, clone, {});
    },
    warm: plain(() => list(terminal, clone, {})),
    prefix: plain(() => selectSession(clone, prefix)),
    "command, cold": async () => {
      forget();
      return () => command("session", "list");
    },
    "command, warm": plain(() => command("session", "list")),
    "command, help": plain(() => command("--help")),
  });
  const states = "`git for-each-ref … \\| git cat-file --batch` of their states";
  return [
    { what: "`session list`, warm cache", ours: took.warm, floor: took.states, against: states },
    { what: "`session list`, no cache", ours: took.cold, floor: took.states, against: states },
    {
      what: "a session by the beginning of its id",
      ours: took.prefix,
      floor: took.names,
      against: "`git for-each-ref` of them",
    },
    { what: "the whole command, warm cache", ours: took["command, warm"], floor: took.states, against: states },
    {
      what: "the whole of `offshoot --help`, for comparison",
      ours: took["command, help"],
      floor: took.states,
      against: states,
    },
    { what: "the whole command, no cache", ours: took["command, cold"], floor: took.states, against: states },
  ];
}
