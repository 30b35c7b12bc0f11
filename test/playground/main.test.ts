import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { Octokit } from "@octokit/rest";
import * as v from "valibot";
import { afterEach, expect, test } from "vitest";

const addressesSchema = v.strictObject({
  web: v.string(),
  api: v.string(),
  git: v.string(),
  owner: v.string(),
  repo: v.string(),
  issue: v.number(),
  tokens: v.strictObject({ maintainer: v.string(), outsider: v.string() }),
});

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

test("one JSON line says where everything is; SIGTERM ends it all and leaves nothing", async () => {
  const { child, firstLine, ended, temp } = await start(["--port", "0", "--json"]);
  const at = v.parse(addressesSchema, JSON.parse(await firstLine()));

  const client = new Octokit({ baseUrl: at.api, auth: at.tokens.outsider });
  const issue = await client.rest.issues.get({ owner: at.owner, repo: at.repo, issue_number: at.issue });
  expect(issue.data.title).toContain("250ms");
  expect(execFileSync("git", ["ls-remote", at.git], { encoding: "utf8" })).toContain("refs/heads/main");
  expect(await (await fetch(at.web)).text()).toContain("The model is a script, not an AI.");
  expect(await readdir(temp)).toHaveLength(1);

  child.kill("SIGTERM");
  expect(await ended).toMatchObject({ code: 0, more: "" });
  expect(await readdir(temp)).toEqual([]);
  await expect(fetch(at.web)).rejects.toThrow();
});

test("with a key the provider of the environment is used, and nothing claims to be scripted", async () => {
  const { child, firstLine, ended } = await start(["--port", "0", "--json"], { OPENAI_API_KEY: "sk-something" });
  const at = v.parse(addressesSchema, JSON.parse(await firstLine()));
  expect(await (await fetch(at.web)).text()).not.toContain("script, not an AI");
  const client = new Octokit({ baseUrl: at.api, auth: at.tokens.maintainer });
  const workflow = { owner: at.owner, repo: at.repo, path: ".github/workflows/offshoot.yml" };
  expect((await client.rest.repos.getContent(workflow)).status).toBe(200);
  child.kill("SIGINT");
  expect((await ended).code).toBe(0);
});

test("a port that is taken, or is no port, is an error that names the flag", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  open.push(() => holder.close());
  await once(holder, "listening");
  const address = holder.address();
  const port = typeof address === "object" && address !== null ? String(address.port) : "";
  const taken = await start(["--port", port]);
  expect(await taken.ended).toMatchObject({ code: 1, errors: expect.stringContaining(`Port ${port} is taken`) });
  expect(await readdir(taken.temp)).toEqual([]);

  const wrong = await start(["--port", "http"]);
  expect(await wrong.ended).toMatchObject({ code: 1, errors: expect.stringContaining("--port takes a number") });
  const unknown = await start(["--prot", "1"]);
  expect(await unknown.ended).toMatchObject({ code: 1, errors: expect.stringContaining("Usage: npm start") });
});

/** Starts the playground as `npm start` does, with a temporary folder that nobody else uses. */
async function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const temp = await mkdtemp(join(tmpdir(), "offshoot-main-"));
  open.push(() => rm(temp, { recursive: true }));
  const child = spawn(process.execPath, [join(import.meta.dirname, "../../playground/main.ts"), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: temp, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  open.push(() => child.kill("SIGKILL"));
  const errors = text(child.stderr);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const closed = once(child, "close");
  const rest = async () => {
    const more: string[] = [];
    for (let line = await lines.next(); !line.done; line = await lines.next()) more.push(line.value);
    return more.join("\n");
  };
  const firstLine = async () => {
    const line = await lines.next();
    if (line.done) throw new Error(`The playground did not start:\n${await errors}`);
    return line.value;
  };
  const ended = closed.then(async ([code]) => ({ code, more: await rest(), errors: await errors }));
  return { child, firstLine, ended, temp };
}
