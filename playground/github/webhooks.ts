import { createHmac, randomUUID } from "node:crypto";
import type { Comment, Delivery, Issue, Label, User, World, WorldEvents } from "../world.ts";
import { runWebhookJson, workflowJson } from "./actions.ts";
import { type Commit, readCommits, simpleCommitJson } from "./commits.ts";
import { isAncestor } from "./git.ts";
import { pullJson } from "./pulls.ts";
import { commentJson, issueJson, labelJson, nodeId, repoJson, repoWeb, userJson } from "./render.ts";
import { checkWebhook } from "./validate.ts";

const TIME_LIMIT_MS = 10_000;
const NO_OBJECT = "0".repeat(40);

export interface Webhooks {
  /** Nothing is sent before an address is known. */
  setUrl(url: string): void;
  dropNext(event: string): void;
  duplicateNext(event: string): void;
  /** Sends a logged delivery again, under the same GUID. */
  redeliver(delivery: Delivery): void;
  /** Resolves once everything that has happened so far was delivered, or failed to be. */
  settled(): Promise<void>;
  /** Gives up what is not delivered yet. */
  close(): Promise<void>;
}

interface Parcel {
  readonly event: string;
  readonly action: string | null;
  readonly payload: unknown;
}

interface Attempt extends Parcel {
  readonly guid: string;
  readonly redelivery: boolean;
}

/** Sends the App's webhooks for what happens on the bus, in that order, one after another. */
export function openWebhooks(world: World, { secret }: { secret: string }): Webhooks {
  let url: string | null = null;
  let queue = Promise.resolve();
  const closing = new AbortController();
  const dropped: string[] = [];
  const duplicated: string[] = [];
  const fail = (error: unknown) => void world.violations.push(`webhook: ${String(error)}`);

  // The payload is being rendered from the moment of the event on: later changes belong to later events.
  const enqueue = (rendering: Promise<Attempt | null>) => {
    const prepared = rendering.catch(fail);
    if (url === null) return;
    const to = { url, secret, closing: closing.signal };
    queue = queue.then(async () => {
      const attempt = await prepared;
      if (!attempt || closing.signal.aborted || take(dropped, attempt.event)) return;
      await deliver(world, attempt, to);
      if (take(duplicated, attempt.event)) await deliver(world, attempt, to);
    });
    queue = queue.catch(fail);
  };
  const first = (parcel: Parcel | null) => parcel && { ...parcel, guid: randomUUID(), redelivery: false };
  forward(world, (parcel) => enqueue(parcel.then(first)));
  return {
    setUrl: (next) => {
      url = next;
    },
    dropNext: (event) => void dropped.push(event),
    duplicateNext: (event) => void duplicated.push(event),
    redeliver: (delivery) => enqueue(Promise.resolve({ ...delivery, redelivery: true })),
    settled: () => queue,
    close: () => {
      closing.abort();
      return queue;
    },
  };
}

function take(waiting: string[], event: string): boolean {
  const at = waiting.indexOf(event);
  if (at >= 0) waiting.splice(at, 1);
  return at >= 0;
}

interface Receiver {
  readonly url: string;
  readonly secret: string;
  readonly closing: AbortSignal;
}

async function deliver(world: World, attempt: Attempt, to: Receiver): Promise<void> {
  const body = JSON.stringify(attempt.payload);
  const headers = {
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/playground",
    "x-github-event": attempt.event,
    "x-github-delivery": attempt.guid,
    "x-github-hook-id": "1",
    "x-github-hook-installation-target-id": String(world.ids.app),
    "x-github-hook-installation-target-type": "integration",
    "x-hub-signature-256": `sha256=${createHmac("sha256", to.secret).update(body).digest("hex")}`,
  };
  const signal = AbortSignal.any([AbortSignal.timeout(TIME_LIMIT_MS), to.closing]);
  const status = await fetch(to.url, { method: "POST", headers, body, signal }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => 0,
  );
  const delivery: Delivery = { ...attempt, id: world.nextId(), deliveredAt: world.now(), status };
  world.deliveries.set(String(delivery.id), delivery);
  world.bus.emit("delivery", delivery);
}

type Send = (parcel: Promise<Parcel | null>) => void;

/** Turns what happens in the world into webhook payloads. */
function forward(world: World, send: Send): void {
  const { bus } = world;
  bus.on("issue", (event) => send(event.issue.pull ? pullParcel(world, event) : issueParcel(world, event)));
  bus.on("pull", (event) => send(pullParcel(world, event)));
  bus.on("comment", (event) => send(commentParcel(world, event)));
  bus.on("ref", (event) => send(pushParcel(world, event)));
  bus.on("run", (event) => send(runParcel(world, event)));
}

function parcel(world: World, event: string, body: { action?: string; sender: User; [key: string]: unknown }): Parcel {
  const payload = {
    ...body,
    repository: repoJson(world),
    installation: { id: world.ids.installation, node_id: nodeId("Installation", world.ids.installation) },
    sender: userJson(world, body.sender),
  };
  const plain = JSON.parse(JSON.stringify(payload));
  const action = body.action ?? null;
  const name = [event, ...(action ? [action] : [])].join("-").replaceAll("_", "-");
  const errors = checkWebhook(name, plain);
  if (errors.length > 0) world.violations.push(`webhook ${name}: ${errors.slice(0, 5).join("; ")}`);
  return { event, action, payload: plain };
}

const labelPart = (world: World, label: Label | undefined) => (label ? { label: labelJson(world, label) } : {});
const changesPart = (action: string) => (action === "edited" ? { changes: {} } : {});

async function issueParcel(world: World, { action, issue, label, sender }: WorldEvents["issue"][0]): Promise<Parcel> {
  return parcel(world, "issues", {
    action,
    issue: issueJson(world, issue),
    ...labelPart(world, label),
    ...changesPart(action),
    sender,
  });
}

async function commentParcel(
  world: World,
  { action, comment, sender }: WorldEvents["comment"][0],
): Promise<Parcel | null> {
  const issue = world.issues.get(comment.issue);
  if (!issue) return null;
  return parcel(world, "issue_comment", {
    action,
    ...commentPart(world, issue, comment),
    ...changesPart(action),
    sender,
  });
}

const commentPart = (world: World, issue: Issue, comment: Comment) => ({
  issue: issueJson(world, issue),
  comment: commentJson(world, comment),
});

type PullEvent = WorldEvents["pull"][0] | WorldEvents["issue"][0];

async function pullParcel(world: World, event: PullEvent): Promise<Parcel> {
  const { action, issue, sender } = event;
  return parcel(world, "pull_request", {
    action,
    number: issue.number,
    pull_request: await pullJson(world, issue),
    ...labelPart(world, "label" in event ? event.label : undefined),
    ...("before" in event ? { before: event.before, after: event.after } : {}),
    ...changesPart(action),
    sender,
  });
}

/** Only branches and tags: GitHub tells nobody about custom refs. */
async function pushParcel(world: World, { ref, before, after, sender }: WorldEvents["ref"][0]): Promise<Parcel | null> {
  if (!/^refs\/(heads|tags)\//.test(ref)) return null;
  const range =
    after === null ? null : before === null ? ["-1", after] : ["--max-count=2048", "--reverse", `${before}..${after}`];
  const commits = range ? await readCommits(world.gitDir, range) : [];
  const head = after ? (await readCommits(world.gitDir, ["-1", after]))[0] : undefined;
  const toJson = (commit: Commit) => ({
    ...simpleCommitJson(commit),
    ...{ distinct: true, url: `${repoWeb(world)}/commit/${commit.sha}`, added: [], removed: [], modified: [] },
  });
  return parcel(world, "push", {
    ...{ ref, before: before ?? NO_OBJECT, after: after ?? NO_OBJECT, base_ref: null },
    ...{ created: before === null, deleted: after === null },
    forced: before !== null && after !== null && !(await isAncestor(world.gitDir, before, after)),
    compare: `${repoWeb(world)}/compare/${before ?? NO_OBJECT}...${after ?? NO_OBJECT}`,
    commits: commits.map(toJson),
    head_commit: head ? toJson(head) : null,
    pusher: { name: sender.login, email: `${sender.id}+${sender.login}@users.noreply.github.com` },
    sender,
  });
}

async function runParcel(world: World, { action, run }: WorldEvents["run"][0]): Promise<Parcel> {
  return parcel(world, "workflow_run", {
    action,
    workflow_run: await runWebhookJson(world, run),
    workflow: workflowJson(world, run),
    sender: run.actor,
  });
}
