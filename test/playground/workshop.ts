import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Executor, startExecutor } from "../../playground/actions/executor.ts";
import { git } from "../../playground/github/git.ts";
import { refMoved } from "../../playground/github/refs.ts";
import { openGithub } from "../../playground/github/server.ts";
import type { Job, Run, User, World } from "../../playground/world.ts";

/** A repository on the playground's GitHub, with the executor at work. */
export interface Workshop extends AsyncDisposable {
  readonly world: World;
  readonly executor: Executor;
  /** What the executor itself complained about. */
  readonly complaints: readonly string[];
  /** Commits the files to a branch, as the maintainer would; resolves to the commit. */
  push(branch: string, files: Readonly<Record<string, string>>): Promise<string>;
  /** Opens a pull request through the API; resolves to its number. */
  openPull(head: string): Promise<number>;
  /** Dispatches a workflow file; answers the run's id. */
  dispatch(file: string, inputs?: Readonly<Record<string, string>>): number;
  cancel(run: Run): void;
  /** A shell command with which a step tells the test something, the value of a shell expression. */
  tell(expression: string): string;
  /** The next thing that a step tells. */
  told(): Promise<string>;
  /** The webhooks of a run that were sent, in order, once all are; each was checked against GitHub's schemas. */
  webhooksOf(run: Run): Promise<readonly string[]>;
  /** The first run for which it holds, now or as soon as a run event makes it so. */
  runWhere(wanted: (run: Run) => boolean): Promise<Run>;
  /** The run of a workflow at a commit, once it has completed. */
  completed(wanted: { readonly sha?: string; readonly id?: number }): Promise<Run>;
}

export async function openWorkshop(actions: Readonly<Record<string, string>> = {}): Promise<Workshop> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-workshop-"));
  const options = {
    port: 0,
    owner: "acme",
    repo: "parser",
    dir,
    webhook: { secret: "s" },
    app: { id: 1, slug: "offshoot" },
  };
  const github = await openGithub(options);
  const { world } = github;
  github.handle("/hook", (request, response) => {
    request.resume().on("end", () => response.end());
  });
  github.setWebhookUrl(`${world.url}/hook`);
  const words = new EventEmitter<{ word: [string] }>();
  github.handle("/tell/", (request, response) => {
    words.emit("word", (request.url ?? "").slice("/tell/".length));
    response.end();
  });
  const complaints: string[] = [];
  const executor = startExecutor({ world, actions, log: (message) => complaints.push(message) });
  const maintainer = personNamed(world, "maintainer");

  const runWhere = (wanted: (run: Run) => boolean) =>
    new Promise<Run>((resolve) => {
      const look = () => {
        const run = [...world.runs.values()].find(wanted);
        if (!run) return;
        world.bus.off("run", look);
        resolve(run);
      };
      world.bus.on("run", look);
      look();
    });
  return {
    world,
    executor,
    complaints,
    runWhere,
    completed: ({ sha, id }) => runWhere((run) => run.status === "completed" && (run.headSha === sha || run.id === id)),
    push: async (branch, files) => {
      const move = await commit(world, branch, files);
      await refMoved(world, move, { sender: maintainer, startsWorkflows: true });
      return move.after;
    },
    openPull: async (head) => {
      const response = await fetch(`${world.url}/api/v3/repos/${world.owner}/${world.repo}/pulls`, {
        method: "POST",
        headers: { authorization: `Bearer ${github.tokens.maintainer}`, "content-type": "application/json" },
        body: JSON.stringify({ title: "A change", head, base: world.defaultBranch }),
      });
      const pull: unknown = await response.json();
      if (typeof pull === "object" && pull !== null && "number" in pull) return Number(pull.number);
      throw new Error(`The pull request could not be opened: ${JSON.stringify(pull)}`);
    },
    dispatch: (file, inputs = {}) => {
      const runId = world.nextId();
      const workflow = `.github/workflows/${file}`;
      world.bus.emit("dispatch", { workflow, ref: world.defaultBranch, inputs, sender: maintainer, runId });
      return runId;
    },
    cancel: (run) => void world.bus.emit("cancel", { runId: run.id }),
    tell: (expression) => `node -e 'fetch("${world.url}/tell/" + process.argv[1])' "${expression}"`,
    told: async () => String((await once(words, "word"))[0]),
    webhooksOf: async (run) => {
      await github.webhooksSettled();
      if (world.violations.length > 0) throw new Error(world.violations.join("\n"));
      const own = [...world.deliveries.values()].filter(({ payload }) =>
        JSON.stringify(payload).includes(`"id":${run.id},`),
      );
      return own.map(({ event, action }) => `${event}.${action}`);
    },
    [Symbol.asyncDispose]: async () => {
      await executor.close();
      await github.webhooksSettled();
      await github.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function commit(world: World, branch: string, files: Readonly<Record<string, string>>) {
  const ref = `refs/heads/${branch}`;
  const tip = async (name: string) =>
    (await git(world.gitDir, ["for-each-ref", "--format=%(objectname)", name])).trim();
  const before = await tip(ref);
  const base = before || (await tip(`refs/heads/${world.defaultBranch}`));
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const head = `commit ${ref}\ncommitter Ada <ada@example.com> now\n${data("A commit")}${base ? `from ${base}\n` : ""}`;
  const changes = Object.entries(files).map(([path, content]) => `M 100644 inline ${path}\n${data(content)}`);
  await git(world.gitDir, ["fast-import", "--quiet", "--date-format=now"], { input: head + changes.join("") });
  return { ref, before: before || null, after: await tip(ref) };
}

function personNamed(world: World, login: string): User {
  const user = world.users.get(login);
  if (!user) throw new Error(`There is no user ${login}.`);
  return user;
}

export function jobOf(run: Run, key: string): Job {
  const job = run.jobs.find((candidate) => candidate.key === key);
  if (!job) throw new Error(`The run has no job ${key}, only ${run.jobs.map((one) => one.key).join(", ")}.`);
  return job;
}

/** A job's log without the timestamps. */
export function logOf(run: Run, key: string): string {
  return jobOf(run, key)
    .log.map((line) => line.replace(/^\S+ /, ""))
    .join("\n");
}
