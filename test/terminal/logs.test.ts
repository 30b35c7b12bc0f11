import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { fact } from "../../src/sessions/decide.ts";
import { ada, collector, openReadingWorld, prompt } from "./reading-world.ts";

const linesOf = (text: string) => text.split("\n").slice(0, -1);

describe("offshoot session logs", () => {
  test("one line an event, with its time and step, oldest first", async () => {
    const world = await openReadingWorld();
    const ran = { shell: "main", ms: 40, cwd: "/work", stdout_bytes: 9, stderr_bytes: 0 };
    const command = fact(ada, "command.ran", { turn: 1, step: 1, ...ran, command: "npm\ntest", exit_code: 1 });
    await world.turn(await world.open(), { more: [command] });
    const { out } = await world.offshoot(["session", "logs"]);
    expect(linesOf(out).map((line) => line.replace(/^2026-11-01 \d\d:\d\d:\d\d {2}/, "· "))).toEqual([
      "· ada opened the session: Parser drops the minus sign",
      "· ada asked: make the failing test pass",
      "· run 4711 took the session (epoch 1)",
      "· turn 1 started with openai:gpt-5.5",
      "· turn 1, step 0: the prompt",
      "· turn 1, step 1: ran npm test (exit code 1)",
      "· turn 1, step 1: answered",
      "· turn 1 done: The parser keeps the minus sign now.",
      "· released: nothing left to do",
    ]);
  });

  test("CS10: logs --tail N gives exactly N lines, the last ones, over several appends; all where there are fewer", async () => {
    const world = await openReadingWorld();
    let tip = await world.turn(await world.open());
    for (const text of ["one", "two"]) tip = await world.append(tip, fact(ada, "prompt.queued", prompt(text)));
    const [all, json] = await Promise.all([
      world.offshoot(["session", "logs"]),
      world.offshoot(["session", "logs", "--json"]),
    ]);
    const total = tip.session.seq;
    expect(linesOf(all.out)).toHaveLength(total);
    for (const n of [1, 2, 3, 4, total - 1, total]) {
      const tail = await world.offshoot(["session", "logs", "--tail", String(n)]);
      expect(linesOf(tail.out)).toEqual(linesOf(all.out).slice(-n));
      const jsonTail = await world.offshoot(["session", "logs", "--json", "--tail", String(n)]);
      expect(linesOf(jsonTail.out)).toEqual(linesOf(json.out).slice(-n));
    }
    expect(await world.offshoot(["session", "logs", "--tail", "500"])).toEqual(all);
  });

  test("--json prints the journal's lines exactly as they are stored", async () => {
    const world = await openReadingWorld();
    const { session } = (await world.turn(await world.open())).session;
    const commits = (await world.git("rev-list", "--reverse", `refs/offshoot/sessions/${session}`)).trim().split("\n");
    const stored = await Promise.all(commits.map((commit) => world.git("show", `${commit}:events.jsonl`)));
    expect((await world.offshoot(["session", "logs", "--json"])).out).toBe(stored.join(""));
  });

  test("--follow goes on as events come, and ends when nobody works on the session any more", async () => {
    const world = await openReadingWorld();
    const taken = fact(ada, "lease.taken", { epoch: 1, holder: "there:1", until: "2026-11-01T14:00:00.000Z" });
    const held = await world.append(await world.turn(await world.open()), { ...taken, epoch: 2 });
    const { stream: stdout, text, says } = collector();
    const following = world.offshoot(["session", "logs", "--tail", "1", "--follow"], { stdout });
    await says("there:1 took the session");
    const more = await world.append(held, fact(ada, "stop.requested", {}), fact(ada, "stop.requested", {}));
    await says("asked to stop");
    await world.append(more, fact(ada, "lease.released", { epoch: 2 }));
    expect((await following).code).toBe(0);
    const all = await world.offshoot(["session", "logs"]);
    expect(linesOf(text())).toEqual(linesOf(all.out).slice(-4));
    expect(await world.offshoot(["session", "logs", "--follow"])).toEqual(all);
  });

  test("--follow waits for a prompt that waits, and ends well at Ctrl-C", async () => {
    const world = await openReadingWorld();
    await world.open();
    const { dir: cwd, env } = world;
    const child = spawn(process.execPath, [cli, "session", "logs", "--follow", "--json"], { cwd, env });
    onTestFinished(() => void child.kill("SIGKILL"));
    const closed = once(child, "close");
    await once(child.stdout, "data");
    child.kill("SIGINT");
    expect(await closed).toEqual([0, null]);
  });

  test("a reader that has seen enough ends it without a complaint", async () => {
    const world = await openReadingWorld();
    let tip = await world.open();
    const many = Array.from({ length: 2_000 }, (_, n) =>
      fact(ada, "prompt.queued", prompt(`prompt ${n} ${"x".repeat(80)}`)),
    );
    const [first, ...rest] = many;
    if (first) tip = await world.append(tip, first, ...rest);
    expect(tip.session.seq).toBe(2_002);
    const line = `"${process.execPath}" "${cli}" session logs --json | head -n 1`;
    const { stdout, stderr } = await promisify(execFile)("bash", ["-o", "pipefail", "-c", line], {
      cwd: world.dir,
      env: world.env,
    });
    expect([stdout.split("\n").length, stderr]).toEqual([2, ""]);
  });
});

const cli = join(import.meta.dirname, "..", "..", "src", "cli.ts");
