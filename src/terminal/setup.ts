import type { Command } from "commander";
import { openClone } from "./clone.ts";
import { asJson, examples, type Offered } from "./command-line.ts";

/** `offshoot init` and `offshoot doctor`. */
export function addSetup(program: Command, offered: Offered): void {
  addInit(program, offered);
  addDoctor(program, offered);
}

function addInit(program: Command, { terminal }: Offered): void {
  program
    .command("init")
    .description("Set up Offshoot in this repository: its workflow and its configuration. Changes nothing of yours.")
    .option("--workflow", "with the workflow alone, which needs no server")
    .option("--app <url>", "with the app that is reached at this address")
    .option("--model <model>", "provider:model[@effort], for a configuration that is not there yet")
    .option("--files", "leave the files here, to be committed (the default)")
    .option("--pull-request", "open a pull request with them instead")
    .option(
      "--yes",
      "ask nothing: the workflow alone, the usual model, and replace a workflow that was changed by hand",
    )
    .addHelpText("after", examples("init", "init --workflow --pull-request", "init --app https://offshoot.example.com"))
    .action(async (options) => {
      const { init } = await import("./init.ts");
      await init(terminal, await openClone(terminal), options);
    });
}

function addDoctor(program: Command, { terminal, end }: Offered): void {
  const doctor = program
    .command("doctor")
    .description("Look whether everything is there that sessions on GitHub need; each finding says what to do.");
  asJson(doctor, "doctor")
    .addHelpText("after", examples("doctor", "doctor --json"))
    .action(async (options) => {
      const { doctor } = await import("./doctor.ts");
      end(await doctor(terminal, await openClone(terminal), options));
    });
}
