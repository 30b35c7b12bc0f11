import type { Config } from "../config.ts";
import type { Hand, Holder } from "../sessions/decide.ts";
import type { Event, EventOf } from "../sessions/journal.ts";
import type { Message } from "../sessions/message.ts";
import { inert } from "./context.ts";
import type { ExecResult } from "./exec-result.ts";
import { journaled } from "./happened.ts";
import type { Recorder } from "./recorder.ts";
import type { Shells } from "./shells.ts";
import { executed } from "./tools.ts";

/** The configured commands, once in a run, before its first request to a model. */
export interface Setup {
  /** Runs them unless that was done. Gives what the model is to be told. */
  once(means: Means): Promise<readonly Message[]>;
  /** What a person should know of it, told once. */
  notices(): readonly string[];
}

interface Means {
  /** Settles once the work tree is in its place. */
  readonly ready: Promise<unknown>;
  readonly shells: Shells;
  readonly hand: Hand;
  readonly turn: number;
  readonly step: number;
  readonly signal: AbortSignal;
}

export interface SetupOptions {
  readonly setup: Config["setup"];
  readonly recorder: Recorder;
  readonly holder: Holder;
}

export function openSetup({ setup, recorder, holder }: SetupOptions): Setup {
  let pending = setup.commands.length > 0;
  let notices: readonly string[] = [];
  return {
    async once(means) {
      if (!pending) return [];
      pending = false;
      await means.ready;
      const isElsewhere = wasElsewhere(await recorder.journal(), holder);
      const done = await runAll(setup, recorder, means);
      // What was stopped from outside has not failed, and nobody works on.
      if (means.signal.aborted) return [];
      notices = done.flatMap(noticeOf);
      return [{ role: "user", text: describe(setup.commands, done, isElsewhere) }];
    },
    notices() {
      const told = notices;
      notices = [];
      return told;
    },
  };
}

interface Ran {
  readonly command: string;
  readonly result: ExecResult;
}

/** In order, in the agent's main shell; they build on one another, so a failure is the end. */
async function runAll(
  { commands, minutes }: Config["setup"],
  recorder: Recorder,
  means: Means,
): Promise<readonly Ran[]> {
  const { shells, hand, turn, step, signal } = means;
  const until = Date.now() + minutes * 60_000;
  const done: Ran[] = [];
  for (const command of commands) {
    const outcome = await shells.exec({ command, timeoutMs: Math.max(1, until - Date.now()), signal });
    const { happened } = executed(outcome);
    recorder.add(...(await Promise.all(happened.map((what) => journaled({ turn, hand, recorder }, step, what)))));
    done.push({ command, result: outcome.result });
    if (outcome.result.exit_code !== 0) break;
  }
  return done;
}

/** Characters of a failed command's output that the model sees; it can run the command again for more. */
const longestTail = 2_000;

function describe(commands: readonly string[], done: readonly Ran[], isElsewhere: boolean): string {
  const left = commands.slice(done.length);
  return [
    `<data kind="setup">`,
    ...(isElsewhere
      ? [
          "This is another machine than before: ignored files of earlier turns (dependencies, build output) are not here.",
        ]
      : []),
    "The repository's setup commands were run in your main shell:",
    ...done.flatMap(({ command, result }) => [`$ ${inert(command)}`, ...outcomeOf(result)]),
    ...left.map((command) => `not run, because of that: ${inert(command)}`),
    "</data>",
  ].join("\n");
}

function outcomeOf({ exit_code, stdout, stderr, timed_out }: ExecResult): string[] {
  if (exit_code === 0) return ["exit code 0"];
  const said = [stdout, stderr].filter(Boolean).join("\n").trimEnd().slice(-longestTail).toWellFormed();
  return [`exit code ${exit_code}${timed_out ? ": killed, the time for setup was over" : ""}`, inert(said)];
}

function noticeOf({ command, result: { exit_code, stdout, stderr, timed_out } }: Ran): string[] {
  if (exit_code === 0) return [];
  const last = (stderr.trim() || stdout.trim()).split("\n").at(-1)?.slice(0, 200).toWellFormed() ?? "";
  const why = timed_out ? "took longer than `minutes` under `[setup]` allows" : `failed (exit code ${exit_code})`;
  return [`The setup command \`${command}\` ${why}${last ? `: ${last}` : ""}. The agent was told and worked on.`];
}

/** Whether the session was last held on another machine; every run of the platform has one of its own. */
function wasElsewhere(events: readonly Event[], ours: Holder): boolean {
  const taken = events.filter((event): event is Event & EventOf<"lease.taken"> => event.type === "lease.taken");
  const before = taken.at(-2);
  if (!before || !events.some(({ type }) => type === "turn.ended" || type === "work.saved")) return false;
  return before.run || ours.run ? before.run?.id !== ours.run?.id : hostOf(before) !== hostOf(ours);
}

function hostOf({ holder }: { readonly holder: string }): string {
  return holder.replace(/:\d+$/, "");
}
