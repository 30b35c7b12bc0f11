import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Octokit } from "@octokit/rest";
import { ulid } from "ulid";
import { afterAll, expect, onTestFinished } from "vitest";
import { mintToken } from "../../playground/github/access.ts";
import { type Github, openGithub } from "../../playground/github/server.ts";
import { type Script, type ScriptedModel, startScriptedModel } from "../../playground/scripted-model.ts";
import type { Comment, Issue } from "../../playground/world.ts";
import { defaultConfig } from "../../src/config.ts";
import type { Forge } from "../../src/github/forge.ts";
import { octokitForge } from "../../src/github/octokit-forge.ts";
import { openaiModel } from "../../src/runner/openai.ts";
import { type RunReport, runSession } from "../../src/runner/run.ts";
import type { Runner } from "../../src/runner/runner.ts";
import { type Hand, open, queue } from "../../src/sessions/decide.ts";
import { Repository } from "../../src/sessions/git.ts";
import { gitStore } from "../../src/sessions/git-store.ts";
import type { CommitId, SessionId } from "../../src/sessions/ids.ts";
import type { Actor, Event, EventOf, EventType } from "../../src/sessions/journal.ts";
import type { Session } from "../../src/sessions/session.ts";
import { type Append, compose, refOf, type SessionStore } from "../../src/sessions/store.ts";
import { backOff, transact } from "../../src/sessions/transact.ts";

const at = { owner: "octo", repo: "sample" };
const path = process.env.PATH ?? "";
const everyHour = 3_600_000;

/** What the repository has on `main`. */
const files = { "a.txt": "a\n", "b.txt": "b\n", "sub/.gitkeep": "", ".gitignore": "ignored/\n" };

export interface RunWorld {
  readonly github: Github;
  readonly forge: Forge;
  readonly session: SessionId;
  /** The number of the session's issue. */
  readonly thread: number;
  readonly branch: string;
  /** The remote's own repository, to look at and to push to as somebody else. */
  readonly bare: Repository;
  /** A store with a clone of its own, as the app has. */
  readonly store: SessionStore;
  readonly main: CommitId;
  /** A runner on a machine of its own: a fresh clone, work tree and scratch folder. */
  machine(change?: Partial<Runner>): Promise<Runner>;
  run(change?: Partial<Runner>): Promise<RunReport>;
  /** Queues one more prompt, as the app does. Gives its comment's id. */
  ask(text: string, thread?: number): Promise<string>;
  journal(): Promise<readonly Event[]>;
  events<T extends EventType>(type: T): Promise<readonly EventOf<T>[]>;
  state(): Promise<Session>;
  /** Bodies of comments on a thread that begin with the marker of an answer. */
  answers(thread?: number): string[];
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
    ...at,
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
  const remote = { url: world.gitDir, authorization: async () => undefined };
  const bare = await Repository.open({ dir: world.gitDir, remote, path });
  const session = ulid() as SessionId;
  const place = join(dir, session);
  const store = gitStore(await Repository.open({ dir: join(place, "app.git"), remote, path }));
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
  const issues = client(github, github.tokens.maintainer).rest.issues;
  const { data: issue } = await issues.create({ ...at, title: "a is not b", body: "Look at a." });

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

  const forge = forgeOf(github);
  let machines = 0;
  let comments = 1;
  const machine = async (change: Partial<Runner> = {}): Promise<Runner> => {
    machines += 1;
    const folder = join(place, `machine-${machines}`);
    const repository = await Repository.open({ dir: join(folder, "repository.git"), remote, path });
    return {
      session,
      repository,
      store: gitStore(repository),
      forge,
      config: defaultConfig,
      model: options.model ?? { ok: false, problem: { kind: "none", message: "No model.", remedy: "Name one." } },
      hand: handOf({ kind: "app", login: "offshoot[bot]", id: 600_004 }),
      holder: {
        holder: `machine-${machines}`,
        run: { id: 9_000_000 + machines, attempt: 1, url: "https://x.test/run" },
      },
      tree: { path: join(folder, "tree"), at: null },
      scratch: join(folder, "scratch"),
      shellEnv: { PATH: path },
      saveEveryMs: everyHour,
      log: () => undefined,
      ...change,
    };
  };
  const journal = async () => (await store.journal(session)).flatMap(({ events }) => events);
  return {
    ...{ github, forge, session, branch, bare, store, main, machine, journal, thread: issue.number },
    run: async (change) => runSession(await machine(change)),
    ask: async (text, thread = issue.number) => {
      comments += 1;
      const id = String(comments);
      const asked = await transact({ store, session, pause: backOff }, ({ session: now }) => {
        const queued = queue(maintainer, now, comment(id, text, thread));
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

function handOf(by: Actor): Hand {
  return { by, now: () => new Date(), newId: () => ulid() };
}

const maintainer = handOf({ kind: "user", login: "maintainer", id: 600_002 });

function comment(id: string, text: string, thread: number) {
  const url = `https://github.test/octo/sample/issues/${thread}#issuecomment-${id}`;
  return { source: { kind: "comment" as const, id, thread, url }, text };
}

function commentsOn({ world }: Github, thread: number): string[] {
  return [...world.comments.values()].filter(({ issue }: Comment) => issue === thread).map(({ body }) => body);
}

export function client(github: Github, token: string): Octokit {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  return new Octokit({ baseUrl: `${github.world.url}/api/v3`, auth: token, log: quiet });
}

/** The forge as the App sees it. */
export function forgeOf(github: Github): Forge {
  const bot = github.world.users.get("offshoot[bot]");
  if (!bot) throw new Error("The double has no App.");
  const token = mintToken(github.world, { kind: "installation", user: bot });
  return octokitForge({ octokit: client(github, token), ...at, server: github.world.url });
}

/** The real adapter in front of a scripted server. */
export async function scripted(script: Script): Promise<{ model: Runner["model"]; server: ScriptedModel }> {
  const server = await startScriptedModel({ script });
  onTestFinished(() => server.close());
  return { model: modelAt(server.url), server };
}

export function modelAt(baseURL: string, apiKey = "sk-test-key"): Runner["model"] {
  const ref = { provider: "openai", model: "gpt-test" };
  return { ok: true, ref, open: () => openaiModel({ ref, apiKey, baseURL }) };
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
