import { Octokit } from "@octokit/rest";
import type { ApplicationFunctionOptions, Context, Probot, ProbotOctokit } from "probot";
import { monotonicFactory } from "ulid";
import { configuredRules } from "./github/configured.ts";
import type { Forge } from "./github/forge.ts";
import { type Intake, take } from "./github/intake.ts";
import { type OctokitForgeOptions, octokitForge } from "./github/octokit-forge.ts";
import { publicUrl } from "./github/run-token.ts";
import { tokenRoute } from "./github/token-route.ts";
import { broker } from "./github/tokens.ts";
import { type TriggeringEvent, triggerOf } from "./github/triggers.ts";
import { isWanted } from "./github/wake.ts";
import { githubStore } from "./sessions/github/github-store.ts";
import type { Actor } from "./sessions/journal.ts";
import type { SessionStore } from "./sessions/store.ts";

type TriggeringContext =
  | Context<"issue_comment.created">
  | Context<"issues.labeled">
  | Context<"workflow_run.completed">;

/**
 * The Probot app: webhooks in, journals and wake-ups out. Keeps nothing.
 * `OFFSHOOT_URL` is where runs reach it for their tokens; without it they work with the job's own.
 */
export default function app(probot: Probot, { addHandler }: ApplicationFunctionOptions): void {
  const url = process.env.OFFSHOOT_URL ? publicUrl(process.env.OFFSHOOT_URL) : undefined;
  const clock = { now: () => new Date(), newId: monotonicFactory() };
  const identity = remembered(() => ourselves(probot));
  probot.webhooks.onError(answerUnsigned);

  probot.on(["issue_comment.created", "issues.labeled", "workflow_run.completed"], async (context) => {
    const trigger = triggerOf({ id: context.id, name: context.name, payload: context.payload } as TriggeringEvent);
    if (!trigger) return;
    const { owner, name: repo, default_branch: defaultBranch } = context.payload.repository;
    const forge = forgeOf(context, url);
    const intake: Intake = {
      forge,
      store: storeOf(context.octokit, { owner: owner.login, repo }),
      clock,
      app: await identity(),
      defaultBranch,
      rules: () => configuredRules(forge, defaultBranch),
      log: (message, fields) => context.log.warn(fields, message),
    };
    const taken = await take(intake, trigger);
    context.log.info({ trigger: trigger.kind, taken }, "took an event");
  });

  if (!url) return;
  const server = githubUrl(process.env);
  const exchange = broker({
    url,
    server,
    auth: async (installation) => asClient(await probot.auth(installation)),
    isWanted: async ({ session, run, repository: { owner, name: repo }, installation }) => {
      const octokit = await probot.auth(installation);
      const tip = await storeOf(octokit, { owner, repo }).tip(session);
      const forge = octokitForge({ octokit: asClient(octokit), owner, repo, server });
      return tip !== null && isWanted({ forge, clock }, tip.session, run);
    },
    now: clock.now,
  });
  addHandler(tokenRoute({ exchange, log: (fields, message) => probot.log.info(fields, message) }));
}

const silent = () => undefined;

/**
 * A repository's sessions, through a client of their own that signs in as Probot's does: Probot's leaves a second between
 * two writes, and an append is three. A lost swap is an answer like any other, not to be logged as an error.
 */
function storeOf({ request, auth }: ProbotOctokit, at: { owner: string; repo: string }): SessionStore {
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const { baseUrl } = request.endpoint.DEFAULTS;
  const octokit = new Octokit({ authStrategy: () => auth, baseUrl, log });
  return githubStore({ octokit, ...at });
}

function forgeOf({ octokit, payload: { repository } }: TriggeringContext, broker: string | undefined): Forge {
  const { owner, name: repo, html_url } = repository;
  return octokitForge({
    octokit: asClient(octokit),
    owner: owner.login,
    repo,
    server: new URL(html_url).origin,
    broker,
  });
}

/** Probot's client is an older sibling of @octokit/rest's: `request` is the same in both. */
function asClient(octokit: ProbotOctokit): OctokitForgeOptions["octokit"] {
  return octokit as unknown as OctokitForgeOptions["octokit"];
}

/** Where Probot was told that GitHub is. */
function githubUrl(env: NodeJS.ProcessEnv): string {
  return env.GHE_HOST ? `${env.GHE_PROTOCOL ?? "https"}://${env.GHE_HOST}` : "https://github.com";
}

/** Probot's answer to a signature that does not fit is 400, as if the request were malformed. */
function answerUnsigned({ event: refused }: { readonly event: unknown }): void {
  if (refused instanceof Error) Object.assign(refused, { status: 401 });
}

/** Asks once and keeps the answer; a failure is not kept, so that the next event asks again. */
function remembered<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null;
  return () => {
    answer ??= ask().catch((error: unknown) => {
      answer = null;
      throw error;
    });
    return answer;
  };
}

async function ourselves(probot: Probot): Promise<Actor> {
  const octokit = await probot.auth();
  const { data } = await octokit.request("GET /app");
  return { kind: "app", login: `${data?.slug ?? "offshoot"}[bot]`, id: Number(data?.id ?? 0) };
}
