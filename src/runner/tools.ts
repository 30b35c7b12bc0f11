import { realpathSync } from "node:fs";
import type { ToolCall } from "../sessions/message.ts";
import { editPath, type FileOutcome, readPath, writePath } from "./files.ts";
import type { ToolSpec } from "./model.ts";
import { searchTree } from "./search.ts";
import type { ExecOutcome } from "./shell.ts";
import { programs } from "./shell-programs.ts";
import type { EnvChange, ShellState } from "./shell-state.ts";
import type { Shells } from "./shells.ts";
import { type ArgumentsOf, type Call, parseCall, shellName } from "./tool-call.ts";

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
  run(call: ToolCall, context: { readonly signal: AbortSignal }): Promise<ToolOutcome>;
}

export interface ToolsOptions {
  /** The work tree. */
  readonly tree: string;
  readonly shells: Shells;
  /** For a command that names no time-out, and the most that one may name. */
  readonly timeoutMs: { readonly usual: number; readonly most: number };
}

/** Always the same, in the same order: it is part of the prefix that providers cache. */
export function toolSpecs(): readonly ToolSpec[] {
  return [
    {
      name: "exec",
      description:
        "Run a script in a shell that keeps its working directory, exports, variables and functions between calls; main is bash. Starts in the work tree. Standard input is empty. Answers with JSON: stdout, stderr, exit_code, execution_time_ms.",
      parameters: object(
        {
          command: { type: "string" },
          shell: { type: "string", description: "Default: main" },
          timeout_s: { type: "number", minimum: 1, description: "Default: 120" },
        },
        ["command"],
      ),
    },
    {
      name: "shell",
      description:
        "Start another named shell beside main, end one with all its processes, or list them. A python3 shell runs Python scripts.",
      parameters: object(
        {
          action: { type: "string", enum: ["start", "end", "list"] },
          name: { type: "string", pattern: shellName, description: "Needed for end" },
          program: { type: "string", enum: programs, description: "What a new shell runs, default bash" },
        },
        ["action"],
      ),
    },
    {
      name: "read",
      description: "Read a text file of the work tree, or list a folder.",
      parameters: object(
        {
          path: { type: "string" },
          from: { type: "integer", minimum: 1, description: "First line, default 1" },
          lines: { type: "integer", minimum: 1, description: "Default and maximum: 2000" },
        },
        ["path"],
      ),
    },
    {
      name: "write",
      description: "Create or replace a whole file; folders are made.",
      parameters: object({ path: { type: "string" }, content: { type: "string" } }, ["path", "content"]),
    },
    {
      name: "edit",
      description: "Replace a piece of a file. `old` must occur exactly once, white space included.",
      parameters: object({ path: { type: "string" }, old: { type: "string" }, new: { type: "string" } }, [
        "path",
        "old",
        "new",
      ]),
    },
    {
      name: "search",
      description: "Find lines that match a JavaScript regular expression, as path:line:text.",
      parameters: object(
        {
          pattern: { type: "string" },
          path: { type: "string", description: "File or folder, default the work tree" },
          glob: { type: "string", description: "E.g. *.ts or src/**/*.ts" },
        },
        ["pattern"],
      ),
    },
  ];
}

function object(properties: Readonly<Record<string, unknown>>, required: readonly string[]): ToolSpec["parameters"] {
  return { type: "object", properties, required, additionalProperties: false };
}

export function openTools(options: ToolsOptions): Tools {
  const tree = realpathSync(options.tree);
  return {
    async run(toolCall, { signal }) {
      const call = parseCall(toolCall);
      if (!call.ok) return { output: explain(call.problem, toolCall.name), happened: [] };
      return answer(call.call, { ...options, tree, signal });
    },
  };
}

interface Answering extends ToolsOptions {
  readonly signal: AbortSignal;
}

async function answer(call: Call, { tree, shells, timeoutMs, signal }: Answering): Promise<ToolOutcome> {
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
  }
}

function executed({ result, ran }: ExecOutcome): ToolOutcome {
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
      if (name === undefined) return explain("`name` is missing: which shell is to end?", "shell");
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
function explain(problem: string, name: string): string {
  const specs = toolSpecs();
  const spec = specs.find((tool) => tool.name === name);
  const form = spec
    ? `The arguments of ${name} are a JSON object of this schema: ${JSON.stringify(spec.parameters)}`
    : `The tools are ${specs.map((tool) => tool.name).join(", ")}.`;
  return `The call was not understood: ${problem} ${form}`;
}
