import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { expect, onTestFinished, test } from "vitest";
import { sampleScript } from "../../playground/sample-script.ts";
import {
  type Deed,
  exec,
  fail,
  gate,
  hold,
  LABEL,
  type Script,
  type ScriptedModel,
  say,
  script,
  startScriptedModel,
  type ToolInput,
} from "../../playground/scripted-model.ts";

test("fixes the sample, adds a test, and does nothing twice", () => {
  const work = checkOutSample();
  expect(work.turn("make the failing test pass")).toContain("`npm test` passes.");
  expect(work.calls()).toEqual(["exec npm test", "read src/parse.js", "edit src/parse.js", "exec npm test"]);
  execFileSync("npm", ["test"], { cwd: work.dir });

  expect(work.turn("also add a test for milliseconds")).toContain("Test milliseconds next to seconds");
  expect(work.turn("add a test again")).toContain("I changed nothing");
});

test("says what it is, in every answer, and shows the files when it does not know the prompt", () => {
  const answer = checkOutSample().turn("what is the meaning of life?");
  expect(answer.startsWith(LABEL)).toBe(true);
  expect(answer).toContain("I do not understand this prompt");
  expect(answer).toContain("package.json");
});

test("does what the first prompt asks for, not what the issue beside it or a steer speaks of", () => {
  const issue = '<data kind="issue" number="1">\nPlease fix the failing test\n</data>\n';
  const prompt = (text: string): Deed => ({ kind: "prompt", text: `${issue}<prompt from="ada">\n${text}\n</prompt>` });
  expect(sampleScript([prompt("hello")])).toEqual(exec("ls").move);
  const tested: Deed = { kind: "call", name: "exec", input: { command: "npm test" }, output: "{}" };
  const steered = sampleScript([prompt("add a test"), tested, prompt("only fix src/")]);
  expect(steered).toMatchObject({ input: { path: "test/parse.test.js" } });
});

test("does not claim success when the tests still fail", () => {
  const deeds: Deed[] = [{ kind: "prompt", text: "add a test" }];
  for (let move = sampleScript(deeds); move.kind === "call"; move = sampleScript(deeds)) {
    deeds.push({ ...move, output: '{"exit_code": 1}' });
  }
  expect(sampleScript(deeds)).toMatchObject({ text: expect.stringContaining("`npm test` still fails") });
});

test("repeats a call that was cut off with its runner", () => {
  const prompt: Deed = { kind: "prompt", text: "fix the bug" };
  for (const output of [null, "interrupted: the runner stopped", '{"error":"interrupted"}', "Error: interrupted"]) {
    const cut: Deed = { kind: "call", name: "exec", input: { command: "npm test" }, output };
    expect(sampleScript([prompt, cut])).toEqual(sampleScript([prompt]));
  }
});

test("speaks both APIs, estimates what a model would have used, and reports errors as a provider does", async () => {
  const client = await serve(script(exec("ls"), say("done")));
  const chat = await client.chat.completions.create({
    model: "scripted",
    messages: [{ role: "user", content: "hello" }],
  });
  const { usage, choices } = chat;
  expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({
    function: { name: "exec", arguments: '{"command":"ls"}' },
  });
  const longer = await client.responses.create({ model: "scripted", input: "hello ".repeat(100) });
  expect(longer.output[0]).toMatchObject({ type: "function_call", name: "exec" });
  expect(usage?.prompt_tokens).toBeGreaterThan(0);
  expect(longer.usage?.input_tokens).toBeGreaterThan(100);
  expect(longer.usage?.output_tokens).toBe(usage?.completion_tokens);

  const down = await serve(script(fail(503, "the provider is down")));
  const request = down.responses.create({ model: "scripted", input: "hello" });
  await expect(request).rejects.toMatchObject({ status: 503 });
});

test("a held step waits until it is released, or the model closes", async () => {
  const [first, second] = [gate(), gate()];
  const model = await startScriptedModel({ script: script(hold(first, exec("ls")), hold(second, say("done"))) });
  const client = clientOf(model);
  const ask = (input: OpenAI.Responses.ResponseInput) => client.responses.create({ model: "scripted", input });
  const asked = ask([{ role: "user", content: "go" }]);
  await first.reached;
  expect(model.requests()).toHaveLength(0);
  first.release();
  const call = (await asked).output.find((item) => item.type === "function_call");
  if (!call) throw new Error("no call came");
  const result = { type: "function_call_output" as const, call_id: call.call_id, output: "README.md" };
  const pending = ask([{ role: "user", content: "go" }, call, result]).catch((error: unknown) => error);
  await second.reached;
  await model.close();
  expect(await pending).toBeInstanceOf(Error);
});

async function serve(what: Script): Promise<OpenAI> {
  const model = await startScriptedModel({ script: what });
  onTestFinished(() => model.close());
  return clientOf(model);
}

function clientOf({ url }: ScriptedModel): OpenAI {
  return new OpenAI({ apiKey: "none", baseURL: url, maxRetries: 0 });
}

/** The sample, and the least that an agent is: does there what the script says, and tells it what came out. */
function checkOutSample() {
  const dir = mkdtempSync(join(tmpdir(), "offshoot-sample-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  cpSync(join(import.meta.dirname, "../../playground/sample"), dir, { recursive: true });
  const deeds: Deed[] = [];
  const turn = (prompt: string): string => {
    deeds.push({ kind: "prompt", text: prompt });
    for (let move = sampleScript(deeds); ; move = sampleScript(deeds)) {
      if (move.kind === "error") throw new Error(move.message);
      if (move.kind === "call") deeds.push({ ...move, output: useTool(dir, move.name, move.input) });
      else {
        deeds.push(move);
        return move.text;
      }
    }
  };
  const calls = () =>
    deeds.flatMap((deed) => (deed.kind === "call" ? [`${deed.name} ${deed.input.command ?? deed.input.path}`] : []));
  return { dir, turn, calls };
}

function useTool(dir: string, name: string, input: ToolInput): string {
  if (name === "exec") {
    const ran = spawnSync("sh", ["-c", String(input.command)], { cwd: dir, encoding: "utf8" });
    return JSON.stringify({ stdout: ran.stdout, exit_code: ran.status });
  }
  const file = join(dir, String(input.path));
  const content = readFileSync(file, "utf8");
  if (name === "read") return content;
  expect(content.split(String(input.old))).toHaveLength(2);
  writeFileSync(
    file,
    content.replace(String(input.old), () => String(input.new)),
  );
  return "edited";
}
