import { toJsonSchema } from "@valibot/to-json-schema";
import { expect, test } from "vitest";
import { toolArguments } from "../../src/runner/tool-call.ts";
import { toolSpecs } from "../../src/runner/tool-specs.ts";
import { openTestTools } from "./work-tree.ts";

test("DE15: the tools as the model sees them", () => {
  const specs = toolSpecs({ terminal: false });
  expect(specs.map(({ name }) => name)).toEqual(["exec", "shell", "read", "write", "edit", "search"]);
  expect(specs).toMatchSnapshot();
  expect(JSON.stringify(specs).length).toBeLessThan(3_000);
  expect(JSON.stringify(toolSpecs({ terminal: false }))).toBe(JSON.stringify(specs));
});

test.each(toolSpecs({ terminal: true }))(
  "what the model is told of $name is what is accepted",
  ({ name, parameters }) => {
    const schema = Object.entries(toolArguments).find(([tool]) => tool === name)?.[1];
    if (!schema) throw new Error(`no arguments for ${name}`);
    const { $schema: _, ...accepted } = toJsonSchema(schema);
    const told = JSON.parse(JSON.stringify(parameters), (key, value) => (key === "description" ? undefined : value));
    expect(told).toEqual(accepted);
  },
);

test("DE2, DE10: exec answers with data, and the journal is told what ran", async () => {
  const { run } = openTestTools();
  const { output, happened } = await run("exec", { command: "export A=1; cd /; echo hi; echo no >&2; false" });
  expect(JSON.parse(output)).toEqual({
    stdout: "hi\n",
    stderr: "no\n",
    exit_code: 1,
    execution_time_ms: expect.any(Number),
  });
  expect(happened).toEqual([
    {
      type: "command.ran",
      shell: "main",
      command: "export A=1; cd /; echo hi; echo no >&2; false",
      exit_code: 1,
      ms: JSON.parse(output).execution_time_ms,
      cwd: "/",
      env: { set: { A: "1" }, unset: [] },
      stdout_bytes: 3,
      stderr_bytes: 3,
    },
  ]);
});

test("a command that names no time-out ends at the repository's limit, where that is lower than the usual one", async () => {
  const { run } = openTestTools({ most: 50 });
  const { output } = await run("exec", { command: "sleep 20" });
  expect(JSON.parse(output)).toMatchObject({ exit_code: 124 });
});

test("DE12: an empty command is answered, and leaves no trace in the journal", async () => {
  const { run } = openTestTools();
  const { output, happened } = await run("exec", { command: "" });
  expect(JSON.parse(output).stderr).toBe("No command provided (stdin is empty)");
  expect(happened).toEqual([]);
});

test("long outputs are named to the journal", async () => {
  const { run } = openTestTools({ cap: 10 });
  const { output, happened } = await run("exec", { command: "seq 100; seq 200 >&2" });
  const { truncated } = JSON.parse(output);
  expect(happened).toMatchObject([{ spilled: [truncated.stdout.file, truncated.stderr.file] }]);
  expect((await run("exec", { command: "seq 100" })).happened).toMatchObject([{ spilled: [expect.any(String)] }]);
});

test("a command's own time-out counts, up to the cap", async () => {
  const { run } = openTestTools({ most: 1_500 });
  const timedOut = async (seconds: number) => {
    const { output } = await run("exec", { command: "sleep 60", timeout_s: seconds });
    return JSON.parse(output).note;
  };
  expect(await timedOut(1)).toContain("killed after 1000 ms");
  expect(await timedOut(3_600)).toContain("killed after 1500 ms");
});

test("DE1, DE5, DE7: shells are started, used, listed and ended", async () => {
  const { run } = openTestTools();
  expect((await run("shell", { action: "start", name: "build" })).output).toBe('{"shell":"build"}');
  expect((await run("shell", { action: "start" })).output).toBe('{"shell":"shell-1"}');
  await run("exec", { command: "cd /", shell: "build" });
  expect(JSON.parse((await run("shell", { action: "list" })).output)).toEqual([
    { shell: "main", cwd: ".", executions: 0, last_exit_code: null },
    { shell: "build", cwd: "/", executions: 1, last_exit_code: 0 },
    { shell: "shell-1", cwd: ".", executions: 0, last_exit_code: null },
  ]);
  expect((await run("shell", { action: "end", name: "build" })).output).toBe('{"ended":"build"}');
  expect((await run("shell", { action: "end", name: "build" })).output).toContain("Session not found");
  expect((await run("exec", { command: "pwd", shell: "build" })).output).toContain("Session not found");
  expect((await run("shell", { action: "end" })).output).toContain("`name` is missing");
});

test("DE13: a job that goes on in the background is polled, waited for and killed", async () => {
  const { exec, shells } = openTestTools();
  await exec("mkfifo go");
  const started = await exec("{ read x <go; echo $x; exit 7; } & job=$!; echo started");
  expect(started).toMatchObject({ stdout: "started\n", exit_code: 0 });
  const [, file = ""] = /what it prints goes to (\S+) and/.exec(String(started.note)) ?? [];
  expect(file).toContain(shells.scratch);
  expect((await exec("kill -0 $job && echo running")).stdout).toBe("running\n");
  expect((await exec("echo result >go; wait $job")).exit_code).toBe(7);
  expect((await exec(`until grep result ${file}; do :; done`)).stdout).toBe("result\n");
  await exec("sleep 60 & job=$!");
  expect((await exec("kill $job; wait $job")).exit_code).toBe(143);
});

test("files are written, edited, read and searched, and the journal told", async () => {
  const { run } = openTestTools();
  expect((await run("write", { path: "src/a.ts", content: "const a = 1;\n" })).happened).toEqual([
    { type: "file.changed", path: "src/a.ts", change: "created", bytes: 13 },
  ]);
  expect((await run("edit", { path: "src/a.ts", old: "1", new: "23" })).happened).toEqual([
    { type: "file.changed", path: "src/a.ts", change: "edited", bytes: 14 },
  ]);
  expect(await run("read", { path: "src/a.ts" })).toEqual({
    output: "const a = 23;\n",
    happened: [{ type: "file.read", path: "src/a.ts" }],
  });
  expect(await run("search", { pattern: "a = \\d+" })).toEqual({ output: "src/a.ts:1:const a = 23;", happened: [] });
  expect(await run("read", { path: "/etc/passwd" })).toEqual({
    output: 'Refused: "/etc/passwd" is outside the work tree.',
    happened: [],
  });
});

test.each([
  ["exec", '{"command": "ls"', "The arguments are not JSON"],
  ["exec", "", "The arguments are not JSON"],
  ["exec", "[]", "arguments"],
  ["exec", "null", "arguments"],
  ["exec", "{}", "arguments.command"],
  ["exec", '{"command":7}', "arguments.command"],
  ["exec", '{"command":"ls","cwd":"/"}', "arguments.cwd"],
  ["exec", '{"command":"ls","timeout_s":0}', "arguments.timeout_s"],
  ["read", '{"path":"a","from":1.5}', "arguments.from"],
  ["shell", '{"action":"restart"}', "arguments.action"],
  ["shell", '{"action":"start","name":"../x"}', "arguments.name"],
])("a malformed call of %s with %s is answered with what is wrong and the right form", async (name, json, problem) => {
  const { raw } = openTestTools();
  const { output, happened } = await raw(name, json);
  expect(output).toContain(`The call was not understood: ${problem}`);
  expect(output).toContain(`The arguments of ${name} are a JSON object of this schema: {"type":"object"`);
  expect(happened).toEqual([]);
});

test("an unknown tool is answered with the known ones", async () => {
  const { raw } = openTestTools();
  expect((await raw("bash", "{}")).output).toMatch(
    /received "bash".* The tools are exec, shell, read, write, edit, search\.$/,
  );
});
