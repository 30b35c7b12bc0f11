import { readSession } from "./chosen.ts";
import type { Clone } from "./clone.ts";
import { Failure } from "./failure.ts";
import { note, print, type Terminal } from "./terminal.ts";

export interface DiffOptions {
  readonly session?: string;
}

/** `offshoot session diff`: what the session changed since it left its base, as `git diff base...head` says it. */
export async function diff(
  terminal: Terminal,
  clone: Clone,
  { session: prefix }: DiffOptions,
  paths: readonly string[],
): Promise<void> {
  const { session } = await readSession(clone, prefix);
  const { base, head } = session;
  if (!head) return note(terminal, `Session ${session.session} has changed nothing yet.`);
  for (const commit of [base, head]) {
    if (await clone.repository.resolve(commit)) continue;
    const branch = commit === head ? session.branch : session.base_branch;
    throw new Failure(
      "missing",
      `Commit ${commit} of session ${session.session} is not in this clone.`,
      `Bring it with \`git fetch origin ${branch}\`.`,
    );
  }
  const colours = terminal.stdout.isTTY && !terminal.env.NO_COLOR ? "always" : "never";
  print(terminal, await clone.git(["diff", `--color=${colours}`, `${base}...${head}`, "--", ...paths]));
}
