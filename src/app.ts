import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Probot } from "probot";
import { monotonicFactory } from "ulid";
import { parseConfig } from "./config.ts";
import type { Forge } from "./github/forge.ts";
import { type Intake, take } from "./github/intake.ts";
import { octokitForge } from "./github/octokit-forge.ts";
import { type TriggeringEvent, triggerOf } from "./github/triggers.ts";
import { Repository } from "./sessions/git.ts";
import { gitStore } from "./sessions/git-store.ts";
import type { Actor } from "./sessions/journal.ts";

type TriggeringContext =
  | Context<"issue_comment.created">
  | Context<"issues.labeled">
  | Context<"workflow_run.completed">;

/** The Probot app: webhooks in, journals and wake-ups out. Keeps nothing but a cache of refs in a temporary folder. */
export default function app(probot: Probot): void {
  const repositories = new Map<number, Promise<Repository>>();
  const clock = { now: () => new Date(), newId: monotonicFactory() };
  const folder = mkdtempSync(join(tmpdir(), "offshoot-app-"));
  let identity: Promise<Actor> | null = null;

  /** One clean repository for each of GitHub's: transfers in it run one after another. */
  const repositoryOf = (context: TriggeringContext): Promise<Repository> => {
    const { id, clone_url: url } = context.payload.repository;
    const authorization = () => installationToken(context);
    const opened =
      repositories.get(id) ??
      Repository.open({ dir: join(folder, `${id}.git`), path: process.env.PATH ?? "", remote: { url, authorization } });
    repositories.set(id, opened);
    return opened;
  };

  const handle = async (context: TriggeringContext): Promise<void> => {
    const trigger = triggerOf({ id: context.id, name: context.name, payload: context.payload } as TriggeringEvent);
    if (!trigger) return;
    identity ??= ourselves(probot);
    const { repository } = context.payload;
    const forge = octokitForge({
      octokit: context.octokit as unknown as Parameters<typeof octokitForge>[0]["octokit"],
      owner: repository.owner.login,
      repo: repository.name,
      server: new URL(repository.html_url).origin,
    });
    const intake: Intake = {
      forge,
      store: gitStore(await repositoryOf(context)),
      clock,
      app: await identity,
      defaultBranch: repository.default_branch,
      label: () => configuredLabel(forge, repository.default_branch),
    };
    const taken = await take(intake, trigger);
    context.log.info({ trigger: trigger.kind, taken }, "took an event");
  };

  probot.on(["issue_comment.created", "issues.labeled", "workflow_run.completed"], handle);
}

async function installationToken(context: TriggeringContext): Promise<string> {
  const { token } = (await context.octokit.auth({ type: "installation" })) as { token: string };
  return `Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
}

async function ourselves(probot: Probot): Promise<Actor> {
  const octokit = await probot.auth();
  const { data } = await octokit.request("GET /app");
  return { kind: "app", login: `${data?.slug ?? "offshoot"}[bot]`, id: Number(data?.id ?? 0) };
}

/** Read from the default branch at each label: a changed configuration holds at once. */
async function configuredLabel(forge: Forge, branch: string): Promise<string | null> {
  const parsed = parseConfig((await forge.repo.file(".github/offshoot.toml", branch)) ?? "");
  return parsed.ok ? parsed.config.triggers.label : null;
}
