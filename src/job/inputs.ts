import * as v from "valibot";
import { parseSessionId, type SessionId } from "../sessions/ids.ts";

/** What the action is asked to do, as `action.yml` describes it. */
export type Inputs =
  | { readonly mode: "route"; readonly token: string }
  | { readonly mode: "recover"; readonly token: string; readonly session: SessionId }
  | {
      readonly mode: "turn";
      readonly token: string;
      readonly session: SessionId;
      /** The wake-up that the run answers; empty where a person started it by hand. */
      readonly nonce: string;
      /** Empty: the run works with `token`. */
      readonly broker: string;
      /** After this time the run gives the session back to be gone on with by another. */
      readonly minutes: number;
    };

const inputsSchema = v.object({
  INPUT_MODE: v.optional(v.picklist(["", "route", "turn", "recover"]), ""),
  INPUT_TOKEN: v.optional(v.string(), ""),
  INPUT_SESSION: v.optional(v.string(), ""),
  INPUT_NONCE: v.optional(v.string(), ""),
  INPUT_BROKER: v.optional(v.string(), ""),
  INPUT_MINUTES: v.optional(v.pipe(v.string(), v.decimal(), v.toNumber(), v.minValue(0)), "330"),
});

/** Without a mode, an event is routed, and a session that is named is worked on. Throws for what cannot be meant. */
export function readInputs(env: Readonly<Record<string, string | undefined>>): Inputs {
  const parsed = v.safeParse(inputsSchema, env);
  if (!parsed.success) throw new Error(problemOf(parsed.issues[0]));
  const { INPUT_MODE, INPUT_TOKEN: token, INPUT_SESSION: given, INPUT_NONCE: nonce } = parsed.output;
  const { INPUT_BROKER: broker, INPUT_MINUTES: minutes } = parsed.output;
  const mode = INPUT_MODE || (given ? "turn" : "route");
  if (!token && !(mode === "turn" && broker))
    throw new Error("The input `token` is empty; leave it out to use the job's own.");
  if (mode === "route") return { mode, token };
  const session = parseSessionId(given);
  if (!session) throw new Error(`The input \`session\` is not a session's id (a ULID): ${JSON.stringify(given)}.`);
  return mode === "recover" ? { mode, token, session } : { mode, token, session, nonce, broker, minutes };
}

function problemOf({ path, input }: v.BaseIssue<unknown>): string {
  const name = String(path?.[0]?.key).replace("INPUT_", "").toLowerCase();
  const wanted = name === "mode" ? "route, turn or recover" : "a number of minutes";
  return `The input \`${name}\` is ${JSON.stringify(input)}; it must be ${wanted}.`;
}
