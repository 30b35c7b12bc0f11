import { hostname } from "node:os";
import { join } from "node:path";
import * as core from "@actions/core";
import { retry } from "@octokit/plugin-retry";
import { Octokit } from "@octokit/rest";
import { monotonicFactory } from "ulid";
import { configPath, parseConfig, providerKeys } from "./config.ts";
import { brokenSessionComment } from "./github/comments.ts";
import type { Forge } from "./github/forge.ts";
import { octokitForge } from "./github/octokit-forge.ts";
import { RunTokenError } from "./github/run-token.ts";
import { takeEvent } from "./github/take-event.ts";
import { triggerOf } from "./github/triggers.ts";
import { recover, type Waker } from "./github/wake.ts";
import { type Access, actionsBot, brokeredAccess, endHandedOver, ownAccess } from "./job/access.ts";
import { type Inputs, readInputs } from "./job/inputs.ts";
import { type Job, readJob } from "./job/job.ts";
import { report } from "./job/report.ts";
import { triggeringEvent, wakeOf } from "./job/route.ts";
import { notForUs, recovered, routed, worked } from "./job/words.ts";
import { chooseModel } from "./runner/choose-model.ts";
import { examine, type Seen } from "./runner/examine.ts";
import { chooseKeeping, givenKey } from "./runner/keeping.ts";
import { runSession } from "./runner/run.ts";
import type { Log, Runner } from "./runner/runner.ts";
import { secretsIn } from "./runner/secrets.ts";
import { gitStore } from "./sessions/git/git-store.ts";
import { Repository } from "./sessions/git/repository.ts";
import { githubStore } from "./sessions/github/github-store.ts";
import type { SessionId } from "./sessions/ids.ts";
import { JournalError } from "./sessions/journal.ts";
import { signer } from "./sessions/secrets/signatures.ts";

type Of<Mode extends Inputs["mode"]> = Extract<Inputs, { readonly mode: Mode }>;

/** Journal and work tree go to the remote this often while a turn changes something. */
const saveEveryMs = 15_000;

const inPost = "main-has-run";
const heldToken = "token";

async function main(): Promise<void> {
  const job = readJob(process.env);
  if (core.getState(inPost)) {
    const said = await endHandedOver(job, core.getState(heldToken));
    return said === null ? undefined : core.info(said);
  }
  core.saveState(inPost, "yes");
  const inputs = readInputs(process.env);
  switch (inputs.mode) {
    case "route":
      return routeEvent(job, inputs);
    case "recover":
      return say(
        recovered(
          inputs.session,
          await recover(
            wakerOf(job, inputs, octokitForge({ ...job, octokit: octokitOf(job, inputs) })),
            inputs.session,
            job.run,
          ),
        ),
      );
    case "turn":
      return workOn(job, inputs);
  }
}

/** In the log, where people look first, and in the summary, which stays. */
async function say(message: string): Promise<void> {
  core.notice(message);
  await core.summary.addRaw(message, true).write();
}

/** An event becomes a prompt, a receipt and, where a run is wanted, the outputs that the next job goes by. */
async function routeEvent(job: Job, inputs: Of<"route">): Promise<void> {
  const event = triggeringEvent(job);
  const trigger = event && triggerOf(event);
  if (!trigger) return say(event ? routed("ignored", null) : notForUs(job.event.name));
  const octokit = octokitOf(job, inputs);
  const { forge, wanted } = wakeOf(octokitForge({ ...job, octokit }));
  const waker = wakerOf(job, inputs, forge);
  const taken = await takeEvent({ ...job, octokit }, waker, trigger, { isRetried: false });
  const wake = wanted();
  core.setOutput("session", wake?.session ?? "");
  core.setOutput("nonce", wake?.nonce ?? "");
  await say(routed(taken, wake?.session ?? null));
}

function wakerOf(job: Job, { token }: Inputs, forge: Forge): Waker {
  const { api: baseUrl, owner, repo } = job;
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  return {
    forge,
    // A client of its own: an append that was lost to another is an answer like any other, not to be tried again.
    store: githubStore({ octokit: new Octokit({ baseUrl, auth: token, log }), owner, repo, node: job.event.node }),
    clock: { now: () => new Date(), newId: monotonicFactory() },
    app: { kind: "app", ...actionsBot },
    defaultBranch: defaultBranchOf(job),
    afterwards: (work) => work(),
    log: (message, fields) => core.warning(`${message} ${JSON.stringify(fields)}`),
  };
}

function octokitOf({ api }: Job, { token }: Inputs): Octokit {
  return new (Octokit.plugin(retry))({ baseUrl: api, auth: token });
}

/** One wake-up: takes the session that it is for, works until its queue is empty, leaves the transcript as a file. */
async function workOn(job: Job, inputs: Of<"turn">): Promise<void> {
  const leave = leaving(inputs.minutes);
  const access = await accessOf(job, inputs);
  try {
    const { runner, examined } = await assemble(job, { ...inputs, access, leave });
    await work(runner, examined, job);
  } finally {
    await access.end();
  }
}

/** GitHub interrupts a cancelled run twice and gives it ten seconds in all; at a job's limit it does the same. */
function leaving(minutes: number): AbortSignal {
  const leaving = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => leaving.abort("cancelled"));
  setTimeout(() => leaving.abort("job-limit"), minutes * 60_000).unref();
  return leaving.signal;
}

function accessOf(job: Job, { broker, token, session, nonce }: Of<"turn">): Promise<Access> | Access {
  if (!broker) return ownAccess(token);
  return brokeredAccess(job, {
    ...{ broker, session, nonce },
    onToken: core.setSecret,
    handOver: (sealed) => core.saveState(heldToken, sealed),
    log: core.warning,
  });
}

async function work(runner: Runner, examined: Promise<Seen>, job: Job): Promise<void> {
  core.setOutput("session", runner.session);
  try {
    const done = await runSession(runner, examined);
    core.setOutput("left", done.kind === "drained" ? (done.left ?? "") : "");
    await leaveBehind(runner, job, worked(runner.session, done));
  } catch (error) {
    if (error instanceof JournalError) await tellBroken(runner, error);
    else await leaveBehind(runner, job, messageOf(error)).catch(() => undefined); // why the run fails is what matters
    throw error;
  }
}

/** What people find of the run: a notice, the summary, and files for the workflow to keep. */
async function leaveBehind(runner: Runner, job: Job, said: string): Promise<void> {
  core.notice(said);
  const left = await report(runner, job, said);
  core.setOutput("transcript", left?.transcript ?? "");
  core.setOutput("page", left?.page ?? "");
  await core.summary.addRaw(left?.summary ?? said, true).write();
}

interface Means {
  readonly session: SessionId;
  readonly access: Access;
  readonly leave: AbortSignal;
}

/** A run's parts; the session is examined meanwhile. */
interface Assembled {
  readonly runner: Runner;
  readonly examined: Promise<Seen>;
}

async function assemble(job: Job, { session, access, leave }: Means): Promise<Assembled> {
  const { token, actor, held } = access;
  const { owner, repo } = job;
  const scratch = join(job.temp, "offshoot");
  const authorization = async () => `Basic ${Buffer.from(`x-access-token:${await token()}`).toString("base64")}`;
  const remote = { url: `${job.server}/${owner}/${repo}.git`, authorization };
  const repository = await Repository.open({ dir: join(scratch, "repository.git"), path: job.path, remote });
  const key = givenKey(process.env.OFFSHOOT_JOURNAL_KEY);
  const opened = key.kind === "key" ? key.key : null;
  const store = gitStore(repository, opened ? signer(opened) : undefined);
  const log: Log = (message, fields) => core.info(fields ? `${message} ${JSON.stringify(fields)}` : message);
  const examined = examine({ store, session, repository, keeping: { key: opened }, log });
  examined.catch(() => undefined); // thrown by the run, which tells of it
  const octokit = new (Octokit.plugin(retry))({ baseUrl: job.api });
  octokit.hook.before("request", async ({ headers }) => {
    headers.authorization = `token ${await token()}`;
  });
  const forge = octokitForge({ octokit, owner, repo, server: job.server });
  const text = await forge.repo.file(configPath, defaultBranchOf(job));
  const chosen = chooseModel(parseConfig(text ?? ""), process.env);
  const { visibility: configured } = chosen.config.journal;
  const keeping = chooseKeeping({ configured, audience: job.event.audience, key });
  const fromEnvironment = secretsIn(process.env, providerKeys(chosen.config));
  const runner: Runner = {
    ...chosen,
    keeping,
    secrets: () => [...fromEnvironment, ...held()],
    isGone: () => false,
    session,
    repository,
    store,
    forge,
    hand: { now: () => new Date(), newId: monotonicFactory(), by: { kind: "agent", ...actor } },
    holder: { holder: hostname(), run: job.run },
    tree: { path: job.workspace, at: job.commit },
    scratch,
    shellEnv: { PATH: job.path, LANG: "C.UTF-8", TERM: "dumb", CI: "true" },
    saveEveryMs,
    lookEveryMs: null,
    stop: new AbortController().signal,
    leave,
    watch: () => undefined,
    log,
  };
  return { runner, examined };
}

function defaultBranchOf({ event, ref }: Job): string {
  return event.defaultBranch ?? ref.replace(/^refs\/heads\//, "");
}

async function tellBroken({ store, session, forge }: Runner, error: JournalError): Promise<void> {
  const tip = await store.tip(session).catch(() => null);
  const thread = tip?.session.thread;
  if (forge && thread !== undefined) await forge.conversation.post(thread, brokenSessionComment(error.message));
}

main().catch(async (error: unknown) => {
  const message = messageOf(error);
  if (error instanceof RunTokenError && error.kind === "unwanted") return say(message);
  core.setFailed(message);
  await core.summary.addRaw(`Failed: ${message}`, true).write();
});

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
