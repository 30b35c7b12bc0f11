import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import * as core from "@actions/core";
import { retry } from "@octokit/plugin-retry";
import { Octokit } from "@octokit/rest";
import { monotonicFactory } from "ulid";
import * as v from "valibot";
import { parseConfig } from "./config.ts";
import { brokenSessionComment } from "./github/comments.ts";
import { octokitForge } from "./github/octokit-forge.ts";
import { RunTokenError, revokeToken, runToken, tokenSource } from "./github/run-token.ts";
import { chooseModel, providerKeys } from "./runner/choose-model.ts";
import { type Audience, chooseKeeping, givenKey } from "./runner/keeping.ts";
import { type RunReport, runSession } from "./runner/run.ts";
import type { Runner } from "./runner/runner.ts";
import { secretsIn } from "./runner/secrets.ts";
import { gitStore } from "./sessions/git/git-store.ts";
import { Repository } from "./sessions/git/repository.ts";
import { type CommitId, parseSessionId, type SessionId } from "./sessions/ids.ts";
import { encode, JournalError } from "./sessions/journal.ts";
import { signer } from "./sessions/secrets/signatures.ts";

/** Who `GITHUB_TOKEN` acts as. */
const actionsBot = { login: "github-actions[bot]", id: 41898282 };

/** Journal and work tree go to the remote this often while a turn changes something. */
const saveEveryMs = 15_000;

const configPath = ".github/offshoot.toml";

/** What GitHub tells a job about itself; it is the same in every one. */
interface Job {
  readonly server: string;
  readonly api: string;
  readonly repository: string;
  readonly workspace: string;
  readonly temp: string;
  readonly run: { readonly id: number; readonly attempt: number; readonly url: string };
  readonly commit: CommitId;
  readonly path: string;
  readonly audience: Audience;
  /** Where the job may ask for proof of who it is; empty without `id-token: write`. */
  readonly identity: { readonly requestUrl: string; readonly requestToken: string };
}

function readJob(env: NodeJS.ProcessEnv): Job {
  const need = (name: string): string => {
    const value = env[name];
    if (!value) throw new Error(`${name} is not set. This program is a GitHub Action: start it from a workflow.`);
    return value;
  };
  const [server, repository, id] = [need("GITHUB_SERVER_URL"), need("GITHUB_REPOSITORY"), need("GITHUB_RUN_ID")];
  return {
    ...{
      server,
      repository,
      api: need("GITHUB_API_URL"),
      path: env.PATH ?? "",
      audience: audienceIn(env.GITHUB_EVENT_PATH),
    },
    ...{ workspace: need("GITHUB_WORKSPACE"), temp: need("RUNNER_TEMP"), commit: need("GITHUB_SHA") as CommitId },
    identity: {
      requestUrl: env.ACTIONS_ID_TOKEN_REQUEST_URL ?? "",
      requestToken: env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? "",
    },
    run: {
      id: Number(id),
      attempt: Number(env.GITHUB_RUN_ATTEMPT ?? 1),
      url: `${server}/${repository}/actions/runs/${id}`,
    },
  };
}

const eventSchema = v.object({ repository: v.object({ private: v.boolean() }) });

/** Who can read the repository, as the event says that started the run. */
function audienceIn(file: string | undefined): Audience {
  if (!file) return "unknown";
  const event = v.safeParse(eventSchema, JSON.parse(readFileSync(file, "utf8")));
  if (!event.success) return "unknown";
  return event.output.repository.private ? "members" : "everyone";
}

/** What this run acts with, and as whom. */
interface Access {
  readonly token: () => Promise<string>;
  readonly actor: { readonly login: string; readonly id: number };
  /** Every token so far. */
  readonly held: () => readonly string[];
  /** Ends a token that was made for this run. */
  readonly end: () => Promise<void>;
}

/** The App's installation token where there is a broker; else the job's own, with which no CI starts. */
async function openAccess(job: Job, session: SessionId): Promise<Access> {
  const broker = core.getInput("broker");
  if (!broker) {
    const token = core.getInput("token", { required: true });
    return { token: async () => token, actor: actionsBot, held: () => [token], end: async () => undefined };
  }
  const source = tokenSource({
    obtain: () => runToken({ broker, session, ...job.identity }),
    now: () => new Date(),
  });
  const first = await source();
  const held = [first.token];
  core.setSecret(first.token);
  const token = async () => {
    const granted = await source();
    if (granted.token !== held.at(-1)) {
      core.setSecret(granted.token);
      held.push(granted.token);
    }
    return granted.token;
  };
  const end = () =>
    revokeToken({ api: job.api, token: held.at(-1) ?? first.token }).catch((error: Error) =>
      core.warning(error.message),
    );
  return { token, actor: first.actor, held: () => held, end };
}

/** One wake-up: takes the session that it is for, works until its queue is empty, leaves the transcript as a file. */
async function main(): Promise<void> {
  const session = parseSessionId(core.getInput("session", { required: true }));
  if (!session) throw new Error(`The input \`session\` is not a session's id (a ULID): ${core.getInput("session")}`);
  const job = readJob(process.env);
  const access = await openAccess(job, session);
  try {
    await work(await assemble(job, session, access), job);
  } finally {
    await access.end();
  }
}

async function work(runner: Runner, { temp }: Job): Promise<void> {
  const { session } = runner;
  try {
    const report = await runSession(runner);
    core.notice(`Session ${session}: ${told(report)}`);
  } catch (error) {
    if (error instanceof JournalError) await tellBroken(runner, error);
    throw error;
  } finally {
    core.setOutput("session", session);
    core.setOutput("transcript", await writeTranscript(runner, temp));
  }
}

function told(report: RunReport): string {
  switch (report.kind) {
    case "busy":
      return `${report.lease.run?.url ?? report.lease.holder} holds it and will see all that is queued.`;
    case "idle":
      return "nothing is to do; another run was faster.";
    case "drained":
      return `turns done: ${report.turns}; nothing is left to do.`;
  }
}

async function assemble(job: Job, session: SessionId, { token, actor, held }: Access): Promise<Runner> {
  const [owner = "", repo = ""] = job.repository.split("/");
  const scratch = join(job.temp, "offshoot");
  const authorization = async () => `Basic ${Buffer.from(`x-access-token:${await token()}`).toString("base64")}`;
  const remote = { url: `${job.server}/${job.repository}.git`, authorization };
  const repository = await Repository.open({ dir: join(scratch, "repository.git"), path: job.path, remote });
  await repository.fetch([job.commit], 1);
  const [configText] = await repository.read([`${job.commit}:${configPath}`]);
  const chosen = chooseModel(parseConfig(configText?.toString() ?? ""), process.env);
  const keeping = chooseKeeping({
    configured: chosen.config.journal.visibility,
    audience: job.audience,
    key: givenKey(process.env.OFFSHOOT_JOURNAL_KEY),
  });
  const fromEnvironment = secretsIn(process.env, providerKeys(chosen.config));
  const octokit = new (Octokit.plugin(retry))({ baseUrl: job.api });
  octokit.hook.before("request", async ({ headers }) => {
    headers.authorization = `token ${await token()}`;
  });
  return {
    ...chosen,
    keeping,
    secrets: () => [...fromEnvironment, ...held()],
    isGone: () => false,
    session,
    repository,
    store: gitStore(repository, keeping.key ? signer(keeping.key) : undefined),
    forge: octokitForge({ octokit, owner, repo, server: job.server }),
    hand: { now: () => new Date(), newId: monotonicFactory(), by: { kind: "agent", ...actor } },
    holder: { holder: hostname(), run: job.run },
    tree: { path: job.workspace, at: job.commit },
    scratch,
    shellEnv: { PATH: job.path, LANG: "C.UTF-8", TERM: "dumb", CI: "true" },
    saveEveryMs,
    lookEveryMs: null,
    stop: new AbortController().signal,
    watch: () => undefined,
    log: (message, fields) => core.info(fields ? `${message} ${JSON.stringify(fields)}` : message),
  };
}

async function writeTranscript({ store, session }: Runner, folder: string): Promise<string> {
  const file = join(folder, `offshoot-${session}.jsonl`);
  const stored = await store.journal(session).catch(() => []);
  await writeFile(file, encode(stored.flatMap(({ events }) => events)));
  return file;
}

async function tellBroken({ store, session, forge }: Runner, error: JournalError): Promise<void> {
  const tip = await store.tip(session).catch(() => null);
  const thread = tip?.session.thread;
  if (forge && thread !== undefined) await forge.conversation.post(thread, brokenSessionComment(error.message));
}

main().catch((error: unknown) => {
  if (error instanceof RunTokenError && error.kind === "unwanted") return core.notice(error.message);
  core.setFailed(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
