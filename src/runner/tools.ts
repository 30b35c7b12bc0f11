import { realpathSync } from "node:fs";
import type { ToolCall } from "../sessions/message.ts";
import { editPath, type FileOutcome, readPath, writePath } from "./files.ts";
import type { ToolSpec } from "./model.ts";
import { searchTree } from "./search.ts";
import type { ExecOutcome } from "./shell.ts";
import type { EnvChange, ShellState } from "./shell-state.ts";
import type { Shells } from "./shells.ts";
import type { Terminals } from "./terminals.ts";
import { type ArgumentsOf, type Call, parseCall } from "./tool-call.ts";
import { toolSpecs } from "./tool-specs.ts";

/** What a call did, for the journal. Paths are relative to the work tree. */
export type Happening =
  | {
      readonly type: "command.ran";
      readonly shell: string;
      /** Absent for bash. */
      readonly program?: ShellState["program"];
      readonly command: string;
      readonly exit_code: number;
      readonly ms: number;
      readonly cwd: string;
      /** All that is exported otherwise than at the shell's start, given when the command altered it. */
      readonly env?: EnvChange;
      readonly stdout_bytes: number;
      readonly stderr_bytes: number;
      /** Absolute paths of files with whole outputs that were too long for `output`. */
      readonly spilled?: readonly string[];
    }
  | { readonly type: "file.read"; readonly path: string }
  | {
      readonly type: "file.changed";
      readonly path: string;
      readonly change: "created" | "edited";
      readonly bytes: number;
    };

export interface ToolOutcome {
  /** What the model reads. */
  readonly output: string;
  readonly happened: readonly Happening[];
}

/** The tools of one turn. A call that is malformed, refused or fails is answered, never thrown. */
export interface Tools {
  /** As the model is told of them. */
  readonly specs: readonly ToolSpec[];
  run(call: ToolCall, context: { readonly signal: AbortSignal }): Promise<ToolOutcome>;
}

export interface ToolsOptions {
  /** The work tree. */
  readonly tree: string;
  readonly shells: Shells;
  /** Null where the repository has not asked for them. */
  readonly terminals: Terminals | null;
  /** For a command that names no time-out, and the most that one may name. */
  readonly timeoutMs: { readonly usual: number; readonly most: number };
}

export function openTools(options: ToolsOptions): Tools {
  const tree = realpathSync(options.tree);
  const specs = toolSpecs({ terminal: options.terminals !== null });
  return {
    specs,
    async run(toolCall, { signal }) {
      const call = parseCall(toolCall);
      if (!call.ok) return { output: explain(call.problem, toolCall.name, specs), happened: [] };
      return answer(call.call, { ...options, tree, signal });
    },
  };
}

interface Answering extends ToolsOptions {
  readonly signal: AbortSignal;
}

async function answer(call: Call, { tree, shells, terminals, timeoutMs, signal }: Answering): Promise<ToolOutcome> {
  switch (call.name) {
    case "exec": {
      const { command, shell, timeout_s: seconds } = call.arguments;
      const limit = Math.min(seconds === undefined ? timeoutMs.usual : seconds * 1000, timeoutMs.most);
      return executed(await shells.exec({ command, shell, timeoutMs: limit, signal }));
    }
    case "shell":
      return { output: await manage(shells, call.arguments), happened: [] };
    case "read":
      return handled(readPath(tree, call.arguments));
    case "write":
      return handled(writePath(tree, call.arguments));
    case "edit":
      return handled(editPath(tree, call.arguments));
    case "search":
      return { output: await searchTree(tree, call.arguments, signal), happened: [] };
    case "terminal":
      return { output: terminals ? await terminals.run(call.arguments, { signal }) : noTerminals, happened: [] };
  }
}

const noTerminals =
  "There are no terminals here: the repository has not asked for them with `terminal = true` under `[shells]` in .github/offshoot.toml. Run the program with exec, in a way that needs none.";

/** What comes of a command: the answer, and what the journal keeps. */
export function executed({ result, ran }: ExecOutcome): ToolOutcome {
  const output = JSON.stringify(result);
  if (ran === null) return { output, happened: [] };
  const { stdout, stderr } = result.truncated ?? {};
  const spilled = [stdout, stderr].flatMap((stream) => (stream ? [stream.file] : []));
  const { exit_code, execution_time_ms: ms } = result;
  return {
    output,
    happened: [{ type: "command.ran", ...ran, exit_code, ms, ...(spilled.length > 0 ? { spilled } : {}) }],
  };
}

async function manage(shells: Shells, { action, name, program }: ArgumentsOf<"shell">): Promise<string> {
  switch (action) {
    case "start": {
      const started = shells.start({ name, program });
      if (!started.ok) return started.problem;
      const { ok: _, ...shell } = started;
      return JSON.stringify(shell);
    }
    case "list":
      return JSON.stringify(shells.list().map(({ env: _, ...shell }) => shell));
    case "end": {
      if (name === undefined) return "`name` is missing: which shell is to end? The action list names them.";
      const ended = await shells.end({ shell: name });
      return ended.ok ? JSON.stringify({ ended: name }) : ended.problem;
    }
  }
}

function handled(outcome: FileOutcome): ToolOutcome {
  const { output } = outcome;
  switch (outcome.type) {
    case "read":
      return { output, happened: [{ type: "file.read", path: outcome.path }] };
    case "changed": {
      const { path, change, bytes } = outcome;
      return { output, happened: [{ type: "file.changed", path, change, bytes }] };
    }
    case "refused":
      return { output, happened: [] };
  }
}

/** What is wrong with a call, and how it is made right. */
function explain(problem: string, name: string, specs: readonly ToolSpec[]): string {
  const spec = specs.find((tool) => tool.name === name);
  const form = spec
    ? `The arguments of ${name} are a JSON object of this schema: ${JSON.stringify(spec.parameters)}`
    : `The tools are ${specs.map((tool) => tool.name).join(", ")}.`;
  return `The call was not understood: ${problem} ${form}`;
}
