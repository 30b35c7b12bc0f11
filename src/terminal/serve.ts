import type { Command } from "commander";
import { examples, type Offered } from "./command-line.ts";
import { exitCodes, Failure } from "./failure.ts";

/** `offshoot serve`: the hosted app, in the foreground. */
export function addServe(program: Command, { terminal, end }: Offered): void {
  program
    .command("serve")
    .description(
      "Serve the GitHub App: comments become sessions, runs get their tokens. Makes the App at the first start.",
    )
    .addHelpText("after", examples("serve", "PORT=8080 OFFSHOOT_URL=https://offshoot.example.com serve"))
    .action(async () => {
      const served = await terminal.serve?.();
      if (served?.ok === false) throw new Failure("usage", served.problem, served.remedy);
      end(exitCodes.done);
    });
}
