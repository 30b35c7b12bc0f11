import type { Command } from "commander";
import { addActing } from "./acting.ts";
import type { Offered } from "./command-line.ts";
import { addReading } from "./reading.ts";

/** `offshoot session …` */
export function addSession(program: Command, offered: Offered): void {
  const session = program.command("session").description("Look at sessions, and act on them.");
  session.commandsGroup("Look:");
  addReading(session, offered);
  session.commandsGroup("Act:");
  addActing(session, offered);
}
