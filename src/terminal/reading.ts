import { type Command, InvalidArgumentError, Option } from "commander";
import { phaseSchema, statusSchema } from "../sessions/session.ts";
import { openClone } from "./clone.ts";
import { asJson, examples, names, type Offered, ofSession, wholeNumber } from "./command-line.ts";

/** The commands that look at sessions. They need no network, no model, and change nothing. */
export function addReading(session: Command, offered: Offered): void {
  addList(session, offered);
  addShow(session, offered);
  addResult(session, offered);
  addLogs(session, offered);
  addTranscript(session, offered);
  addLog(session, offered);
  addDiff(session, offered);
  addArtifacts(session, offered);
  addCheckpoints(session, offered);
  addStats(session, offered);
  addIsAlive(session, offered);
  addVerify(session, offered);
}

const states: readonly string[] = [...statusSchema.options, ...phaseSchema.options];

function stateNames(text: string): readonly string[] {
  const given = names(text);
  const unknown = given.find((name) => !states.includes(name));
  if (unknown === undefined) return given;
  throw new InvalidArgumentError(`${unknown} is none of ${states.join(", ")}.`);
}

function addList(session: Command, { terminal }: Offered): void {
  const list = session
    .command("list")
    .description("The sessions that are here, the one that was used last first.")
    .option("--tree", "draw children under the session that opened them")
    .option("--recent <n>", "the last n that were used", wholeNumber)
    .addOption(
      new Option("--status <list>", `any of these, separated by commas: ${states.join(", ")}`).argParser(stateNames),
    )
    .addOption(new Option("--model <list>", "models or providers, separated by commas").argParser(names))
    .option("--branch <name>", "bound to this branch")
    .option("--thread <number>", "of this issue or pull request", wholeNumber)
    .option("--touching <path>", "that changed this file, or something in this folder");
  asJson(list, "session-list")
    .addHelpText("after", examples("session list --recent 10 --touching src/", "session list --tree"))
    .action(async (options) => {
      const { list } = await import("./list.ts");
      await list(terminal, await openClone(terminal), options);
    });
}

function addShow(session: Command, { terminal }: Offered): void {
  const show = session
    .command("show")
    .description("What a session is: its turns, what waits, who holds it, what it used, its children.");
  asJson(ofSession(show), "session-show")
    .addHelpText("after", examples("session show", "session show -s 01JH4Q --json"))
    .action(async (options) => {
      const { show } = await import("./show.ts");
      await show(terminal, await openClone(terminal), options);
    });
}

function addResult(session: Command, { terminal, end }: Offered): void {
  const result = session
    .command("result")
    .description("The last turn's answer. Exit code 0 where the turn was done, else 1.");
  asJson(ofSession(result), "turn-result")
    .addHelpText("after", examples("session result", "session result -s 01JH4Q --json | jq -r .commit"))
    .action(async (options) => {
      const { result } = await import("./result.ts");
      end(await result(terminal, await openClone(terminal), options));
    });
}

function addLogs(session: Command, { terminal }: Offered): void {
  ofSession(session.command("logs"))
    .description("What happened, one line an event, oldest first.")
    .option("-n, --tail <n>", "the last n events", wholeNumber)
    .option("-f, --follow", "go on until nobody works on the session any more, or Ctrl-C")
    .option("--json", "the journal's own lines (docs/schemas/journal.schema.json)")
    .addHelpText("after", examples("session logs --tail 20 --follow", "session logs -s 01JH4Q --json | jq .type"))
    .action(async (options) => {
      const { logs } = await import("./logs.ts");
      await logs(terminal, await openClone(terminal), options);
    });
}

function addTranscript(session: Command, { terminal }: Offered): void {
  ofSession(session.command("transcript"))
    .description("The whole conversation.")
    .addOption(
      new Option("--format <format>", "md for people, jsonl: the journal's own lines")
        .choices(["md", "jsonl"])
        .default("md"),
    )
    .addHelpText("after", examples("session transcript > session.md", "session transcript --format jsonl -s 01JH4Q"))
    .action(async (options) => {
      const { transcript } = await import("./transcript.ts");
      await transcript(terminal, await openClone(terminal), options);
    });
}

function addLog(session: Command, { terminal }: Offered): void {
  const log = session.command("log").description("The commits that a session made, the last one first.");
  asJson(ofSession(log), "session-log")
    .addHelpText("after", examples("session log", "session log -s 01JH4Q --json"))
    .action(async (options) => {
      const { log } = await import("./commits.ts");
      await log(terminal, await openClone(terminal), options);
    });
}

function addDiff(session: Command, { terminal }: Offered): void {
  ofSession(session.command("diff"))
    .description("What a session changed since it left its base, as `git diff base...head`.")
    .argument("[paths...]", "only these files and folders")
    .addHelpText("after", examples("session diff", "session diff -s 01JH4Q -- src/ | git apply --3way"))
    .action(async (paths, options) => {
      const { diff } = await import("./diff.ts");
      await diff(terminal, await openClone(terminal), options, paths);
    });
}

function addArtifacts(session: Command, { terminal }: Offered): void {
  const artifacts = session
    .command("artifacts")
    .description("What a session left beside its commits: long outputs, runs, pull request, answers; and where it is.");
  asJson(ofSession(artifacts), "session-artifacts")
    .addHelpText("after", examples("session artifacts", "session artifacts -s 01JH4Q --json"))
    .action(async (options) => {
      const { artifacts } = await import("./artifacts.ts");
      await artifacts(terminal, await openClone(terminal), options);
    });
}

function addCheckpoints(session: Command, { terminal }: Offered): void {
  const checkpoints = session
    .command("checkpoints")
    .description("The commits that have a session's note on them, oldest first.")
    .option("--all", "of all sessions that are here");
  asJson(ofSession(checkpoints), "session-checkpoints")
    .addHelpText("after", examples("session checkpoints", "session checkpoints --all"))
    .action(async (options) => {
      const { checkpoints } = await import("./checkpoints.ts");
      await checkpoints(terminal, await openClone(terminal), options);
    });
}

function addStats(session: Command, { terminal }: Offered): void {
  const stats = session
    .command("stats")
    .description("Turns, tokens, and the P50 and P95 (nearest rank) of their duration and peak memory, by model.")
    .option("--all", "of all sessions that are here");
  asJson(ofSession(stats), "session-stats")
    .addHelpText("after", examples("session stats", "session stats --all --json"))
    .action(async (options) => {
      const { stats } = await import("./stats.ts");
      await stats(terminal, await openClone(terminal), options);
    });
}

function addIsAlive(session: Command, { terminal, end }: Offered): void {
  const isAlive = session
    .command("is-alive")
    .description("Whether somebody works on a session: live, quiet (exit code 0); idle, frozen, killed, unknown (1).");
  asJson(ofSession(isAlive), "session-is-alive")
    .addHelpText("after", examples("session is-alive", "session is-alive -s 01JH4Q --json"))
    .action(async (options) => {
      const { isAlive } = await import("./is-alive.ts");
      end(await isAlive(terminal, await openClone(terminal), options));
    });
}

function addVerify(session: Command, { terminal, end }: Offered): void {
  const verify = session
    .command("verify")
    .description("Check all that is stored of a session. Exit code 1 where something is not as it must be.");
  asJson(ofSession(verify), "session-verify")
    .addHelpText("after", examples("session verify", "session verify -s 01JH4Q --json"))
    .action(async (options) => {
      const { verify } = await import("./verify.ts");
      end(await verify(terminal, await openClone(terminal), options));
    });
}
