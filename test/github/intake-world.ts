import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ulid } from "ulid";
import { mintToken } from "../../playground/github/access.ts";
import { person } from "../../playground/github/create-world.ts";
import type { Github } from "../../playground/github/server.ts";
import type { World } from "../../playground/world.ts";
import type { Forge } from "../../src/github/forge.ts";
import { type Intake, type Taken, take } from "../../src/github/intake.ts";
import { octokitForge } from "../../src/github/octokit-forge.ts";
import type { Trigger } from "../../src/github/triggers.ts";
import type { Run } from "../../src/sessions/journal.ts";
import { memoryStore } from "../../src/sessions/memory-store.ts";
import type { Session } from "../../src/sessions/session.ts";
import type { SessionStore, Tip } from "../../src/sessions/store.ts";
import { at, type Clone, client, openWithMain } from "../playground/github-fixture.ts";
import { offshoot } from "../sessions/events.ts";

const workflow = `on:
  workflow_dispatch:
    inputs:
      session: { required: true }
      nonce: { required: true }
jobs: {}
`;

/** A GitHub with an issue and our workflow, and the intake as the app puts it together; no run starts by itself. */
export interface IntakeWorld {
  readonly github: Github;
  readonly world: World;
  readonly clone: Clone;
  readonly intake: Intake;
  readonly forge: Forge;
  readonly store: SessionStore;
  readonly issue: number;
  /** The inputs of each run that was asked for. */
  readonly dispatched: readonly Readonly<Record<string, string>>[];
  /** Writes a comment and takes it. */
  comment(body: string, options?: { as?: "maintainer" | "outsider"; thread?: number }): Promise<Taken>;
  /** Writes a comment that nobody has taken yet. */
  write(body: string, options?: { as?: "maintainer" | "outsider"; thread?: number }): Promise<Trigger>;
  take(trigger: Trigger): Promise<Taken>;
  /** The one session of the issue. */
  tip(): Promise<Tip>;
  session(): Promise<Session>;
  /** What the bot has said, oldest first. */
  said(): string[];
  /** A run of the session as the platform knows it, and how the journal names it. */
  run(status: "in_progress" | "completed"): Promise<Run>;
}

export async function openIntakeWorld(): Promise<IntakeWorld> {
  const { github, clone, maintainer } = await openWithMain();
  const { world } = github;
  await mkdir(join(clone.dir, ".github/workflows"), { recursive: true });
  await clone.commit(".github/workflows/offshoot.yml", workflow);
  await clone.git("push", "-q", "origin", "main");
  const people = { maintainer, outsider: client(github, github.tokens.outsider) };
  const issue = (await maintainer.rest.issues.create({ ...at, title: "It fails", body: "Since 1.2." })).data.number;
  const permissions = { actions: "write", contents: "write", issues: "write", pull_requests: "write" } as const;
  const token = mintToken(world, { ...person(world, "offshoot[bot]"), kind: "installation", permissions });
  const forge = octokitForge({ octokit: client(github, token), ...at, server: world.url });
  const store = memoryStore();
  const intake: Intake = {
    ...{ forge, store, app: offshoot, defaultBranch: "main" },
    clock: { now: () => new Date(), newId: () => ulid() },
    rules: async () => ({ label: "agent", trigger: "write" }),
    isRetried: false,
    afterwards: (work) => work(),
    log: () => undefined,
  };
  const dispatched: Record<string, string>[] = [];
  world.bus.on("dispatch", ({ inputs }) => void dispatched.push(inputs));
  const write: IntakeWorld["write"] = async (body, { as = "maintainer", thread = issue } = {}) => {
    const { data } = await people[as].rest.issues.createComment({ ...at, issue_number: thread, body });
    return { kind: "comment", comment: data.id, node: data.node_id, thread };
  };
  const tip = async () => {
    const [session] = await store.find("");
    const found = session && (await store.tip(session));
    if (!found) throw new Error("There is no session.");
    return found;
  };
  return {
    ...{ github, world, clone, intake, forge, store, issue, dispatched, write, tip },
    take: (trigger) => take(intake, trigger),
    comment: async (body, options) => take(intake, await write(body, options)),
    session: async () => (await tip()).session,
    said: () => [...world.comments.values()].flatMap(({ author, body }) => (author.type === "Bot" ? [body] : [])),
    run: async (status) => addRun(world, { status, session: (await tip()).session }),
  };
}

async function addRun(
  world: World,
  { status, session }: { status: "in_progress" | "completed"; session: Session },
): Promise<Run> {
  const id = world.nextId();
  world.runs.set(id, {
    ...{ id, number: 1, workflowPath: ".github/workflows/offshoot.yml", workflowId: 1, name: "Offshoot" },
    ...{ title: `Offshoot ${session.session}`, event: "workflow_dispatch", pulls: [], attempt: 1, jobs: [] },
    ...{ headSha: "", headBranch: "main", actor: person(world, "offshoot[bot]").user },
    ...{ status, conclusion: status === "completed" ? "failure" : null },
    ...{ createdAt: world.now(), startedAt: world.now(), updatedAt: world.now() },
  });
  return { id, attempt: 1, url: `${world.url}/${world.owner}/${world.repo}/actions/runs/${id}` };
}
