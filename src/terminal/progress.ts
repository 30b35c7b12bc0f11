import type { Fact } from "../sessions/journal.ts";
import { note, type Terminal } from "./terminal.ts";

/** Tells each step of a turn on standard error as it happens. */
export function progress(terminal: Terminal): (fact: Fact) => void {
  return (fact) => {
    const line = lineOf(fact);
    if (line) note(terminal, line, "dim");
  };
}

function lineOf(fact: Fact): string | null {
  switch (fact.type) {
    case "turn.started":
      return `turn ${fact.turn} with ${fact.model}`;
    case "command.ran":
      return `  $ ${brief(fact.command)}  (exit code ${fact.exit_code}, ${(fact.ms / 1000).toFixed(1)} s)`;
    case "file.read":
      return `  read ${fact.path}`;
    case "file.changed":
      return `  ${fact.change} ${fact.path}`;
    case "turn.ended":
      return fact.outcome === "done" ? null : `turn ${fact.turn}: ${fact.outcome}`;
    default:
      return null;
  }
}

function brief(command: string): string {
  const [line = "", ...more] = command.trim().split("\n");
  return `${line.slice(0, 100).toWellFormed()}${more.length > 0 || line.length > 100 ? " …" : ""}`;
}
