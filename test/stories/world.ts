import { execFile } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { killMarked } from "../../playground/actions/processes.ts";
import { listRefs } from "../../playground/github/git.ts";
import { openPlayground, type Playground } from "../../playground/playground.ts";
import { sampleScript } from "../../playground/sample-script.ts";
import type { Move, Script } from "../../playground/scripted-model.ts";
import type { World, WorldEvents } from "../../playground/world.ts";
import type { Way } from "../../src/setup/workflow-file.ts";

type As = "maintainer" | "outsider";

/** A playground as a story sees it: people comment, runs happen, and the story waits for what it tells. */
export interface StoryWorld {
  readonly playground: Playground;
  readonly world: World;
  /** Posts a comment on `thread` (the sample's issue unless told) through the API. Resolves to the comment's id. */
  comment(text: string, options?: { readonly as?: As; readonly thread?: number }): Promise<number>;
  /** The conversation as text, one `login: body` each, with what differs between runs of a test replaced. */
  thread(number?: number): string;
  /** Resolves to the first truthy value that `look` gives: it looks now and after everything that happens. */
  waitFor<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>>;
  /** Resolves once the model has asked for this tool; an earlier request does not count. */
  runUntil(tool: string): Promise<void>;
  /** Resolves once the app has heard of all that happened, and every run that it asked for is over. */
  runsDone(): Promise<void>;
  /** A fresh clone, with what git brings by itself and nothing else. */
  clone(): Promise<Clone>;
  /** SIGKILL for every process of the turn's run that is going on. */
  killRunner(): Promise<void>;
  /** Object ids by full ref name. */
  refs(): Promise<ReadonlyMap<string, string>>;
  /** Fails when anything that was sent, asked or answered breaks GitHub's published descriptions. */
  close(): Promise<void>;
}

/** A clone that may push as the maintainer. */
export interface Clone {
  readonly dir: string;
  /** Runs git in it and gives the output, without white space around it. */
  git(...args: readonly string[]): Promise<string>;
}

export interface StoryOptions {
  /** What the model plays; the sample's fix unless told. */
  readonly model?: Script;
  /** With the app unless told. */
  readonly way?: Way;
}

/** Opens a world. Close it: it says then what was not reached. */
export async function openWorld({ model = sampleScript, way = "app" }: StoryOptions = {}): Promise<StoryWorld> {
  const moves = new EventEmitter<{ call: [string] }>();
  const log: string[] = [];
  const playground = await openPlayground({
    port: 0,
    way,
    model: { kind: "scripted", script: async (deeds, offer) => announce(moves, await model(deeds, offer)) },
    log: (line) => log.push(line),
  });
  const { world } = playground.github;
  const watch = watchBus(playground);
  const story: Omit<StoryWorld, "close"> = {
    playground,
    world,
    comment: (text, { as = "maintainer", thread = playground.issue } = {}) => comment(playground, { text, as, thread }),
    thread: (number = playground.issue) => readThread(world, number),
    waitFor: watch.waitFor,
    runUntil: (tool) => untilCall(moves, tool),
    runsDone: async () => {
      await playground.settled();
      for (let over = false; !over; over = watch.quiet()) {
        await watch.waitFor("every run to be over", watch.quiet);
        await playground.settled();
      }
    },
    clone: () => clone(playground),
    killRunner: () => killRunner(world),
    refs: async () => new Map((await listRefs(world.gitDir)).map(({ ref, sha }) => [ref, sha])),
  };
  return {
    ...story,
    close: async () => {
      const missed = watch.pending();
      if (missed.length > 0) console.error(report(missed, story, log));
      await playground.close();
      expect(world.violations).toEqual([]);
    },
  };
}

function announce(moves: EventEmitter<{ call: [string] }>, move: Move): Move {
  if (move.kind === "call") moves.emit("call", move.name);
  return move;
}

async function untilCall(moves: EventEmitter<{ call: [string] }>, tool: string): Promise<void> {
  for (;;) {
    const [name] = await once(moves, "call");
    if (name === tool) return;
  }
}

const EVENTS = [
  "issue",
  "comment",
  "pull",
  "ref",
  "dispatch",
  "cancel",
  "run",
  "delivery",
] as const satisfies readonly (keyof WorldEvents)[];

function watchBus({ github, app }: Playground) {
  let change = Promise.withResolvers<void>();
  for (const event of EVENTS) {
    github.world.bus.on(event, () => {
      change.resolve();
      change = Promise.withResolvers();
    });
  }
  const dispatched: number[] = [];
  github.world.bus.on("dispatch", ({ runId }) => void dispatched.push(runId));
  const pending: string[] = [];
  return {
    quiet: () => quiet(github.world, dispatched),
    pending: () => [...pending],
    async waitFor<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> {
      pending.push(what);
      for (;;) {
        const next = change.promise;
        const seen = await look();
        if (seen) {
          pending.splice(pending.indexOf(what), 1);
          return seen;
        }
        await Promise.race([next, ...(app ? [app.failed] : [])]);
      }
    },
  };
}

function quiet({ runs }: World, dispatched: readonly number[]): boolean {
  return dispatched.every((id) => runs.has(id)) && [...runs.values()].every((run) => run.status === "completed");
}

const run = promisify(execFile);

async function clone({ github: { world, tokens } }: Playground): Promise<Clone> {
  const dir = await mkdtemp(join(world.dir, "clone-"));
  const env = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  const git: Clone["git"] = async (...args) => {
    const maintainer = ["-c", "user.name=Maintainer", "-c", "user.email=maintainer@example.com"];
    return (await run("git", [...maintainer, ...args], { cwd: dir, env })).stdout.trim();
  };
  const from = world.url.replace("http://", `http://maintainer:${tokens.maintainer}@`);
  await git("clone", "--quiet", `${from}/${world.owner}/${world.repo}.git`, ".");
  return { dir, git };
}

interface NewComment {
  readonly text: string;
  readonly as: As;
  readonly thread: number;
}

async function comment({ github }: Playground, { text, as, thread }: NewComment): Promise<number> {
  const { url, owner, repo } = github.world;
  const response = await fetch(`${url}/api/v3/repos/${owner}/${repo}/issues/${thread}/comments`, {
    method: "POST",
    headers: { authorization: `Bearer ${github.tokens[as]}`, "content-type": "application/json" },
    body: JSON.stringify({ body: text }),
  });
  const made: unknown = await response.json();
  if (response.ok && typeof made === "object" && made !== null && "id" in made) return Number(made.id);
  throw new Error(`The comment was refused: ${response.status} ${JSON.stringify(made)}`);
}

function readThread(world: World, number: number): string {
  const comments = [...world.comments.values()].filter(({ issue }) => issue === number);
  return comments.map(({ author, body }) => `${author.login}: ${settle(body, world)}`).join("\n\n");
}

/** What differs from one run of a test to the next, and what stands for it. */
const changing: readonly (readonly [RegExp, string])[] = [
  [/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, "<ULID>"],
  [/(offshoot\/\d+-[a-z0-9-]+-)[0-9a-z]{4}\b/g, "$1<end>"],
  [/\b[0-9a-f]{40}\b/g, "<sha>"],
  [/`[0-9a-f]{7}`/g, "`<sha>`"],
  [/\([0-9a-f]{7}\)/g, "(<sha>)"],
  [/issuecomment-\d+/g, "issuecomment-<id>"],
  [/\brun \d+/g, "run <run>"],
  [/\[\d+\](?=\([^)]*\/runs\/)/g, "[<run>]"],
  [/\/runs\/\d+/g, "/runs/<run>"],
  [/\b\d+ s(?=<)/g, "<n> s"],
  [/[\d,]+ tokens in \(0 cached\), [\d,]+ out/g, "<n> tokens in (0 cached), <n> out"],
  [/\bafter [\d.]+ (?:ms|s)(?=,)/g, "after <n> s"],
  [/^(\| (?:These turns|The session) \| \d+ \|) .*$/gm, "$1 <n> |"],
  [/^((?:in|out)put) = \d+$/gm, "$1 = <n>"],
  [/^at = ".*"$/gm, 'at = "<time>"'],
];

/** Text of a world with names for what no two worlds have in common. */
export function settle(text: string, { url }: World): string {
  return changing.reduce((now, [what, name]) => now.replaceAll(what, name), text.replaceAll(url, "<url>"));
}

async function killRunner(world: World): Promise<void> {
  const turns = [...world.runs.values()].filter(
    (run) => run.event === "workflow_dispatch" && run.status === "in_progress",
  );
  if (turns.length === 0) throw new Error("No runner is at work that could be killed.");
  for (const job of turns.flatMap((run) => run.jobs)) {
    const folder = join(world.dir, "jobs", String(job.id));
    const variables = [`GITHUB_WORKSPACE=${join(folder, "work", world.repo, world.repo)}`];
    await killMarked({ sessions: new Set(), folder, variables });
  }
}

function report(
  missed: readonly string[],
  { world, thread }: Omit<StoryWorld, "close">,
  log: readonly string[],
): string {
  const runs = [...world.runs.values()].map(({ title, status, conclusion, jobs }) => {
    return [`${title}: ${conclusion ?? status}`, ...jobs.flatMap((job) => job.log.slice(-30))].join("\n");
  });
  return [
    `Still waiting for ${missed.join(", ")}.`,
    `--- thread\n${thread()}`,
    `--- runs\n${runs.join("\n\n")}`,
    `--- app and executor\n${log.slice(-40).join("\n")}`,
    ...world.violations.map((violation) => `--- violation\n${violation}`),
  ].join("\n");
}
