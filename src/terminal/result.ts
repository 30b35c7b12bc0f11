import { plain, plural } from "../sessions/words.ts";
import { readSession } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { exitCodes, Failure } from "./failure.ts";
import { note, print, printJson, type Terminal } from "./terminal.ts";
import { turnResult } from "./turn-result.ts";

export interface ResultOptions {
  readonly session?: string;
  readonly json?: boolean;
}

/** `offshoot session result`: the last turn's answer. Gives the exit code: 0 only where the turn was done. */
export async function result(terminal: Terminal, clone: Clone, options: ResultOptions): Promise<number> {
  const { session, events } = await readSession(clone, options.session);
  const ended = events.findLast((event) => event.type === "turn.ended");
  if (ended?.type !== "turn.ended") {
    throw new Failure(
      "missing",
      `No turn of session ${session.session} has ended yet.`,
      `\`offshoot session logs -s ${session.session} --follow\` shows what happens in it.`,
    );
  }
  const result = turnResult(session, ended);
  if (options.json) printJson(terminal, result);
  else {
    if (result.answer) print(terminal, plain(result.answer));
    if (result.problem) note(terminal, plain(`${result.problem.message}\n${result.problem.remedy}`));
    for (const notice of result.notices) note(terminal, plain(`Note: ${notice}`));
    const work = result.commit ? `${result.commit.slice(0, 7)}, ${plural(result.files.length, "file")}` : "no commit";
    note(terminal, `session ${result.session}, turn ${result.turn}: ${result.outcome}, ${work}`);
  }
  return result.outcome === "done" ? exitCodes.done : exitCodes.failed;
}
