import * as v from "valibot";
import type { ToolCall } from "../sessions/message.ts";
import { otherPrograms, programs } from "./shell-programs.ts";
import { keyName } from "./terminal-keys.ts";

/** Names of shells that a model may open, as a regular expression. */
export const shellName = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$";

const lineNumber = v.pipe(v.number(), v.integer(), v.minValue(1));

/** The arguments of each tool. The model is told the same in JSON Schema; a test holds the two together. */
export const toolArguments = {
  exec: v.strictObject({
    command: v.string(),
    shell: v.optional(v.string()),
    timeout_s: v.optional(v.pipe(v.number(), v.minValue(1))),
  }),
  shell: v.strictObject({
    action: v.picklist(["start", "end", "list"]),
    name: v.optional(v.pipe(v.string(), v.regex(new RegExp(shellName)))),
    program: v.optional(v.picklist(programs)),
  }),
  read: v.strictObject({ path: v.string(), from: v.optional(lineNumber), lines: v.optional(lineNumber) }),
  write: v.strictObject({ path: v.string(), content: v.string() }),
  edit: v.strictObject({ path: v.string(), old: v.string(), new: v.string() }),
  search: v.strictObject({ pattern: v.string(), path: v.optional(v.string()), glob: v.optional(v.string()) }),
  terminal: v.strictObject({
    action: v.picklist(["start", "send", "read", "end"]),
    name: v.optional(v.pipe(v.string(), v.regex(new RegExp(shellName)))),
    command: v.optional(v.string()),
    cols: v.optional(v.pipe(v.number(), v.integer(), v.minValue(20), v.maxValue(300))),
    rows: v.optional(v.pipe(v.number(), v.integer(), v.minValue(5), v.maxValue(100))),
    text: v.optional(v.string()),
    keys: v.optional(v.array(v.pipe(v.string(), v.regex(new RegExp(keyName))))),
    until: v.optional(v.pipe(v.string(), v.minLength(1))),
  }),
};

type ToolName = keyof typeof toolArguments;

export type ArgumentsOf<Name extends ToolName> = v.InferOutput<(typeof toolArguments)[Name]>;

/** A call whose arguments have the right form. */
export type Call = { [Name in ToolName]: { readonly name: Name; readonly arguments: ArgumentsOf<Name> } }[ToolName];

export type ParsedCall = { readonly ok: true; readonly call: Call } | { readonly ok: false; readonly problem: string };

const calls = v.variant("name", [
  v.object({ name: v.literal("exec"), arguments: toolArguments.exec }),
  v.object({ name: v.literal("shell"), arguments: toolArguments.shell }),
  v.object({ name: v.literal("read"), arguments: toolArguments.read }),
  v.object({ name: v.literal("write"), arguments: toolArguments.write }),
  v.object({ name: v.literal("edit"), arguments: toolArguments.edit }),
  v.object({ name: v.literal("search"), arguments: toolArguments.search }),
  v.object({ name: v.literal("terminal"), arguments: toolArguments.terminal }),
]);

/** Reads a model's call; `problem` is a sentence for the model. */
export function parseCall({ name, arguments: json }: ToolCall): ParsedCall {
  const parsed = parseJson(json);
  if (!parsed.ok) return parsed;
  const result = v.safeParse(calls, { name, arguments: parsed.value });
  if (result.success) return { ok: true, call: result.output };
  const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? "arguments"}: ${issue.message}.`);
  return { ok: false, problem: problems.join(" ") };
}

const shellAnswer = v.union([
  v.strictObject({ shell: v.string(), program: v.optional(v.picklist(otherPrograms)) }),
  v.strictObject({ ended: v.string() }),
]);

/** What the tool `shell` said it did; null where it started or ended nothing. */
export function readShellAnswer(output: string): v.InferOutput<typeof shellAnswer> | null {
  const parsed = parseJson(output);
  const answer = parsed.ok ? v.safeParse(shellAnswer, parsed.value) : null;
  return answer?.success ? answer.output : null;
}

function parseJson(json: string): { readonly ok: true; readonly value: unknown } | { ok: false; problem: string } {
  try {
    return { ok: true, value: JSON.parse(json) };
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false, problem: `The arguments are not JSON: ${error.message}.` };
    throw error;
  }
}
