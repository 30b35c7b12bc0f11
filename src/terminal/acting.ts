import { type Command, Option } from "commander";
import { openClone } from "./clone.ts";
import { asJson, examples, names, type Offered, ofSession, wholeNumber } from "./command-line.ts";

const whichSession = "-s, --session <id>";
const byPrefix = "the session, by id or unique prefix";

/** `offshoot run`. */
export function addRun(program: Command, { terminal, end }: Offered): void {
  program
    .command("run")
    .description("Work on one prompt here: in a work tree of its own, on the session's branch. Ends with the answer.")
    .argument("[prompt]", "what to do; - reads it from standard input")
    .option(whichSession, "go on with this session, by id or unique prefix")
    .option("--last", "go on with the session that was used last")
    .option("--continue", "in place of a prompt: go on with what was interrupted, before what waits")
    .option(
      "--budget <amount>",
      "5usd, 500k or 2M (tokens) for this turn; with --continue, whatever budget was reached",
    )
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
        "run --last --continue --budget 5usd",
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
export function addActing(session: Command, offered: Offered): void {
  addStop(session, offered);
  addContext(session, offered);
  addSharing(session, offered);
  addEnding(session, offered);
}

function addStop(session: Command, { terminal }: Offered): void {
  session
    .command("stop")
    .description("Ask for the open turn to end at its next step; what it has done so far is kept.")
    .requiredOption(whichSession, byPrefix)
    .addHelpText("after", examples("session stop -s 01JH4Q"))
    .action(async (options) => {
      const { stop } = await import("./stop.ts");
      await stop(terminal, await openClone(terminal), options);
    });
}

function addSharing(session: Command, { terminal }: Offered): void {
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

function addEnding(session: Command, { terminal }: Offered): void {
  session
    .command("delete")
    .description("Retire a session with a tombstone; its journal stays readable.")
    .requiredOption(whichSession, byPrefix)
    .addHelpText("after", examples("session delete -s 01JH4Q"))
    .action(async (options) => {
      const { deleteOne } = await import("./clean.ts");
      await deleteOne(terminal, await openClone(terminal), options);
    });
  session
    .command("purge")
    .description("Take out of the repository what a session ever said; a tombstone stays.")
    .requiredOption(whichSession, byPrefix)
    .addHelpText("after", examples("session purge -s 01JH4Q"))
    .action(async (options) => {
      const { purgeOne } = await import("./clean.ts");
      await purgeOne(terminal, await openClone(terminal), options);
    });
  const clean = session
    .command("clean")
    .description("Retire sessions that nobody used for some days; they stay readable.")
    .requiredOption("--days <n>", "not used for so many days", wholeNumber)
    .option("--dry-run", "say what would be retired, and change nothing")
    .addOption(new Option("--model <list>", "only of these models, separated by commas").argParser(names));
  asJson(clean, "session-clean")
    .addHelpText(
      "after",
      examples("session clean --days 30 --dry-run", "session clean --days 30 --model openai:gpt-5.5"),
    )
    .action(async (options) => {
      const { cleanSessions } = await import("./clean.ts");
      await cleanSessions(terminal, await openClone(terminal), options);
    });
}

function addContext(session: Command, { terminal }: Offered): void {
  const compact = session
    .command("compact")
    .description("Let turns go on from a summary by the session's own model; the journal keeps everything.")
    .option("--hint <text>", "what the summary has to tell of");
  asJson(ofSession(compact), "session-compact")
    .addHelpText(
      "after",
      examples("session compact -s 01JH4Q", 'session compact --hint "keep the names of all endpoints"'),
    )
    .action(async (options) => {
      const { compact } = await import("./compact.ts");
      await compact(terminal, await openClone(terminal), options);
    });
  const fork = session
    .command("fork")
    .description("Open another session that goes on from where a turn of this one ended.")
    .option("--at <turn>", "the last turn that it has; else all, 0 for none", (text) =>
      text === "0" ? 0 : wholeNumber(text),
    )
    .option("--description <text>", "what it is about; else the same");
  asJson(ofSession(fork), "session-fork")
    .addHelpText("after", examples("session fork -s 01JH4Q", "session fork -s 01JH4Q --at 2"))
    .action(async (options) => {
      const { fork } = await import("./fork.ts");
      await fork(terminal, await openClone(terminal), options);
    });
  const revert = session
    .command("revert")
    .description("Take a turn back: a new commit undoes its change, and the model does not see it any more.")
    .requiredOption(whichSession, byPrefix)
    .option("--turn <n>", "which one; else the last", wholeNumber);
  asJson(revert, "session-revert")
    .addHelpText("after", examples("session revert -s 01JH4Q", "session revert -s 01JH4Q --turn 2"))
    .action(async (options) => {
      const { revert } = await import("./revert.ts");
      await revert(terminal, await openClone(terminal), options);
    });
  const checkpoint = session
    .command("checkpoint")
    .description("Give the session's last commit a name, in its note and in the journal.")
    .argument("<label>", "the name");
  asJson(ofSession(checkpoint), "session-checkpoint")
    .addHelpText("after", examples("session checkpoint -s 01JH4Q before-the-rewrite"))
    .action(async (label, options) => {
      const { checkpoint } = await import("./checkpoint.ts");
      await checkpoint(terminal, await openClone(terminal), options, label);
    });
  session
    .command("rekey")
    .description("Put what is sealed under another key; without a key yet, make the first one.")
    .option(whichSession, "only this one; else all that are here")
    .addHelpText("after", examples("session rekey", "session rekey -s 01JH4Q"))
    .action(async (options) => {
      const { rekey } = await import("./rekey.ts");
      await rekey(terminal, await openClone(terminal), options);
    });
}
