import { text as readAll } from "node:stream/consumers";
import { parseAmount } from "../sessions/budget.ts";
import { goOn, type NewPrompt } from "../sessions/decide.ts";
import type { PromptSource } from "../sessions/journal.ts";
import { namedModel } from "./chosen-model.ts";
import { Failure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

export interface RunOptions {
  readonly session?: string;
  readonly last?: boolean;
  readonly continue?: boolean;
  readonly budget?: string;
  readonly new?: boolean;
  readonly ephemeral?: boolean;
  readonly model?: string;
  readonly description?: string;
  readonly branch?: string;
  readonly json?: boolean;
}

/** Throws a {@link Failure} for options that do not go together, or cannot be meant. */
export function checkOptions(options: RunOptions, prompt: string | undefined): void {
  const { session, last, new: fresh, ephemeral, branch, description, model, budget } = options;
  const chosen = [session !== undefined && "--session", last && "--last", fresh && "--new", ephemeral && "--ephemeral"];
  const [one, other] = chosen.filter(Boolean);
  if (one && other) throw new Failure("usage", `${one} and ${other} exclude each other.`, "Give one of them.");
  const opens = session === undefined && !last;
  if (!opens && branch !== undefined) throw new Failure("usage", "A session keeps its branch.", "Leave out --branch.");
  if (!opens && description !== undefined) {
    throw new Failure("usage", "A session keeps its description.", "Leave out --description.");
  }
  if (options.continue && (opens || prompt !== undefined)) {
    const remedy = "Name the session with --session or --last, and leave out the prompt.";
    throw new Failure("usage", "--continue goes on with what a session was doing.", remedy);
  }
  if (budget !== undefined && !parseAmount(budget)) {
    throw new Failure(
      "usage",
      `${budget} is no amount.`,
      "Write dollars as 5usd or 0.50usd, tokens as 500k, 2M or 300000.",
    );
  }
  if (model !== undefined) namedModel(model);
}

/** What is asked: in words, on standard input, or by `--continue`. */
export async function promptOf({ stdin }: Terminal, options: RunOptions, given = ""): Promise<string> {
  if (options.continue) return goOn;
  const prompt = (given === "-" ? await readAll(stdin) : given).trim();
  if (prompt) return prompt;
  throw new Failure("usage", "The prompt is empty.", 'Say what to do: offshoot run "make the failing test pass".');
}

/** The prompt as it is queued. */
export function askedFor({ continue: continues, budget }: RunOptions, source: PromptSource, text: string): NewPrompt {
  const amount = budget === undefined ? null : parseAmount(budget);
  return { source, text, ...(amount ? { budget: amount } : {}), ...(continues ? { continues } : {}) };
}
