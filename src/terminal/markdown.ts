import type { Event, EventOf } from "../sessions/journal.ts";
import type { AssistantPart, Message } from "../sessions/message.ts";
import { lineOf } from "../sessions/timeline.ts";
import { commandIn, jsonIn, ranIn } from "../sessions/tool-text.ts";
import { brief, duration, plain, when } from "../sessions/words.ts";
import type { Reading } from "./chosen.ts";

/** Pure: a session's conversation as Markdown. What people, models and tools wrote stays what it is: text. */
export function asMarkdown({ session, events }: Pick<Reading, "session" | "events">): string {
  const { session: id, description, project, branch, created_by, created_at } = session;
  const head = [
    `# ${brief(description, 200)}`,
    `Session ${code(id)} of ${project} on ${code(branch)}, opened by ${created_by.login} at ${when(created_at)}.`,
  ];
  return [...head, ...events.flatMap(paragraphs)].map((text) => `${text}\n`).join("\n");
}

function paragraphs(event: Event): readonly string[] {
  switch (event.type) {
    case "prompt.queued":
      return [`**${brief(event.by.login)}** asked at ${when(event.at)}:`, quote(event.text)];
    case "turn.started":
      return [`## Turn ${event.turn}`, `${event.model}, from ${when(event.at)}`];
    case "message.added":
      return messageParagraphs(event.message);
    case "turn.ended":
      return ending(event);
    case "context.compacted":
      return ["## The context was compacted", `${lineOf(event)}. From here on the model reads:`, quote(event.summary)];
    case "session.forked":
    case "session.reverted":
    case "session.retired":
    case "session.deleted":
    case "stop.requested":
    case "checkpoint.made":
      return [`_${when(event.at)}: ${lineOf(event)}_`];
    default:
      return [];
  }
}

function messageParagraphs(message: Message): readonly string[] {
  switch (message.role) {
    case "user":
      return []; // the prompt, which stands there already, as the model was given it
    case "tool":
      return toolParagraphs(message);
    case "assistant":
      return message.parts.map(partParagraph).filter(Boolean);
  }
}

function partParagraph(part: AssistantPart): string {
  switch (part.type) {
    case "text":
      return plain(part.text);
    case "reasoning":
      return part.summary ? `<details><summary>Reasoning</summary>\n\n${quote(part.summary)}\n\n</details>` : "";
    case "tool_call":
      return `Called ${code(part.name)}:\n\n${callBlock(part.arguments)}`;
  }
}

function callBlock(text: string): string {
  const called = commandIn(jsonIn(text));
  const isAlone = called && Object.keys(called.others).length === 0;
  return isAlone ? fence(called.command, "sh") : fence(text, "json");
}

/** What a command wrote reads better than the JSON that the model was given of it. */
function toolParagraphs({ name, output }: Extract<Message, { role: "tool" }>): readonly string[] {
  const ran = ranIn(output);
  if (!ran) return [`${code(name)} answered:`, fence(output)];
  const { stdout, stderr, exit_code } = ran;
  const streams = [stdout, stderr].filter(Boolean).map((text) => fence(text));
  return [`${code(name)} ended with exit code ${exit_code}${streams.length > 0 ? ":" : "."}`, ...streams];
}

function ending({ turn, outcome, duration_ms, problem, commit, notices }: EventOf<"turn.ended">): readonly string[] {
  const left = commit ? `, left commit ${code(commit)}` : "";
  return [
    `_Turn ${turn}: ${outcome} after ${duration(duration_ms)}${left}._`,
    ...(problem ? [quote(`${problem.message}\n${problem.remedy}`)] : []),
    ...notices.map((notice) => quote(notice)),
  ];
}

function quote(text: string): string {
  return plain(text)
    .trim()
    .split("\n")
    .map((line) => `> ${line}`.trimEnd())
    .join("\n");
}

function code(text: string): string {
  return `\`${brief(text, 300).replaceAll("`", "'")}\``;
}

/** A block that nothing in the text can end. */
function fence(text: string, language = ""): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const ticks = "`".repeat(longest + 1);
  return `${ticks}${language}\n${plain(text).replace(/\n$/, "")}\n${ticks}`;
}
