import { join } from "node:path";
import { ulid } from "ulid";
import { defaultConfig } from "../../src/config.ts";
import { take } from "../../src/github/intake.ts";
import { compactSession } from "../../src/runner/compact.ts";
import type { Model, ModelRef, StepReply } from "../../src/runner/model.ts";
import { runSession } from "../../src/runner/run.ts";
import type { Runner } from "../../src/runner/runner.ts";
import { clean } from "../../src/sessions/archive/clean.ts";
import type { Hand } from "../../src/sessions/decide.ts";
import { gitStore } from "../../src/sessions/git/git-store.ts";
import { Repository } from "../../src/sessions/git/repository.ts";
import type { SessionId } from "../../src/sessions/ids.ts";
import type { Message } from "../../src/sessions/message.ts";
import { refOf } from "../../src/sessions/store.ts";
import { backOff } from "../../src/sessions/transact.ts";
import { fileForge } from "./forge.ts";
import { type Mortal, mortal, mortalRepository } from "./mortal.ts";
import type { Death } from "./points.ts";

/** Something to do, to its end or to a death. Plain JSON. */
export interface Job {
  readonly what: "append" | "turn" | "compact" | "clean";
  /** That it dies of, or that git does under it. */
  readonly deaths: readonly Death[];
  readonly remote: string;
  readonly forge: string;
  /** Of the machine that it runs on: the next job may find there what one that died has left. */
  readonly folder: string;
  /** The number of the run. */
  readonly run: number;
  /** What people have asked for, by comment. */
  readonly asked: Readonly<Record<number, { readonly thread: number; readonly text: string }>>;
  /** `append`: the comment that is taken. */
  readonly comment: number;
  /** `turn`, `compact`: null before there is one. */
  readonly session: SessionId | null;
  /** `clean`: only sessions of these models; with none, any. */
  readonly models: readonly string[];
}

const path = process.env.PATH ?? "";
const offshoot = { kind: "app", login: "offshoot[bot]", id: 99 } as const;
const hand: Hand = { by: offshoot, now: () => new Date(), newId: () => ulid() };

async function work(job: Job, dying: Mortal): Promise<void> {
  const { what, folder, remote: url } = job;
  const place = { dir: join(folder, "repository.git"), remote: { url, authorization: async () => undefined }, path };
  const repository = mortalRepository(await Repository.open(place), dying);
  dying.begin(what === "turn" ? "flush" : what);
  switch (what) {
    case "append":
      return append(job, repository, dying);
    case "clean":
      return retire(job, repository);
    case "turn": {
      await runSession(runner(job, repository, dying));
      return;
    }
    case "compact": {
      await compactSession(runner(job, repository, dying));
      return;
    }
  }
}

async function append(job: Job, repository: Repository, dying: Mortal): Promise<void> {
  const intake = {
    ...{ forge: forgeOf(job, dying), store: gitStore(repository), app: offshoot, defaultBranch: "main", log },
    clock: hand,
    isRetried: false,
    afterwards: (work: () => Promise<unknown>) => work(),
    rules: async () => null,
  };
  await take(intake, { kind: "comment", comment: job.comment, node: "", thread: 0 });
}

async function retire(job: Job, repository: Repository): Promise<void> {
  const cleaner = { repository, hand, isVoid: () => true, pause: backOff };
  await clean(cleaner, { days: 0, models: job.models }, { dryRun: false });
}

function forgeOf({ forge: file, asked, remote }: Job, dying: Mortal) {
  const there = Repository.at(remote, path);
  return fileForge({ file, asked, branch: (name) => there.resolve(refOf.branch(name)), mortal: dying });
}

const log = () => undefined;
const ref: ModelRef = { provider: "openai", model: "gpt-test" };

function runner(job: Job, repository: Repository, dying: Mortal): Runner {
  const { folder, run, session } = job;
  if (!session) throw new Error("There is no session to work on.");
  return {
    ...{ session, repository, hand, log, saveEveryMs: 0, lookEveryMs: null, watch: () => undefined },
    store: gitStore(repository),
    forge: forgeOf(job, dying),
    config: defaultConfig,
    model: { ok: true, ref, open: () => model(dying) },
    holder: { holder: `run-${run}`, run: { id: run, attempt: 1, url: `https://example.test/runs/${run}` } },
    tree: { path: join(folder, "tree"), at: null },
    scratch: join(folder, `scratch-${run}`),
    shellEnv: { PATH: path },
    stop: new AbortController().signal,
    leave: new AbortController().signal,
    isGone: () => false,
    keeping: { visibility: "full", key: null, notice: null },
    secrets: () => [],
  };
}

/**
 * Answers each prompt after a command that adds a line to a file. What is written before it is asked for the answer is a
 * flush; from then on the turn is delivered.
 */
function model(dying: Mortal): Model {
  return {
    ref,
    async step({ messages }) {
      const at = messages.findLastIndex(({ role }) => role === "user");
      const asked = textOf(messages[at]);
      if (asked.startsWith("Write the summary")) return reply([{ type: "text", text: "All is well so far." }]);
      if (!messages.slice(at).some((message) => message.role === "tool" && isDone(message))) {
        dying.begin("flush");
        const command = `echo "${asked}" >> log.txt`;
        return reply([{ type: "tool_call", call: ulid(), name: "exec", arguments: JSON.stringify({ command }) }]);
      }
      dying.begin("deliver");
      return reply([{ type: "text", text: `Done: ${asked}` }]);
    },
  };
}

function textOf(message: Message | undefined): string {
  const text = message?.role === "user" ? message.text : "";
  return /<prompt[^>]*>\n([\s\S]*)\n<\/prompt>/.exec(text)?.[1] ?? "";
}

function isDone({ output }: Message & { role: "tool" }): boolean {
  return !output.startsWith("Interrupted: ");
}

function reply(parts: StepReply["parts"]): StepReply {
  const tokens = { input: 100, cached: 0, output: 10, reasoning: 0 };
  return { parts, tokens, stop: parts.some(({ type }) => type === "tool_call") ? "tools" : "end" };
}

const job: Job = JSON.parse(process.argv[2] ?? "");
const dying = mortal(job.deaths, job.remote);
await work(job, dying);
process.stdout.write(JSON.stringify(dying.writes));
