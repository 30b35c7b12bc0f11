import { expect, test } from "vitest";
import { call, exec, say, script } from "../../playground/scripted-model.ts";
import { defaultConfig } from "../../src/config.ts";
import { contextOf } from "../../src/runner/context.ts";
import type { Event } from "../../src/sessions/journal.ts";
import { openRunWorld, scripted } from "./run-world.ts";
import { isAlive, testWith } from "./work-tree.ts";

/** What the model was answered by its tools, in order. */
function answersIn(events: readonly Event[], name: string): unknown[] {
  return events.flatMap((event) =>
    event.type === "message.added" && event.message.role === "tool" && event.message.name === name
      ? [JSON.parse(event.message.output)]
      : [],
  );
}

const inShell = (shell: string, command: string) => call("exec", { shell, command });
const list = call("shell", { action: "list" });

testWith("python3")(
  "DE4, DE6, DE17: the next turn, on another machine, has the shells that the last one left, from the journal alone",
  async () => {
    const steps = [
      call("shell", { action: "start", name: "py", program: "python3" }),
      call("shell", { action: "start", name: "unused" }),
      call("shell", { action: "start", name: "gone" }),
      exec("cd sub; export A='two\nlines'; unset HOME; b=1; false"),
      inShell("py", "import os; os.chdir('sub'); os.environ['P'] = '1'; x = 1"),
      inShell("py", "print(x)"),
      inShell("gone", "cd /; export GONE=1"),
      call("shell", { action: "end", name: "gone" }),
      list,
      say("Set up."),
      list,
      exec('echo "$A" in $(basename $PWD), HOME=$HOME, b=$b'),
      inShell("py", "import os; print(os.path.basename(os.getcwd()), os.environ['P'])\nx"),
      inShell("py", "x = 2"),
      inShell("gone", "pwd"),
      say("Went on."),
    ];
    const world = await openRunWorld({ model: (await scripted(script(...steps))).model });
    await world.run();
    const before = await world.journal();
    await world.ask("go on");
    await world.run();
    const after = (await world.journal()).slice(before.length);

    const [left] = answersIn(before, "shell").slice(-1);
    expect(left).toEqual([
      { shell: "main", cwd: "sub", executions: 1, last_exit_code: 1 },
      { shell: "py", program: "python3", cwd: "sub", executions: 2, last_exit_code: 0 },
      { shell: "unused", cwd: ".", executions: 0, last_exit_code: null },
    ]);
    const byName = (shells: unknown) => new Set(Array.isArray(shells) ? shells : []);
    expect(byName(answersIn(after, "shell")[0])).toEqual(byName(left));
    expect(answersIn(after, "exec")).toMatchObject([
      { stdout: "two\nlines in sub, HOME=, b=\n" },
      {
        stdout: "sub 1\n",
        stderr: expect.stringContaining("NameError: name 'x' is not defined"),
        exit_code: 1,
        note: expect.stringContaining("variables, imports and functions of earlier turns are gone"),
      },
      { exit_code: 0 },
      { stderr: expect.stringContaining("Session not found") },
    ]);

    const history = before.flatMap((event) => (event.type === "command.ran" && event.shell === "py" ? [event] : []));
    expect(history).toMatchObject([
      {
        program: "python3",
        command: expect.stringMatching(/^import os/),
        exit_code: 0,
        cwd: "sub",
        env: { set: { P: "1" } },
      },
      { program: "python3", command: "print(x)", exit_code: 0, cwd: "sub", stdout_bytes: 2 },
    ]);
    expect(contextOf(before).shells).toEqual({
      main: {
        cwd: "sub",
        env: { set: { A: "two\nlines" }, unset: ["HOME"] },
        executions: 1,
        last_exit_code: 1,
      },
      py: { program: "python3", cwd: "sub", env: { set: { P: "1" }, unset: [] }, executions: 2, last_exit_code: 0 },
      unused: { cwd: ".", env: { set: {}, unset: [] }, executions: 0, last_exit_code: null },
    });
  },
);

test("DE17: a shell that was ended and started again is a new one in the next turn, too", async () => {
  const steps = [
    exec("cd sub; export A=1"),
    call("shell", { action: "end", name: "main" }),
    call("shell", { action: "start", name: "main" }),
    list,
    say("Started again."),
    list,
    exec("echo [$A] $(basename $PWD)"),
    say("Looked."),
  ];
  const world = await openRunWorld({ model: (await scripted(script(...steps))).model });
  await world.run();
  await world.ask("look");
  await world.run();
  const fresh = [{ shell: "main", cwd: ".", executions: 0, last_exit_code: null }];
  const events = await world.journal();
  expect(answersIn(events, "shell").slice(-2)).toEqual([fresh, fresh]);
  expect(answersIn(events, "exec").at(-1)).toMatchObject({ stdout: "[] tree\n" });
});

test("DE14, DE18: a turn's terminals and shells are there where the repository asks for them, and gone with the turn", async () => {
  const started = "sleep 95 & echo $!; setsid sleep 96 & echo $!";
  const steps = [
    exec(started),
    call("terminal", { action: "start", command: `${started}; test -t 1 && echo all; cat`, until: "all" }),
    say("Left them running."),
  ];
  const { model, sent } = await scripted(script(...steps));
  const world = await openRunWorld({ model });
  await world.run({ config: { ...defaultConfig, shells: { terminal: true } } });
  const events = await world.journal();
  const [ran, shown] = [...answersIn(events, "exec"), ...answersIn(events, "terminal")];
  expect([ran, shown]).toEqual([
    expect.objectContaining({ stdout: expect.stringMatching(/^\d+\n\d+\n$/) }),
    { screen: expect.stringMatching(/^\d+\n\d+\nall$/) },
  ]);
  const pids =
    JSON.stringify([ran, shown])
      .match(/\d+(?=\\n)/g)
      ?.map(Number) ?? [];
  expect(pids).toHaveLength(4);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(toolsIn(sent[0]).slice(-2)).toEqual(["search", "terminal"]);
});

test("DE15, DE18: the usual turn has no terminals, and its shells have nobody to ask", async () => {
  const { model, sent } = await scripted(
    script(exec("tty; echo $PAGER $GIT_EDITOR $GIT_TERMINAL_PROMPT"), say("None.")),
  );
  const world = await openRunWorld({ model });
  await world.run();
  expect(toolsIn(sent[0])).toEqual(["exec", "shell", "read", "write", "edit", "search"]);
  expect(answersIn(await world.journal(), "exec")).toMatchObject([{ stdout: "not a tty\ncat true 0\n" }]);
});

function toolsIn(body: string | undefined): string[] {
  const parsed: { tools: { name: string }[] } = JSON.parse(body ?? "null");
  return parsed.tools.map(({ name }) => name);
}
