import type { ToolSpec } from "./model.ts";
import { programs } from "./shell-programs.ts";
import { keyName } from "./terminal-keys.ts";
import { shellName } from "./tool-call.ts";

/** Always the same, in the same order: it is part of the prefix that providers cache. */
export function toolSpecs(options: { readonly terminal: boolean }): readonly ToolSpec[] {
  return [...usualTools(), ...(options.terminal ? [terminalTool()] : [])];
}

function usualTools(): ToolSpec[] {
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

function terminalTool(): ToolSpec {
  return {
    name: "terminal",
    description:
      "For programs that need a terminal only; for all else use exec. Start one with a bash command, send it text and then keys, read its screen, end it. Each but end answers with JSON: screen, and exit_code once the program has ended. Terminals end with the turn.",
    parameters: object(
      {
        action: { type: "string", enum: ["start", "send", "read", "end"] },
        name: { type: "string", pattern: shellName, description: "Default: main" },
        command: { type: "string", description: "For start" },
        cols: { type: "integer", minimum: 20, maximum: 300, description: "For start, default 80" },
        rows: { type: "integer", minimum: 5, maximum: 100, description: "For start, default 24" },
        text: { type: "string", description: "For send: typed as it is" },
        keys: {
          type: "array",
          items: { type: "string", pattern: keyName },
          description: "For send: pressed after text",
        },
        until: { type: "string", minLength: 1, description: "Text on the screen to wait for, at most 10 s" },
      },
      ["action"],
    ),
  };
}

function object(properties: Readonly<Record<string, unknown>>, required: readonly string[]): ToolSpec["parameters"] {
  return { type: "object", properties, required, additionalProperties: false };
}
