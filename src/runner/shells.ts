import { mkdirSync, realpathSync } from "node:fs";
import { openPipes } from "./pipes.ts";
import { type Spawn, spawnDirectly } from "./processes.ts";
import { type Command, type ExecOutcome, notRun, openShell, type Shell } from "./shell.ts";
import { type Program, whyNotInstalled } from "./shell-programs.ts";
import { type Environment, freshState, type ShellState } from "./shell-state.ts";

export interface ExecRequest extends Command {
  /** `main` when left out. */
  readonly shell?: string | undefined;
}

/**
 * Named shells that keep their working directory, exports, variables and functions between commands. Commands in
 * one shell run one after the other, in different shells at the same time. `main` is open from the beginning.
 */
export interface Shells {
  /**
   * Opens a shell, or finds the one of that name open already. Without a name it gets the next free `shell-N`, without a
   * program it runs bash. `problem` is what the model reads when the program is not there, or the open shell's is another.
   */
  start(options: { readonly name?: string | undefined; readonly program?: Program | undefined }): Started;
  exec(request: ExecRequest): Promise<ExecOutcome>;
  /** Kills the shell with everything in it. Without one of that name, `problem` is what the model reads. */
  end(options: {
    readonly shell: string;
  }): Promise<{ readonly ok: true } | { readonly ok: false; readonly problem: string }>;
  list(): readonly ListedShell[];
  /** To be handed to `restore` by the next turn. */
  state(): Readonly<Record<string, ShellState>>;
  /** Ends every shell and kills what they left behind; returns how many processes could not be killed. */
  close(): Promise<number>;
}

export type Started =
  | { readonly ok: true; readonly shell: string; readonly program?: ShellState["program"] }
  | { readonly ok: false; readonly problem: string };

export interface ListedShell extends ShellState {
  readonly shell: string;
}

export interface ShellsOptions {
  /** The work tree. */
  readonly cwd: string;
  /** The whole environment of the shells, before what was exported in them. */
  readonly env: Environment;
  /** A folder outside the work tree for these shells alone; long outputs are kept there. */
  readonly scratch: string;
  /** Bytes of each stream of a command that the model gets to see. */
  readonly cap: number;
  /** Takes secrets out of what the model gets to see. */
  readonly redact?: (text: string) => string;
  readonly restore?: Readonly<Record<string, ShellState>>;
  readonly spawn?: Spawn;
}

interface Opened {
  readonly shell: Shell;
  /** Settles when the commands so far have ended. */
  idle: Promise<unknown>;
}

const mainShell = "main";

export function openShells(options: ShellsOptions): Shells {
  mkdirSync(options.scratch, { recursive: true, mode: 0o700 });
  const scratch = realpathSync(options.scratch);
  const pipes = openPipes(scratch);
  const { env, cap, redact = (text) => text, spawn = spawnDirectly } = options;
  const around = { tree: realpathSync(options.cwd), scratch, env, cap, redact, pipes, spawn };
  const open = new Map<string, Opened>();
  let count = 0;

  const add = (name: string, state: ShellState): Shell => {
    const shell = openShell(around, name, `shell-${++count}`, state);
    open.set(name, { shell, idle: Promise.resolve() });
    return shell;
  };
  const names = () => [...open.keys()];
  for (const [name, state] of Object.entries({ [mainShell]: freshState(), ...options.restore })) add(name, state);

  return {
    start({ name = nextName(names()), program }) {
      const found = open.get(name)?.shell;
      const problem = found ? clash(name, found.state(), program) : whyNotInstalled(program ?? "bash", env);
      if (problem) return { ok: false, problem };
      const shell = found ?? add(name, freshState(program));
      shell.warm();
      const { program: runs } = shell.state();
      return { ok: true, shell: name, ...(runs ? { program: runs } : {}) };
    },
    async exec({ shell: name = mainShell, ...command }) {
      if (command.command.trim() === "") return notRun("No command provided (stdin is empty)");
      const found = open.get(name);
      if (!found) return notRun(notFound(name, names()));
      const turn = found.idle.then(() => {
        if (open.get(name) !== found) return notRun(notFound(name, names()));
        if (command.signal.aborted) return notRun("The command was not run: it was stopped before its start.");
        return found.shell.exec(command);
      });
      found.idle = turn.catch(() => {});
      return turn;
    },
    async end({ shell: name }) {
      const found = open.get(name);
      if (!found) return { ok: false, problem: notFound(name, names()) };
      open.delete(name);
      await found.shell.kill();
      await found.idle;
      return { ok: true };
    },
    list: () => [...open].map(([name, { shell }]) => ({ shell: name, ...shell.state() })),
    state: () => Object.fromEntries([...open].map(([name, { shell }]) => [name, shell.state()])),
    async close() {
      const all = [...open.values()];
      open.clear();
      const left = await Promise.all(all.map(({ shell }) => shell.kill()));
      await Promise.all(all.map(({ idle }) => idle));
      pipes.close();
      return left.reduce((sum, count) => sum + count, 0);
    },
  };
}

function nextName(taken: readonly string[]): string {
  let number = 1;
  while (taken.includes(`shell-${number}`)) number++;
  return `shell-${number}`;
}

/** What the model reads when an open shell of that name runs something else than it asks for. */
function clash(name: string, { program }: ShellState, wanted: Program | undefined): string | null {
  const runs = program ?? "bash";
  if (wanted === undefined || wanted === runs) return null;
  return `The shell "${name}" is open and runs ${runs}. Choose another name, or end it first with {"action":"end","name":"${name}"}.`;
}

/** What the model reads when a name does not lead to a shell. */
function notFound(name: string, names: readonly string[]): string {
  const others = names.length > 0 ? `Open shells: ${names.join(", ")}.` : "No shell is open.";
  return `Session not found: there is no open shell "${name}". ${others} To open one, call shell with {"action":"start","name":"${name}"}.`;
}
