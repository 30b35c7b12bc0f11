import type { Command } from "commander";
import { openClone } from "./clone.ts";
import { examples, type Offered } from "./command-line.ts";

const whichSession = "-s, --session <id>";
const byPrefix = "the session, by id or unique prefix";

/** `offshoot run`. */
export function addRun(program: Command, { terminal, end }: Offered): void {
  program
    .command("run")
    .description("Work on one prompt here: in a work tree of its own, on the session's branch. Ends with the answer.")
    .argument("<prompt>", "what to do; - reads it from standard input")
    .option(whichSession, "go on with this session, by id or unique prefix")
    .option("--last", "go on with the session that was used last")
    .option("--new", "open a session (the default)")
    .option("--ephemeral", "without the project, and without leaving anything behind")
    .option("--model <model>", "provider:model[@effort] instead of the configured one")
    .option("--description <text>", "what a new session is about; else the prompt's first line")
    .option("--branch <name>", "the branch that a new session works on; else one of its own")
    .option("--json", "print JSON (docs/schemas/turn-result.schema.json)")
    .addHelpText(
      "after",
      examples(
        'run "make the failing test pass"',
        'run --last "now the docs"',
        "run --session 01JH4Q --model openai:gpt-5.5@high - < task.md",
        'run --ephemeral "what does HTTP 425 mean?"',
      ),
    )
    .action(async (prompt, options) => {
      const { run } = await import("./run.ts");
      end(await run(terminal, await openClone(terminal), options, prompt));
    });
}

/** The commands that change sessions. */
export function addActing(session: Command, { terminal }: Offered): void {
  session
    .command("stop")
    .description("Ask for the open turn to end at its next step; what it has done so far is kept.")
    .requiredOption(whichSession, byPrefix)
    .addHelpText("after", examples("session stop -s 01JH4Q"))
    .action(async (options) => {
      const { stop } = await import("./stop.ts");
      await stop(terminal, await openClone(terminal), options);
    });
  session
    .command("fetch")
    .description("Bring the origin's sessions here, as they are now.")
    .option(whichSession, "only those whose ids begin so")
    .option("--json", "print JSON (docs/schemas/session-fetch.schema.json)")
    .addHelpText("after", examples("session fetch", "session fetch -s 01JH4Q"))
    .action(async (options) => {
      const { fetchSessions } = await import("./share.ts");
      await fetchSessions(terminal, await openClone(terminal), options);
    });
  session
    .command("push")
    .description("Put a session on the origin, where comments can go on with it.")
    .option(whichSession, byPrefix)
    .option("--json", "print JSON (docs/schemas/session-push.schema.json)")
    .addHelpText("after", examples("session push -s 01JH4Q"))
    .action(async (options) => {
      const { pushSession } = await import("./share.ts");
      await pushSession(terminal, await openClone(terminal), options);
    });
}
