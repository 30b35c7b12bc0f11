import { Octokit } from "@octokit/rest";
import type { ApplicationFunctionOptions, Context, Probot, ProbotOctokit } from "probot";
import { monotonicFactory } from "ulid";
import { admit } from "./github/admit.ts";
import type { Taken } from "./github/intake.ts";
import { type OctokitForgeOptions, octokitForge } from "./github/octokit-forge.ts";
import { publicUrl } from "./github/run-token.ts";
import { takeEvent } from "./github/take-event.ts";
import { tokenRoute } from "./github/token-route.ts";
import { broker } from "./github/tokens.ts";
import { type Trigger, type TriggeringEvent, triggerOf } from "./github/triggers.ts";
import type { Waker } from "./github/wake.ts";
import { type Background, openBackground } from "./server/background.ts";
import { redeliverer } from "./server/deliveries.ts";
import { healthRoutes, readinessOf } from "./server/health.ts";
import { reconciler } from "./server/reconcile.ts";
import { githubOf } from "./server/settings.ts";
import { githubStore } from "./sessions/github/github-store.ts";
import type { Actor } from "./sessions/journal.ts";
import { webhookPath } from "./setup/app-manifest.ts";

type TriggeringContext =
  | Context<"issue_comment.created">
  | Context<"issues.labeled">
  | Context<"workflow_run.completed">;

/** GitHub waits ten seconds for an answer, and Probot answers "still processing" with a success after nine. */
const longestAnswerMs = 8_000;
/** Between two looks for what was missed. */
const lookEveryMs = 3 * 60_000;

/** An app that was opened, and can be closed in order. */
export interface OpenApp {
  /** Waits for what was taken on. Afterwards nothing is looked for any more. */
  close(): Promise<void>;
}

/**
 * The Probot app: webhooks in, journals and wake-ups out. Keeps nothing.
 * `OFFSHOOT_URL` is where runs reach it for their tokens; without it they work with the job's own.
 */
export default function app(probot: Probot, { addHandler }: ApplicationFunctionOptions): OpenApp {
  const url = process.env.OFFSHOOT_URL ? publicUrl(process.env.OFFSHOOT_URL) : undefined;
  const server = githubOf(process.env).server;
  const background = openBackground((error) => probot.log.error({ err: error }, "work after an event failed"));
  const clock = { now: () => new Date(), newId: monotonicFactory() };
  const identity = remembered(() => ourselves(probot));
  probot.webhooks.onError(answerUnsigned);

  const place: Place = { probot, url, server, clock, identity, background };
  probot.on(["issue_comment.created", "issues.labeled", "workflow_run.completed"], async (context) => {
    const trigger = triggerOf({ id: context.id, name: context.name, payload: context.payload } as TriggeringEvent);
    if (trigger) await inTime(background, takeWebhook(place, context, trigger));
  });

  const asApp = async () => asClient(await probot.auth());
  const redeliver = redeliverer({ app: asApp, now: clock.now });
  const reconcile = reconciler({
    app: asApp,
    client: async (installation) => asClient(await probot.auth(installation)),
    waker: async ({ installation, ...at }) => wakerOf(place, await probot.auth(installation), at),
    now: clock.now,
  });
  background.every(lookEveryMs, async () => {
    const [again, woken] = [await redeliver(), await reconcile()];
    if (again + woken > 0)
      probot.log.info({ again, woken }, "found events that were lost, and sessions that were stuck");
  });

  addHandler(
    healthRoutes(
      readinessOf({
        identify: async () => (await probot.auth()).request("GET /app"),
        webhookUrl: async () => (await (await probot.auth()).request("GET /app/hook/config")).data.url ?? null,
        expectedUrl: url ? `${url}${webhookPath}` : null,
        now: clock.now,
      }),
      background,
    ),
  );
  if (url) {
    const exchange = broker({
      ...{ url, server, now: clock.now },
      auth: async (installation) => asClient(await probot.auth(installation)),
      admit: async ({ repository: { owner, name: repo, defaultBranch }, installation, ...asking }) =>
        admit(await wakerOf(place, await probot.auth(installation), { owner, repo, defaultBranch }), asking),
    });
    addHandler(tokenRoute({ exchange, log: (fields, message) => probot.log.info(fields, message) }));
  }
  return { close: () => background.stop() };
}

interface Place {
  readonly probot: Probot;
  readonly url: string | undefined;
  readonly server: string;
  readonly clock: Waker["clock"];
  readonly identity: () => Promise<Actor>;
  readonly background: Background;
}

async function takeWebhook(place: Place, context: TriggeringContext, trigger: Trigger): Promise<Taken> {
  const { owner, name: repo, node_id: node, default_branch: defaultBranch } = context.payload.repository;
  const at = { owner: owner.login, repo, node, defaultBranch };
  const waker = await wakerOf(place, context.octokit, at);
  const taken = await takeEvent({ ...at, octokit: plainly(context.octokit) }, waker, trigger, { isRetried: true });
  context.log.info({ trigger: trigger.kind, taken }, "took an event");
  return taken;
}

/** A delivery that is not answered in time, or not with success, GitHub counts as failed, and it is asked for again. */
async function inTime(background: Background, taking: Promise<Taken>): Promise<void> {
  background.run(() => taking.catch(() => undefined)); // whoever waits for the answer hears of it
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("GitHub's API is slow")), longestAnswerMs);
  try {
    await Promise.race([taking, late.promise]);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw Object.assign(new Error(`Not taken yet (${reason}); deliver it again.`), { status: 503 });
  } finally {
    clearTimeout(timer);
  }
}

interface At {
  readonly owner: string;
  readonly repo: string;
  readonly node?: string;
  readonly defaultBranch: string;
}

async function wakerOf({ url, server, clock, identity, background, probot }: Place, octokit: ProbotOctokit, at: At) {
  const { defaultBranch, ...of } = at;
  return {
    forge: octokitForge({ octokit: asClient(octokit), ...of, server, broker: url }),
    store: githubStore({ octokit: plainly(octokit), ...of }),
    clock,
    app: await identity(),
    defaultBranch,
    afterwards: async (work: () => Promise<unknown>) => background.run(work),
    log: (message: string, fields: object) => probot.log.warn(fields, message),
  } satisfies Waker;
}

const silent = () => undefined;

/**
 * A client that signs in as Probot's does and does not wait: Probot's leaves a second between two writes, for which it takes
 * every query in GraphQL, too, and an append is three. A lost swap is an answer like any other, not to be logged as an error.
 */
function plainly({ request, auth }: ProbotOctokit): Octokit {
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const { baseUrl } = request.endpoint.DEFAULTS;
  return new Octokit({ authStrategy: () => auth, baseUrl, log });
}

/** Probot's client is an older sibling of @octokit/rest's: `request` and `graphql` are the same in both. */
function asClient(octokit: ProbotOctokit): OctokitForgeOptions["octokit"] & Pick<Octokit, "graphql"> {
  return octokit as unknown as Octokit;
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
