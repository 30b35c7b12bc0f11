import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { type Spawn, spawnDirectly } from "./processes.ts";
import type { Environment } from "./shell-state.ts";
import { type Look, openTerminal, type Terminal } from "./terminal.ts";
import type { ArgumentsOf } from "./tool-call.ts";

/** Named terminals for programs that need one, kept apart from the shells. They end with the turn. */
export interface Terminals {
  /** Does what a call of the tool `terminal` asks for; gives what the model reads. */
  run(request: ArgumentsOf<"terminal">, context: { readonly signal: AbortSignal }): Promise<string>;
  /** Kills every terminal with all that runs in it; returns how many processes could not be killed. */
  close(): Promise<number>;
}

export interface TerminalsOptions {
  /** The work tree. */
  readonly cwd: string;
  readonly env: Environment;
  /** A folder outside the work tree for these terminals alone. */
  readonly scratch: string;
  readonly spawn?: Spawn;
}

const usualSize = { cols: 80, rows: 24 };

export function openTerminals({ cwd, env, scratch, spawn = spawnDirectly }: TerminalsOptions): Terminals {
  const open = new Map<string, Terminal>();
  let count = 0;

  async function start({ name = "main", command, cols, rows }: ArgumentsOf<"terminal">): Promise<string | Terminal> {
    if (!command?.trim()) return "`command` is missing: which program is to be started?";
    const before = open.get(name);
    if (before?.isRunning()) return `The terminal "${name}" is in use. End it first, or choose another name.`;
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
    const mark = join(realpathSync(scratch), `terminal-${++count}`);
    const size = { cols: cols ?? usualSize.cols, rows: rows ?? usualSize.rows };
    await before?.kill();
    const terminal = await openTerminal({ spawn, cwd: realpathSync(cwd), env, command, size, mark });
    open.set(name, terminal);
    return terminal;
  }

  function find(name = "main"): string | Terminal {
    const hint = `To start one, call terminal with {"action":"start","name":"${name}","command":"…"}.`;
    return open.get(name) ?? `There is no terminal "${name}". ${hint}`;
  }

  async function end(name = "main"): Promise<string> {
    const found = find(name);
    if (typeof found === "string") return found;
    open.delete(name);
    await found.kill();
    return JSON.stringify({ ended: name });
  }

  return {
    async run(request, { signal }) {
      const { action, name, until } = request;
      if (action === "end") return end(name);
      const found = action === "start" ? await start(request) : find(name);
      if (typeof found === "string") return found;
      if (action === "send") send(found, request);
      const look: Look = await found.look({ until, after: action === "read" ? "nothing" : "input", signal });
      return JSON.stringify(look);
    },
    async close() {
      const left = await Promise.all([...open.values()].map((terminal) => terminal.kill()));
      open.clear();
      return left.reduce((sum, count) => sum + count, 0);
    },
  };
}

function send(terminal: Terminal, { text, keys = [] }: ArgumentsOf<"terminal">): void {
  if (text) terminal.type(text);
  for (const key of keys) terminal.press(key);
}
