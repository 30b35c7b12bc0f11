import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { hostname } from "node:os";
import { describe, expect, onTestFinished, test } from "vitest";
import { gate, hold, say, script } from "../../playground/scripted-model.ts";
import { fact } from "../../src/sessions/decide.ts";
import type { Tip } from "../../src/sessions/store.ts";
import { openRunWorld } from "../runner/run-world.ts";
import { given } from "../sessions/events.ts";
import { openClone } from "./clone-world.ts";
import { runAt } from "./platform-run.ts";
import { ada, inProcess, openReadingWorld, type ReadingWorld } from "./reading-world.ts";
import { published } from "./schemas.ts";

interface Alive {
  readonly state: string;
  readonly reason: string;
}

const minute = 60_000;
const inMs = (ms: number) => new Date(Date.now() + ms);

/** What the command says in so many ms, and how it ends. */
async function stateIn(
  { dir, env }: Pick<ReadingWorld, "dir" | "env">,
  ms: number,
  more: Readonly<Record<string, string>> = {},
): Promise<readonly [string, number | null, string]> {
  const terminal = { cwd: dir, env: { ...env, ...more }, now: () => inMs(ms) };
  const said = await inProcess(terminal, ["session", "is-alive", "--json"]);
  const { state, reason } = published<Alive>("session-is-alive", said);
  return [state, said.code, reason];
}

/** A process that does nothing for a long time, and says so when it has begun. */
async function sleeper() {
  const child = spawn("sh", ["-c", "echo began; exec sleep 1000"], { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

async function takenBy(world: ReadingWorld, holder: string, takenAt: Date, until: Date | null): Promise<Tip> {
  const lease = fact({ ...ada, now: () => takenAt }, "lease.taken", {
    ...{ epoch: 1, holder },
    ...(until ? { until: until.toISOString() } : {}),
  });
  return world.append(await world.open(), lease);
}

describe("CS14: is-alive tells live, quiet, killed and frozen runners apart", () => {
  test("a runner at work, stopped in the middle, let go on, and killed", async () => {
    const thinking = gate();
    const clone = await openClone({ model: script(hold(thinking, say("Done."))) });
    const running = clone.start({ args: ["run", "think"] });
    await thinking.reached;
    const here = { dir: clone.dir, env: { PATH: process.env.PATH ?? "", HOME: clone.home } };
    expect(await stateIn(here, 0)).toEqual(["live", 0, expect.stringMatching(/^It wrote its last event \d+ s ago.$/)]);
    expect(await stateIn(here, 2 * minute)).toEqual(["quiet", 0, expect.stringContaining("2 min ago")]);
    running.kill("SIGSTOP");
    expect(await stateIn(here, 0)).toEqual(["frozen", 1, expect.stringContaining(`kill -CONT ${running.pid}`)]);
    running.kill("SIGCONT");
    expect((await stateIn(here, 0)).slice(0, 2)).toEqual(["live", 0]);
    running.kill("SIGKILL");
    await running.ended;
    expect(await stateIn(here, 0)).toEqual([
      "killed",
      1,
      expect.stringContaining(`no process ${running.pid} any more`),
    ]);
    thinking.release();
  });

  test("a runner that is there and renews its lease is quiet however long it thinks; one that does not is frozen", async () => {
    const world = await openReadingWorld();
    const { pid } = await sleeper();
    const tip = await takenBy(world, `${hostname()}:${pid}`, inMs(0), inMs(5 * minute));
    expect((await stateIn(world, 4 * minute)).slice(0, 2)).toEqual(["quiet", 0]);
    expect(await stateIn(world, 6 * minute)).toEqual([
      "frozen",
      1,
      expect.stringContaining("has not renewed its lease"),
    ]);
    const renewal = { epoch: 1, until: inMs(10 * minute).toISOString() };
    await world.append(tip, fact({ ...ada, now: () => inMs(5.5 * minute) }, "lease.renewed", renewal));
    expect((await stateIn(world, 6 * minute)).slice(0, 2)).toEqual(["quiet", 0]);
  });

  test("a process that began after the session was taken is another one", async () => {
    const world = await openReadingWorld();
    const { pid } = await sleeper();
    await takenBy(world, `${hostname()}:${pid}`, inMs(-minute), inMs(4 * minute));
    expect(await stateIn(world, 0)).toEqual(["killed", 1, expect.stringContaining("it is another one")]);
  });

  test("a process that ended, and that its parent has not asked about yet, is gone", async () => {
    const world = await openReadingWorld();
    const parent = spawn("sh", ["-c", "sh -c 'echo $$; read line' <&3 & exec 3<&- >/dev/null; exec sleep 1000"], {
      stdio: ["ignore", "pipe", "ignore", "pipe"],
    });
    onTestFinished(() => void parent.kill("SIGKILL"));
    const out = given(parent.stdout);
    const [line] = await once(out, "data");
    const pid = Number(String(line));
    await takenBy(world, `${hostname()}:${pid}`, inMs(0), inMs(5 * minute));
    expect((await stateIn(world, 0)).slice(0, 2)).toEqual(["live", 0]);
    const ended = once(out.resume(), "end");
    process.kill(pid, "SIGKILL");
    await ended;
    expect((await stateIn(world, 0)).slice(0, 2)).toEqual(["killed", 1]);
  });

  test("on another machine only the lease tells: after its time nobody knows", async () => {
    const world = await openReadingWorld();
    await takenBy(world, "elsewhere:4711", inMs(0), inMs(5 * minute));
    expect((await stateIn(world, 0)).slice(0, 2)).toEqual(["live", 0]);
    expect((await stateIn(world, 2 * minute)).slice(0, 2)).toEqual(["quiet", 0]);
    expect(await stateIn(world, 6 * minute)).toEqual([
      "unknown",
      1,
      expect.stringContaining("Only on its own machine"),
    ]);
  });

  test("nobody holds it: idle", async () => {
    const world = await openReadingWorld();
    await world.turn(await world.open());
    expect(await stateIn(world, 0)).toEqual(["idle", 1, "Nobody holds the session."]);
    expect((await world.offshoot(["session", "is-alive"])).out).toBe("idle\nNobody holds the session.\n");
  });

  test("a workflow run: by its last event, then by what GitHub says of it, where it may be asked", async () => {
    const { github } = await openRunWorld();
    const world = await openReadingWorld();
    await world.git("config", "remote.origin.url", "git@github.com:octo/sample.git");
    const run = runAt(github.world.users.get("maintainer"), world.main);
    github.world.runs.set(run.id, run);
    const url = `https://github.com/octo/sample/actions/runs/${run.id}`;
    const taken = { epoch: 1, holder: "runner-3", run: { id: run.id, attempt: 1, url } };
    await world.append(await world.open(), fact({ ...ada, now: () => inMs(0) }, "lease.taken", taken));
    const asking = { GH_TOKEN: github.tokens.maintainer, GITHUB_API_URL: `${github.world.url}/api/v3` };

    expect((await stateIn(world, 0)).slice(0, 2)).toEqual(["live", 0]);
    expect(await stateIn(world, 2 * minute)).toEqual(["unknown", 1, expect.stringContaining(`Set GH_TOKEN`)]);
    expect(await stateIn(world, 2 * minute, asking)).toEqual(["quiet", 0, expect.stringContaining("in_progress")]);
    run.status = "completed";
    run.conclusion = "cancelled";
    expect(await stateIn(world, 2 * minute, asking)).toEqual(["killed", 1, expect.stringContaining("(cancelled)")]);
    run.status = "in_progress";
    run.attempt = 2;
    expect((await stateIn(world, 2 * minute, asking)).slice(0, 2)).toEqual(["killed", 1]);
    github.world.runs.delete(run.id);
    expect(await stateIn(world, 2 * minute, asking)).toEqual(["unknown", 1, expect.stringContaining(url)]);
    const nobody = { ...asking, GITHUB_API_URL: "http://127.0.0.1:9/api/v3" };
    expect(await stateIn(world, 2 * minute, nobody)).toEqual(["unknown", 1, expect.stringContaining("did not tell")]);
  });

  test("a token goes to the origin's own API if it is GitHub's, never to where the journal says that the run is", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.end();
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" && address?.port}/octo/sample/actions/runs/1`;
    const world = await openReadingWorld();
    const taken = { epoch: 1, holder: "runner-3", run: { id: 1, attempt: 1, url } };
    await world.append(await world.open(), fact({ ...ada, now: () => inMs(0) }, "lease.taken", taken));
    const token = { GH_TOKEN: "a token", GITHUB_API_URL: "http://127.0.0.1:9/api/v3" };
    await world.git("config", "remote.origin.url", "https://github.com/octo/sample.git");
    expect(await stateIn(world, 2 * minute, token)).toEqual(["unknown", 1, expect.stringContaining("did not tell")]);
    await world.git("config", "remote.origin.url", "https://github.example.test/octo/sample.git");
    const unnamed = expect.stringContaining("Set GITHUB_API_URL, so that github.example.test can be asked");
    expect(await stateIn(world, 2 * minute, { GH_TOKEN: "a token" })).toEqual(["unknown", 1, unnamed]);
    await world.git("config", "remote.origin.url", "https://example.test/octo/joe.github.io");
    const untold = expect.stringMatching(/ago\. Look at http:/);
    expect(await stateIn(world, 2 * minute, token)).toEqual(["unknown", 1, untold]);
    expect(asked).toEqual([]);
  });
});
