import * as v from "valibot";
import type { ToolCall } from "../sessions/message.ts";
import { commandIn, jsonIn, type Ran, ranIn } from "../sessions/tool-text.ts";
import { oneLine, visible } from "../sessions/visible.ts";
import { bytes, duration } from "../sessions/words.ts";
import { type Html, html } from "./html.ts";
import type { Answered, Deed } from "./story.ts";
import { block, cut, type Limits } from "./text.ts";

/** A call of a tool with what became of it; `answered` is null where nothing did. */
export function callCard(call: ToolCall, answered: Answered | null, limits: Limits): Html {
  const message = answered?.answer.message;
  const output = message?.role === "tool" ? message.output : null;
  const ran = output === null ? null : ranIn(output);
  const args = jsonIn(call.arguments);
  return html`<section class="call">
<header><code class="tool">${oneLine(call.name, 80)}</code>
${v.is(fileSchema, args) && html`<code>${oneLine(args.path, 300)}</code>`}${ends(ran, answered?.did ?? [])}</header>
${asked(args, call, limits)}
${answered === null && html`<p class="withheld">No answer: the run ended before it.</p>`}
${output !== null && !hasChanged(answered) && result(output, ran, limits)}
</section>`;
}

/** Then the answer says no more than what is told anyway. */
function hasChanged(answered: Answered | null): boolean {
  return answered?.did.some(({ type }) => type === "file.changed") ?? false;
}

const fileSchema = v.object({ path: v.string() });
const editSchema = v.object({ path: v.string(), old: v.string(), new: v.string() });
const writeSchema = v.object({ path: v.string(), content: v.string() });

function asked(args: unknown, { name, arguments: text }: ToolCall, limits: Limits): Html | null {
  const called = commandIn(args);
  if (called) return commandOf(called, limits);
  if (v.is(editSchema, args)) return change(args, limits);
  if (v.is(writeSchema, args)) return block(args.content, "content", limits);
  if (name === "read" && v.is(fileSchema, args)) return null;
  return block(args === undefined ? text : JSON.stringify(args, null, 2), "arguments", limits);
}

function commandOf({ command, others }: NonNullable<ReturnType<typeof commandIn>>, limits: Limits): Html {
  const told = Object.entries(others).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return html`<pre class="command">${visible(cut(command, limits.output, limits))}</pre>
${told.length > 0 && html`<p class="quiet">${oneLine(told.join(" · "), 600)}</p>`}`;
}

function change({ old, new: added }: v.InferOutput<typeof editSchema>, limits: Limits): Html {
  const marked = (text: string, sign: string) =>
    visible(cut(text.replace(/\n$/, ""), limits.output, limits))
      .split("\n")
      .map((line) => `${sign} ${line}`)
      .join("\n");
  return html`<pre class="change"><del>${marked(old, "−")}</del>
<ins>${marked(added, "+")}</ins></pre>`;
}

/** How it ended, from the tool's answer or, where that is withheld, from what the journal tells beside it. */
function ends(ran: Ran | null, did: readonly Deed[]): Html {
  const command = did.find((deed) => deed.type === "command.ran");
  const code = ran?.exit_code ?? command?.exit_code;
  const ms = ran?.execution_time_ms ?? command?.ms;
  const told = [
    command && command.shell !== "main" && `shell ${oneLine(command.shell, 40)}`,
    command && command.cwd !== "." && `in ${oneLine(command.cwd, 120)}`,
    ms !== undefined && duration(ms),
    ...did.map((deed) => deed.type === "file.changed" && `${deed.change}, ${bytes(deed.bytes)}`),
  ].filter((text) => text !== undefined && text !== false);
  return html`${code !== undefined && html`<span class="tag ${code === 0 ? "good" : "bad"}">exit code ${code}</span>`}
<span class="quiet">${told.join(" · ")}</span>`;
}

function result(output: string, ran: Ran | null, limits: Limits): Html {
  if (!ran) return block(output, "answer", limits);
  const { stdout, stderr, note, truncated } = ran;
  const whole = truncated?.stdout ?? truncated?.stderr;
  return html`${block(stdout, "output", limits)}
${stderr.trim() !== "" && html`<p class="quiet">standard error</p>`}${block(stderr, "standard error", limits)}
${note !== undefined && html`<p class="quiet">${oneLine(note, 600)}</p>`}
${whole && html`<p class="quiet">The command wrote ${bytes(whole.bytes)}: <code>offshoot session artifacts</code> has them.</p>`}`;
}
