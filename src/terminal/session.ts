import { type Command, Option } from "commander";
import { addActing } from "./acting.ts";
import { openClone } from "./clone.ts";
import { asJson, examples, names, type Offered, wholeNumber } from "./command-line.ts";

/** `offshoot session …` */
export function addSession(program: Command, offered: Offered): void {
  const session = program.command("session").description("Look at sessions, and act on them.");
  session.commandsGroup("Look:");
  addList(session, offered);
  session.commandsGroup("Act:");
  addActing(session, offered);
}

function addList(session: Command, { terminal }: Offered): void {
  const list = session
    .command("list")
    .description("The sessions that are here, the one that was used last first.")
    .option("--tree", "draw children under the session that opened them")
    .option("--recent <n>", "the last n that were used", wholeNumber)
    .addOption(
      new Option("--status <list>", "active, available, retired, or a phase: idle, working …").argParser(names),
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
