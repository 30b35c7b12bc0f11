import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import type { ResponseInputItem } from "openai/resources/responses/responses";
import { afterEach, expect, test } from "vitest";
import { sampleScript } from "../../playground/sample-script.ts";
import {
  type Deed,
  edit,
  exec,
  fail,
  gate,
  hold,
  LABEL,
  type Script,
  say,
  script,
  startScriptedModel,
} from "../../playground/scripted-model.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

test("fixes the sample over the Responses API, then adds a test in a second turn", async () => {
  const work = checkOutSample();
  const model = await talkTo(sampleScript, work);

  const fixed = await model.turn("make the failing test pass");
  expect(fixed.calls).toEqual(["exec npm test", "read src/parse.js", "edit src/parse.js", "exec npm test"]);
  expect(fixed.answer).toContain("`npm test` passes.");
  expect(runTests(work)).toBe(0);

  const before = readFileSync(join(work, "test/parse.test.js"), "utf8");
  const added = await model.turn("also add a test for milliseconds");
  expect(added.answer).toContain("`npm test` passes.");
  expect(readFileSync(join(work, "test/parse.test.js"), "utf8")).not.toBe(before);

  expect((await model.turn("add a test again")).answer).toContain("already");
  expect((await model.turn("document it")).answer).toContain("Document mixed units");
  expect((await model.turn("fix it")).answer).toContain("passes already");
});

test("says what it is, in every answer, and shows the files when it does not know the prompt", async () => {
  const model = await talkTo(sampleScript, checkOutSample());
  const { answer } = await model.turn("what is the meaning of life?");
  expect(answer.startsWith(LABEL)).toBe(true);
  expect(answer).toContain("I do not understand this prompt");
  expect(answer).toContain("package.json");
});

test("does what the prompt asks for, not what the issue beside it speaks of", () => {
  const issue = '<data kind="issue" number="1">\nPlease fix the failing test\n</data>\n';
  const asked = (prompt: string) =>
    sampleScript([{ kind: "prompt", text: `${issue}<prompt from="ada">\n${prompt}\n</prompt>` }]);
  expect(asked("hello")).toMatchObject({ name: "exec", input: { command: "ls" } });
  expect(asked("document this")).toMatchObject({ name: "read", input: { path: "README.md" } });
});

test("does not claim success when the tests still fail", () => {
  const moves: Deed[] = [{ kind: "prompt", text: "add a test" }];
  for (let move = sampleScript(moves); move.kind === "call"; move = sampleScript(moves)) {
    moves.push({ ...move, output: '{"exit_code": 1}' });
  }
  expect(sampleScript(moves)).toMatchObject({ text: expect.stringContaining("`npm test` still fails") });
});

test("repeats a call that was cut off with its runner, and gives the same reply to the same request", () => {
  const prompt: Deed = { kind: "prompt", text: "fix the bug" };
  const tests = sampleScript([prompt]);
  expect(tests).toEqual({ kind: "call", name: "exec", input: { command: "npm test" } });
  for (const output of [null, "interrupted: the runner stopped", '{"error":"interrupted"}', "Error: interrupted"]) {
    expect(sampleScript([prompt, { kind: "call", name: "exec", input: { command: "npm test" }, output }])).toEqual(
      tests,
    );
  }
});

test("a steer in the middle of a turn does not start the plan again", () => {
  const red: Deed = { kind: "call", name: "exec", input: { command: "npm test" }, output: '{"exit_code":1}' };
  const turn: Deed[] = [{ kind: "prompt", text: "fix the bug" }, red, { kind: "prompt", text: "only touch src/" }];
  expect(sampleScript(turn)).toMatchObject({ name: "read" });
});

test("speaks Chat Completions too, and reports errors as a provider does", async () => {
  const model = await startScriptedModel({ script: script(exec("ls"), say("done")) });
  open.push(model.close);
  const client = new OpenAI({ apiKey: "none", baseURL: model.url, maxRetries: 0 });
  const messages = [{ role: "user" as const, content: "hello" }];
  const reply = await client.chat.completions.create({ model: "scripted", messages });
  expect(reply.choices[0]?.message.tool_calls?.[0]).toMatchObject({
    function: { name: "exec", arguments: '{"command":"ls"}' },
  });

  const down = await startScriptedModel({ script: script(fail(503, "the provider is down")) });
  open.push(down.close);
  const unlucky = new OpenAI({ apiKey: "none", baseURL: down.url, maxRetries: 0 });
  await expect(unlucky.responses.create({ model: "scripted", input: "hello" })).rejects.toMatchObject({ status: 503 });
});

test("a held step waits until it is released", async () => {
  const here = gate();
  const model = await talkTo(script(hold(here, exec("ls")), say("done")), checkOutSample());
  const turn = model.turn("go");
  await here.reached;
  expect(model.requests()).toHaveLength(0);
  here.release();
  expect((await turn).calls).toEqual(["exec ls"]);
  expect(model.requests()).toHaveLength(2);
});

test("closes while a step is held", async () => {
  const here = gate();
  const model = await startScriptedModel({ script: script(hold(here, edit("a", "b", "c"))) });
  const client = new OpenAI({ apiKey: "none", baseURL: model.url, maxRetries: 0 });
  const request = client.responses.create({ model: "scripted", input: "hello" }).catch((error: unknown) => error);
  await here.reached;
  await model.close();
  expect(await request).toBeInstanceOf(Error);
});

function checkOutSample(): string {
  const dir = mkdtempSync(join(tmpdir(), "offshoot-sample-"));
  open.push(() => rmSync(dir, { recursive: true }));
  cpSync(join(import.meta.dirname, "../../playground/sample"), dir, { recursive: true });
  return dir;
}

function runTests(dir: string): number | null {
  return spawnSync("npm", ["test"], { cwd: dir }).status;
}

/** The least that an agent is: asks the model over HTTP, does what it says in `dir`, tells it what came out. */
async function talkTo(what: Script, dir: string) {
  const model = await startScriptedModel({ script: what });
  open.push(model.close);
  const client = new OpenAI({ apiKey: "none", baseURL: model.url, maxRetries: 0 });
  const input: ResponseInputItem[] = [];

  async function turn(prompt: string) {
    const calls: string[] = [];
    input.push({ role: "user", content: prompt });
    for (;;) {
      const reply = await client.responses.create({ model: "scripted", input, instructions: "You are an agent." });
      input.push(...reply.output.filter((item) => item.type === "message" || item.type === "function_call"));
      const call = reply.output.find((item) => item.type === "function_call");
      if (!call) return { calls, answer: reply.output_text };
      const args: Record<string, string> = JSON.parse(call.arguments);
      calls.push(`${call.name} ${args.command ?? args.path}`);
      input.push({ type: "function_call_output", call_id: call.call_id, output: useTool(dir, call.name, args) });
    }
  }
  return { turn, requests: model.requests };
}

function useTool(dir: string, name: string, args: Record<string, string>): string {
  if (name === "exec") {
    const ran = spawnSync("sh", ["-c", args.command ?? ""], { cwd: dir, encoding: "utf8" });
    return JSON.stringify({ stdout: ran.stdout, stderr: ran.stderr, exit_code: ran.status, execution_time_ms: 1 });
  }
  const file = join(dir, args.path ?? "");
  const content = readFileSync(file, "utf8");
  if (name === "edit") {
    expect(content.split(args.old ?? "")).toHaveLength(2);
    writeFileSync(
      file,
      content.replace(args.old ?? "", () => args.new ?? ""),
    );
    return "edited";
  }
  return content;
}
