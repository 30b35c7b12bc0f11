import * as v from "valibot";

/** What a command wrote and how it ended, as the tool `exec` answers it. */
export type Ran = v.InferOutput<typeof ranSchema>;

const commandSchema = v.looseObject({ command: v.string() });
const truncatedSchema = v.object({ bytes: v.number() });
const ranSchema = v.looseObject({
  stdout: v.string(),
  stderr: v.string(),
  exit_code: v.number(),
  execution_time_ms: v.optional(v.number()),
  truncated: v.optional(v.object({ stdout: v.optional(truncatedSchema), stderr: v.optional(truncatedSchema) })),
  note: v.optional(v.string()),
});

/** The command in a call's arguments, and the arguments beside it; null where there is none. */
export function commandIn(args: unknown): { command: string; others: Readonly<Record<string, unknown>> } | null {
  if (!v.is(commandSchema, args)) return null;
  const { command, ...others } = args;
  return { command, others };
}

/** A command's result in what a tool answered; null where it is none. */
export function ranIn(output: string): Ran | null {
  const parsed = v.safeParse(ranSchema, jsonIn(output));
  return parsed.success ? parsed.output : null;
}

/** What JSON says; undefined where it is none. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
