import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { edit, exec, say, script } from "../../playground/scripted-model.ts";
import { fact } from "../../src/sessions/decide.ts";
import { openClone, temporaryFolder } from "./clone-world.ts";
import { ada, inProcess, openReadingWorld, prompt, type ReadingWorld } from "./reading-world.ts";

/** Every command that reads, and what of a session's it shows. */
const reading = [
  ["list"],
  ["list", "--json"],
  ["show"],
  ["show", "--json"],
  ["result"],
  ["result", "--json"],
  ["logs"],
  ["logs", "--json"],
  ["transcript"],
  ["log"],
  ["diff"],
  ["artifacts"],
  ["checkpoints"],
  ["stats"],
  ["verify"],
  ["is-alive"],
];

async function readAll(cwd: string, env: ReadingWorld["env"], more: readonly string[] = []) {
  const said = [];
  for (const args of reading) said.push([args, await inProcess({ cwd, env }, ["session", ...args, ...more])]);
  return said;
}

test("CA8: everything is read without a model key, a configuration, a token, or a network", async () => {
  const clone = await openClone({
    model: script(exec("seq 1 20000"), edit("src/parse.js", "parse", "parse"), say("Nothing to do.")),
  });
  expect((await clone.offshoot("run", "look at the parser")).code).toBe(0);
  await clone.git("remote", "add", "origin", "https://nobody.invalid/octo/sample.git");
  const bare = { PATH: process.env.PATH ?? "", http_proxy: "http://127.0.0.1:9", https_proxy: "http://127.0.0.1:9" };
  for (const args of reading) {
    const { code, err } = await inProcess({ cwd: clone.dir, env: bare }, ["session", ...args]);
    expect([args, code]).toEqual([args, args[0] === "is-alive" ? 1 : 0]);
    expect(err).not.toMatch(/key|token|could not/i);
  }
  expect((await inProcess({ cwd: clone.dir, env: bare }, ["session", "transcript"])).out).toContain("Nothing to do.");
});

test("WS6: a month later, on another machine, all of it is there: the same words from every command", async () => {
  const world = await openReadingWorld();
  const ran = { shell: "main", ms: 40, cwd: "/work", stdout_bytes: 9, stderr_bytes: 0, spilled: ["long.txt"] };
  const command = fact(ada, "command.ran", { turn: 1, step: 1, ...ran, command: "npm test", exit_code: 1 });
  const script = { more: [command], output: { "long.txt": Buffer.from("long") }, files: { "src/a.js": "1\n" } };
  const tip = await world.turn(await world.open({ thread: 7 }), script);
  await world.append(tip, fact(ada, "prompt.queued", prompt("now the docs")));
  const here = await readAll(world.dir, world.env);
  const other = join(await temporaryFolder(), "other");
  await world.git("clone", "--quiet", world.dir, other);
  const all = ["+refs/offshoot/*:refs/offshoot/*", "+refs/notes/*:refs/notes/*"];
  await world.git("-C", other, "fetch", "--quiet", "origin", ...all);
  await world.git("-C", other, "remote", "remove", "origin");
  expect(await readAll(other, world.env)).toEqual(here);
  expect(JSON.stringify(here)).not.toContain('"code":4');
});

describe("a session that is retired", () => {
  test("is read from the archive like any other, by its id; and is not gone on with", async () => {
    const world = await openReadingWorld();
    const tip = await world.turn(await world.open(), { files: { "src/a.js": "1\n" } });
    const { session } = tip.session;
    const retired = await world.append(tip, fact(ada, "session.retired", {}));
    const live = await readAll(world.dir, world.env, []);
    await archive(world, retired.commit, session);
    const words = (said: typeof live) => said.filter(([args]) => !String(args).startsWith("list"));
    const fromArchive = [];
    for (const [args] of words(live)) {
      const asked = ["session", ...(args as readonly string[]), "-s", session.slice(0, 12)];
      fromArchive.push([args, await inProcess({ cwd: world.dir, env: world.env }, asked)]);
    }
    expect(fromArchive).toEqual(words(live));
    const listed = await world.offshoot(["session", "list", "--status", "retired"]);
    expect(listed.out).toMatch(new RegExp(`^${session} {2}retired `));
    const stop = await world.offshoot(["session", "stop", "-s", session]);
    expect(stop).toMatchObject({ code: 3, out: "" });
    expect(stop.err).toContain(`Session ${session} is retired.`);
  });
});

/** As retiring leaves it: the archive names the session and has its notes, its own refs are gone. */
async function archive({ git, repository }: ReadingWorld, tip: string, session: string): Promise<void> {
  const [state] = await repository.read([`${tip}:state.toml`]);
  const who = { name: "a", email: "a@b", at: new Date("2026-11-02T12:00:00Z") };
  const entry = Buffer.from(`tip = "${tip}"\n${state}`);
  const parents = [await repository.resolve(tip)].flatMap((commit) => commit ?? []);
  const about = { author: who, committer: who, message: "archive" };
  const commit = await repository.commit({ ...about, parents, tree: { [`${session}.toml`]: entry } });
  await git("update-ref", "refs/offshoot/archive", commit);
  await git("update-ref", "refs/notes/offshoot/archive", `refs/notes/offshoot/${session}`);
  await git("update-ref", "-d", `refs/notes/offshoot/${session}`);
  await git("update-ref", "-d", `refs/offshoot/sessions/${session}`);
}
