import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ulid } from "ulid";
import { afterAll, expect, onTestFinished } from "vitest";
import { mintToken } from "../../playground/github/access.ts";
import { type Github, openGithub } from "../../playground/github/server.ts";
import { type Script, startScriptedModel } from "../../playground/scripted-model.ts";
import type { Comment, Issue } from "../../playground/world.ts";
import { type RunReport, runSession } from "../../src/runner/run.ts";
import type { Runner } from "../../src/runner/runner.ts";
import { type NewPrompt, open, queue } from "../../src/sessions/decide.ts";
import { gitStore } from "../../src/sessions/git/git-store.ts";
import type { Repository } from "../../src/sessions/git/repository.ts";
import type { CommitId, SessionId } from "../../src/sessions/ids.ts";
import type { Event, EventOf, EventType } from "../../src/sessions/journal.ts";
import type { Session } from "../../src/sessions/session.ts";
import { type Append, compose, refOf, type SessionStore } from "../../src/sessions/store.ts";
import { backOff, transact } from "../../src/sessions/transact.ts";
import {
  type AtGithub,
  client,
  handOf,
  type Machine,
  modelAt,
  openMachine,
  openRepository,
  sample,
} from "./machine.ts";

/** What the repository has on `main`. */
const files = { "a.txt": "a\n", "b.txt": "b\n", "sub/.gitkeep": "", ".gitignore": "ignored/\n" };

export interface RunWorld {
  readonly github: Github;
  readonly session: SessionId;
  /** The number of the session's issue. */
  readonly thread: number;
  readonly branch: string;
  /** The remote's own repository, to look at and to push to as somebody else. */
  readonly bare: Repository;
  /** A store with a clone of its own, as the app has. */
  readonly store: SessionStore;
  readonly main: CommitId;
  newMachine(): Machine;
  machine(change?: Partial<Runner>): Promise<AtGithub>;
  run(change?: Partial<Runner>): Promise<RunReport>;
  /** Queues one more prompt, as the app does. Gives its comment's id. */
  ask(text: string, thread?: number, more?: Pick<NewPrompt, "budget" | "continues">): Promise<string>;
  journal(): Promise<readonly Event[]>;
  events<T extends EventType>(type: T): Promise<readonly EventOf<T>[]>;
  state(): Promise<Session>;
  /** Bodies of comments on a thread that begin with the marker of an answer. */
  answers(thread?: number): string[];
  statuses(thread: number): string[];
  /** The open pull request of the session's branch. */
  pull(): Issue | undefined;
  /** Somebody else's commit on top of `parent`, at `ref`; null deletes the ref. */
  push(ref: string, change: { parent: CommitId; files: Readonly<Record<string, string>> } | null): Promise<CommitId>;
  tip(ref: string): Promise<CommitId | null>;
  read(commit: string, file: string): Promise<string | null>;
}

export interface RunWorldOptions {
  /** The first prompt. */
  readonly prompt?: string;
  readonly model?: Runner["model"];
  /** The session works on this branch, which is there, instead of one of its own. */
  readonly onBranch?: string;
}

const dir = mkdtempSync(join(tmpdir(), "offshoot-run-"));
let github: Promise<Github> | undefined;

/** One double for all tests of a file: each has an issue, a session and a branch of its own in it. */
function sharedGithub(): Promise<Github> {
  github ??= openGithub({
    port: 0,
    ...sample,
    dir: join(dir, "github"),
    webhook: { secret: "a webhook secret" },
    app: { id: 1234, slug: "offshoot" },
  });
  return github;
}

afterAll(async () => {
  const opened = await github;
  await opened?.close();
  rmSync(dir, { recursive: true, force: true });
  expect(opened?.world.violations ?? []).toEqual([]);
});

/** A repository and an issue on the double of GitHub, and a session on that issue with one prompt queued. */
export async function openRunWorld(options: RunWorldOptions = {}): Promise<RunWorld> {
  const github = await sharedGithub();
  const { world } = github;
  const bare = await openRepository(world.gitDir, world.gitDir);
  const session = ulid() as SessionId;
  const place = join(dir, session);
  const store = gitStore(await openRepository(join(place, "app.git"), world.gitDir));
  const commit = (parents: CommitId[], tree: Readonly<Record<string, string>>) =>
    bare.commit({
      parents,
      author: someone,
      committer: someone,
      message: "by somebody",
      tree: Object.fromEntries(Object.entries(tree).map(([name, text]) => [name, Buffer.from(text)])),
    });
  const main = await commit([], files);
  await bare.raw(["update-ref", "refs/heads/main", main]);
  const issues = client(world.url, github.tokens.maintainer).rest.issues;
  const { data: issue } = await issues.create({ ...sample, title: "a is not b", body: "Look at a." });

  const branch = options.onBranch ?? `offshoot/${issue.number}-a-is-not-b-${session.slice(-4).toLowerCase()}`;
  if (options.onBranch) await bare.raw(["update-ref", refOf.branch(branch), main]);
  const opened = {
    project: "octo/sample",
    description: "a is not b",
    branch: { name: branch, own: !options.onBranch, from: "main", base: main },
    depth: 0,
  };
  const thread = { number: issue.number, index: null };
  const prompt = comment("1", options.prompt ?? "make a into b", issue.number);
  await store.append(compose(session, null, open(maintainer, { session, opened, thread, prompt })));

  const token = tokenOfApp(github);
  let machines = 0;
  let comments = 1;
  const newMachine = (): Machine => {
    machines += 1;
    const name = `machine-${machines}`;
    const run = 9_000_000 + machines; // the double knows no such run, so each has ended as soon as it began
    return { name, folder: join(place, name), session, run, remote: world.gitDir, server: world.url, token };
  };
  const machine = async (change: Partial<Runner> = {}): Promise<AtGithub> => {
    const opened = await openMachine(newMachine());
    const { forge = opened.forge, ...others } = change;
    return { ...opened, ...(options.model ? { model: options.model } : {}), ...others, forge: forge ?? opened.forge };
  };
  const journal = async () => (await store.journal(session)).flatMap(({ events }) => events);
  return {
    ...{ github, session, branch, bare, store, main, machine, newMachine, journal, thread: issue.number },
    run: async (change) => runSession(await machine(change)),
    ask: async (text, thread = issue.number, more = {}) => {
      comments += 1;
      const id = String(comments);
      const asked = await transact({ store, session, pause: backOff }, ({ session: now }) => {
        const queued = queue(maintainer, now, { ...comment(id, text, thread), ...more });
        return { change: queued.kind === "queued" ? queued.change : null, result: null };
      });
      if (!asked.ok) throw new Error(`The prompt was not queued: ${asked.moved.join(", ")} moved.`);
      return id;
    },
    events: async <T extends EventType>(type: T) =>
      (await journal()).filter((event): event is EventOf<T> & Event => event.type === type),
    state: async () => {
      const tip = await store.tip(session);
      if (!tip) throw new Error("The session is gone.");
      return tip.session;
    },
    statuses: (thread) => commentsOn(github, thread).filter((body) => body.startsWith("<!-- offshoot:status ")),
    answers: (thread = issue.number) =>
      commentsOn(github, thread).filter((body) => body.startsWith("<!-- offshoot:answer ")),
    pull: () => [...world.issues.values()].find(({ pull, state }) => pull?.head === branch && state === "open"),
    push: async (ref, change) => {
      const to = change ? await commit([change.parent], change.files) : main;
      await bare.raw(change ? ["update-ref", ref, to] : ["update-ref", "-d", ref]);
      return to;
    },
    tip: async (ref) => (await bare.refs(ref)).get(ref) ?? null,
    read: async (commit, file) => (await bare.read([`${commit}:${file}`]))[0]?.toString() ?? null,
  };
}

const someone = { name: "Mona", email: "mona@example.com", at: new Date("2026-11-01T12:00:00Z") };

const maintainer = handOf({ kind: "user", login: "maintainer", id: 600_002 });

function comment(id: string, text: string, thread: number) {
  const url = `https://github.test/octo/sample/issues/${thread}#issuecomment-${id}`;
  return { source: { kind: "comment" as const, id, thread, url }, text };
}

function commentsOn({ world }: Github, thread: number): string[] {
  return [...world.comments.values()].filter(({ issue }: Comment) => issue === thread).map(({ body }) => body);
}

function tokenOfApp({ world }: Github): string {
  const user = world.users.get("offshoot[bot]");
  if (!user) throw new Error("The double has no App.");
  return mintToken(world, { kind: "installation", user });
}

export interface Scripted {
  readonly model: Runner["model"];
  readonly url: string;
  /** Bodies of the requests so far, as they went over the wire, oldest first. */
  readonly sent: readonly string[];
}

/** The real adapter in front of a scripted server. */
export async function scripted(script: Script): Promise<Scripted> {
  const server = await startScriptedModel({ script });
  onTestFinished(() => server.close());
  const sent: string[] = [];
  const model = modelAt(server.url, (input, init) => {
    sent.push(String(init?.body));
    return fetch(input, init);
  });
  return { model, url: server.url, sent };
}

/** The conversation in a request's body, as the Responses API takes it. */
export function inputOf(body: string | undefined): readonly Item[] {
  const parsed: unknown = JSON.parse(body ?? "null");
  if (typeof parsed !== "object" || parsed === null || !("input" in parsed) || !Array.isArray(parsed.input)) {
    throw new Error(`This is no request of the Responses API: ${body}`);
  }
  return parsed.input;
}

interface Item {
  readonly type: string;
  readonly role?: string;
  readonly call_id?: string;
}

/** The death of a runner: from here on nothing that it does reaches anyone. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/** A store that dies with its runner, before or after the first append that `when` picks. */
export function dying(
  store: SessionStore,
  moment: "before" | "after",
  when: (append: Append) => boolean,
): SessionStore {
  let dead = false;
  const living = (): SessionStore => {
    if (dead) throw new Killed();
    return store;
  };
  return {
    tip: async (session) => living().tip(session),
    journal: async (session) => living().journal(session),
    thread: async (number) => living().thread(number),
    find: async (prefix) => living().find(prefix),
    append: async (append) => {
      dead ||= when(append);
      const swap = await (moment === "before" ? living() : store).append(append);
      living();
      return swap;
    },
  };
}

export const has = (append: Append, type: EventType): boolean => append.events.some((event) => event.type === type);
