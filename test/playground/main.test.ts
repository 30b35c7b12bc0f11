import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Octokit } from "@octokit/rest";
import * as v from "valibot";
import { expect, onTestFinished, test } from "vitest";

const addressesSchema = v.strictObject({
  web: v.string(),
  api: v.string(),
  git: v.string(),
  owner: v.string(),
  repo: v.string(),
  issue: v.number(),
  tokens: v.strictObject({ maintainer: v.string(), outsider: v.string() }),
});

test("one JSON line says where everything is; SIGTERM ends it all and leaves nothing", async () => {
  const { child, ready, ended, temp } = await start(["--port", "0", "--json"]);
  const at = await ready();
  const client = new Octokit({ baseUrl: at.api, auth: at.tokens.outsider });
  const issue = await client.rest.issues.get({ owner: at.owner, repo: at.repo, issue_number: at.issue });
  expect(issue.data.title).toContain("250ms");
  expect(execFileSync("git", ["ls-remote", at.git], { encoding: "utf8" })).toContain("refs/heads/main");
  expect(await (await fetch(at.web)).text()).toContain("The model is a script, not an AI.");
  expect(await readdir(temp)).toHaveLength(1);

  child.kill("SIGTERM");
  const { code, output } = await ended;
  expect(code).toBe(0);
  expect(output.trimEnd().split("\n")).toHaveLength(1);
  expect(await readdir(temp)).toEqual([]);
  await expect(fetch(at.web)).rejects.toThrow();
});

test("with a key the provider of the environment is used, and nothing claims to be scripted", async () => {
  const { child, ready, ended } = await start(["--port", "0", "--json"], { OPENAI_API_KEY: "sk-something" });
  expect(await (await fetch((await ready()).web)).text()).not.toContain("script, not an AI");
  child.kill("SIGINT");
  expect((await ended).code).toBe(0);
});

test("a port that is taken, or is no port, is an error that names the flag", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void holder.close());
  await once(holder, "listening");
  const address = holder.address();
  const port = typeof address === "object" && address !== null ? String(address.port) : "";
  for (const [args, told] of [
    [["--port", port], `127.0.0.1:${port}`],
    [["--port", "http"], "--port takes a number"],
    [["--prot", "1"], "'--prot'"],
  ] as const) {
    const { ended, temp } = await start(args);
    const { code, errors } = await ended;
    expect(code).toBe(1);
    expect(errors).toContain(told);
    expect(errors).toContain("Usage: npm start");
    expect(await readdir(temp)).toEqual([]);
  }
});

/** Starts the playground as `npm start` does, with a temporary folder that nobody else uses. */
async function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const temp = await mkdtemp(join(tmpdir(), "offshoot-main-"));
  onTestFinished(() => rm(temp, { recursive: true }));
  const child = spawn(process.execPath, [join(import.meta.dirname, "../../playground/main.ts"), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: temp, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [output, errors, closed] = [text(child.stdout), text(child.stderr), once(child, "close")];
  const ready = async () => {
    const [line] = await Promise.race([once(child.stdout, "data"), closed.then(async () => [await errors])]);
    return v.parse(addressesSchema, JSON.parse(String(line)));
  };
  const ended = closed.then(async ([code]) => ({ code, output: await output, errors: await errors }));
  return { child, ready, ended, temp };
}
