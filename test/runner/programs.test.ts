import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { baseEnv, isAlive, makeWorkTree, openTestTools, type TestTools, testWith } from "./work-tree.ts";

type Program = "bash" | "python3" | "zsh";

/** Tools with one shell of that program, `sh` runs a script in it. */
async function openProgram(program: Program, options: Parameters<typeof openTestTools>[0] = {}) {
  const tools = openTestTools(options);
  const { output } = await tools.run("shell", { action: "start", name: "it", program });
  expect(JSON.parse(output)).toEqual({ shell: "it", ...inJournal(program) });
  const ran = async (command: string) => (await tools.run("exec", { command, shell: "it" })).happened[0];
  return { ...tools, ran, tree: tools.shells.tree, sh: (script: string) => tools.exec(script, "it") };
}

/** bash goes without saying. */
const inJournal = (program: Program) => (program === "bash" ? {} : { program });

const listed = async (tools: TestTools) => JSON.parse((await tools.run("shell", { action: "list" })).output);

/** The same thing to do, in each language. */
const words = {
  python3: {
    cd: (to: string) => `import os; os.chdir("${to}")`,
    where: "import os; print(os.getcwd())",
    exportA: (value: string) => `import os; os.environ["A"] = ${JSON.stringify(value)}`,
    sayA: 'import os; print(os.environ["A"])',
    exit: (code: number) => `exit(${code})`,
    background: (command: string) => `import subprocess; print(subprocess.Popen("exec ${command}", shell=True).pid)`,
    long: "import os; os.chdir('/'); print('partial'); import time; time.sleep(60)",
    big: "print('x' * 999, end='')",
    readInput: "import sys; print(repr(sys.stdin.read())); input()",
  },
  bash: {
    cd: (to: string) => `cd ${to}`,
    where: "pwd",
    exportA: (value: string) => `export A=$'${value.replace("\n", "\\n")}'`,
    sayA: 'echo "$A"',
    exit: (code: number) => `exit ${code}`,
    background: (command: string) => `${command} & echo $!`,
    long: "cd /; echo partial; sleep 60",
    big: "printf 'x%.0s' {1..999}",
    readInput: "cat; echo \"''\"; read line",
  },
  zsh: {
    cd: (to: string) => `cd ${to}`,
    where: "pwd",
    exportA: (value: string) => `export A=$'${value.replace("\n", "\\n")}'`,
    sayA: "print -r -- $A",
    exit: (code: number) => `exit ${code}`,
    background: (command: string) => `${command} & print $!`,
    long: "cd /; print partial; sleep 60",
    big: "printf 'x%.0s' {1..999}",
    readInput: "cat; print \"''\"; read line",
  },
};

testWith("python3")("DE8: python3: x = 1, then print(x)", async () => {
  const { sh } = await openProgram("python3");
  expect(await sh("x = 1")).toEqual({ stdout: "", stderr: "", exit_code: 0, execution_time_ms: expect.any(Number) });
  expect(await sh("print(x)")).toMatchObject({ stdout: "1\n", stderr: "", exit_code: 0 });
  await sh("import json\ndef double(n):\n    return 2 * n\n");
  expect((await sh("print(json.dumps(double(x)))")).stdout).toBe("2\n");
});

testWith("zsh")("DE8: zsh: variables, arrays and functions live on; options do not", async () => {
  const { sh } = await openProgram("zsh");
  await sh("x=1; typeset -A map=(a b); f() { print f$1; }; setopt errexit xtrace noclobber ksharrays");
  expect(await sh("print $x $map[a]; f 2; false; print $ZSH_NAME")).toMatchObject({
    stdout: "1 b\nf2\nzsh\n",
    stderr: "",
    exit_code: 0,
  });
});

describe.each(["bash", "python3", "zsh"] as const)("%s", (program) => {
  const test = testWith(program);
  const word = words[program];

  test(`DE3, DE4, DE8: ${program} keeps its working directory and exports, and they reach the journal`, async () => {
    const { sh, ran, run, tree } = await openProgram(program);
    mkdirSync(join(tree, "sub"));
    await sh(word.cd("sub"));
    expect((await sh(word.where)).stdout).toBe(`${tree}/sub\n`);
    expect(await ran(word.exportA("two\nlines"))).toEqual({
      type: "command.ran",
      shell: "it",
      ...inJournal(program),
      command: word.exportA("two\nlines"),
      exit_code: 0,
      ms: expect.any(Number),
      cwd: "sub",
      env: { set: { A: "two\nlines" }, unset: [] },
      stdout_bytes: 0,
      stderr_bytes: 0,
    });
    expect((await sh(word.sayA)).stdout).toBe("two\nlines\n");
    expect(await ran(word.sayA)).not.toHaveProperty("env");
    const { output } = await run("shell", { action: "list" });
    expect(JSON.parse(output)).toContainEqual({
      shell: "it",
      ...inJournal(program),
      ...{ cwd: "sub", executions: 5, last_exit_code: 0 },
    });
  });

  test(`DE9, DE16: scripts for ${program} are taken as they are, and their standard input is empty`, async () => {
    const { sh, tree } = await openProgram(program);
    const lines = ["EOF", "'''", "$(touch pwned)", "`x`", "__end__", "\\"];
    const text = lines.join("\n").replaceAll("'", '"');
    const script = program !== "python3" ? `cat <<'STOP'\n${text}\nSTOP` : `print(r'''${text}\n''', end="")`;
    expect((await sh(script)).stdout).toBe(`${text}\n`);
    expect(existsSync(join(tree, "pwned"))).toBe(false);
    expect(await sh(word.readInput)).toMatchObject({ stdout: "''\n", exit_code: 1 });
    expect(await sh(" \n")).toMatchObject({ stderr: "No command provided (stdin is empty)", exit_code: 1 });
  });

  test(`after exit ${program} is replaced by a process with the same cwd and exports`, async () => {
    const { sh } = await openProgram(program);
    const ended = await sh(`${word.cd("/")}\n${word.exportA("1")}\n${word.exit(3)}`);
    expect(ended).toMatchObject({ exit_code: 3, stdout: "", stderr: "" });
    expect(ended.note).toContain("The next command gets a new one with the same working directory");
    expect(ended.note).not.toContain("as they were before it");
    expect((await sh(word.where)).stdout).toBe("/\n");
    expect((await sh(word.sayA)).stdout).toBe("1\n");
  });

  test(`DE13, DE14: background output, time-outs and reaping of ${program}`, async () => {
    const { sh, run, shells } = await openProgram(program, { cap: 100 });
    const job = await sh(word.background("sleep 81"));
    expect(job.note).toContain("A background process is still running");
    const pid = Number(job.stdout);
    expect(isAlive(pid)).toBe(true);
    expect(await sh(word.big)).toMatchObject({
      stdout: expect.stringContaining("899 bytes left out"),
      truncated: { stdout: { bytes: 999 } },
    });
    const late = await run("exec", { command: word.long, shell: "it", timeout_s: 1 });
    expect(JSON.parse(late.output)).toMatchObject({ stdout: "partial\n", exit_code: 124, timed_out: true });
    expect(isAlive(pid)).toBe(false);
    expect((await sh(word.where)).stdout).toBe(`${shells.tree}\n`);
    const other = Number((await sh(word.background("setsid sleep 82"))).stdout);
    expect(isAlive(other)).toBe(true);
    expect((await run("shell", { action: "end", name: "it" })).output).toBe('{"ended":"it"}');
    expect(isAlive(other)).toBe(false);
  });

  test(`no pipe, request or answer of ${program} is visible to what it starts`, async () => {
    const { sh, exec } = await openProgram(program);
    const inProgram = (command: string) =>
      program !== "python3" ? command : `import subprocess; subprocess.run("${command}", shell=True, close_fds=False)`;
    const list = "ls /proc/self/fd; ls -l /proc/self/fd/0 | grep -c /dev/null";
    expect((await sh(inProgram(list))).stdout).toBe((await exec(list)).stdout);
    expect((await sh(inProgram("echo 99 >&3"))).stderr).toMatch(/bad file descriptor/i);
  });

  test(`DE17: ${program} is restored with cwd and exports`, async () => {
    const first = await openProgram(program);
    mkdirSync(join(first.tree, "sub"));
    await first.sh(`${word.cd("sub")}\n${word.exportA("1")}`);
    const restore = JSON.parse(JSON.stringify(first.shells.state()));
    expect(restore.it).toMatchObject({ ...inJournal(program), cwd: "sub", env: { set: { A: "1" }, unset: [] } });
    const second = openTestTools({ restore, tree: first.tree });
    expect(await listed(second)).toEqual(await listed(first));
    const { stdout, note } = await second.exec(`${word.where}\n${word.sayA}`, "it");
    expect(stdout).toBe(`${first.tree}/sub\n1\n`);
    const gone = "variables, imports and functions of earlier turns are gone";
    if (program === "python3") expect(note).toContain(gone);
    else expect(note).toBeUndefined();
    expect((await second.exec(word.where, "it")).note).toBeUndefined();
  });
});

testWith("python3")("DE10: an exception in python3 is a traceback on stderr and exit code 1", async () => {
  const { sh } = await openProgram("python3");
  await sh("def divide(n):\n    return 1 / n");
  expect(await sh("x = 2\ndivide(0)\nx = 3")).toMatchObject({
    exit_code: 1,
    // Newer ones underline the place, too.
    stderr: expect.stringMatching(
      /^Traceback \(most recent call last\):\n {2}File "<command 2>", line 2, in <module>\n {4}divide\(0\)\n.*File "<command 1>", line 2, in divide\n {4}return 1 \/ n\n.*ZeroDivisionError: division by zero\n$/s,
    ),
  });
  expect(await sh("print(x")).toMatchObject({
    exit_code: 1,
    stderr: expect.stringMatching(/line 1\n.*print\(x\n.*\nSyntaxError/s),
  });
  expect((await sh("print(x)")).stdout).toBe("2\n");
});

testWith("python3")("sys.exit with a text writes it and gives 1, as python3 does", async () => {
  const { sh } = await openProgram("python3");
  expect(await sh("import sys; print('a', end=''); sys.exit('no')")).toMatchObject({
    stdout: "a",
    stderr: "no\n",
    exit_code: 1,
  });
  expect(await sh("import os; os.environ['A'] = '1'; os._exit(4)")).toMatchObject({
    exit_code: 4,
    note: expect.stringContaining("as they were before it"),
  });
  expect((await sh("print(os.environ.get('A'))")).stderr).toContain("NameError");
});

testWith("python3")("a python3 script cannot break the shell's own bookkeeping", async () => {
  const { sh, tree } = await openProgram("python3");
  writeFileSync(join(tree, "traceback.py"), "raise SystemExit(9)\n");
  writeFileSync(join(tree, "mine.py"), "found = 1\n");
  await sh("open = len = dict = id = set = print_exception = run = save = line = None");
  await sh("import sys, os, io; sys.stdout = io.StringIO(); sys.stderr = None; os.close(1); sys.__stdout__.close()");
  const pid = (await sh("print(os.getpid())")).stdout;
  await sh("if os.fork() == 0:\n    x = 1\nelse:\n    os.wait()");
  expect((await sh("print(os.getpid())")).stdout).toBe(pid);
  expect(await sh("import mine; print(mine.found, run, __name__); 1/0")).toMatchObject({
    stdout: "1 None __main__\n",
    stderr: expect.stringContaining("ZeroDivisionError"),
  });
  expect(await sh("import os\nos.mkdir('x'); os.chdir('x'); os.rmdir('../x'); print('ü\\udcff')")).toMatchObject({
    stdout: "ü\uFFFD\n",
    exit_code: 0,
  });
});

testWith("zsh")("an error in zsh is a failing command; the shell goes on", async () => {
  const { sh } = await openProgram("zsh");
  for (const wrong of [
    "print *.nomatch",
    "print before\nif then",
    "readonly r=1; r=2",
    "no-such-program",
    "set -u; print $q",
  ]) {
    const { exit_code, stderr } = await sh(`y=1; ${wrong}`);
    expect([wrong, exit_code, stderr]).toEqual([
      wrong,
      expect.toSatisfy((code) => code > 0),
      expect.stringMatching(/./),
    ]);
  }
  await sh("exec >file 2>&1 </dev/zero; print() { :; }; source() { :; }; umask 777; set -- a b; IFS=x");
  expect(await sh("builtin print -r $y; cd /")).toMatchObject({ stdout: "1\n", exit_code: 0 });
  expect((await sh("pwd")).stdout).toBe("/\n");
});

test("DE8: a program that is not installed is named, with what is there", async () => {
  const { outside } = makeWorkTree();
  symlinkSync("/bin/bash", join(outside, "bash"));
  const { run, exec } = openTestTools({ env: { ...baseEnv, PATH: outside } });
  const { output } = await run("shell", { action: "start", name: "z", program: "zsh" });
  expect(output).toBe("zsh is not installed here: it is in no folder of PATH. Installed: bash.");
  expect(await exec("true", "z")).toMatchObject({ stderr: expect.stringContaining("Session not found") });
  const state = { program: "zsh", cwd: ".", env: { set: {}, unset: [] }, executions: 1, last_exit_code: 0 } as const;
  const restored = openTestTools({ env: { ...baseEnv, PATH: outside }, restore: { z: state } });
  expect(await restored.exec("true", "z")).toMatchObject({
    exit_code: 126,
    note: "zsh could not be started: zsh is not installed here: it is in no folder of PATH. Installed: bash.",
  });
});

testWith("python3")("DE8: a name that is taken by another program is not taken over", async () => {
  const { run } = await openProgram("python3");
  const started = async (program?: string) => (await run("shell", { action: "start", name: "it", program })).output;
  expect(await started("bash")).toBe(
    'The shell "it" is open and runs python3. Choose another name, or end it first with {"action":"end","name":"it"}.',
  );
  expect(await started()).toBe('{"shell":"it","program":"python3"}');
  expect((await run("shell", { action: "start", program: "perl" })).output).toContain("The call was not understood");
});

testWith("python3")("DE11: a python3 and a bash run side by side", async () => {
  const { sh, exec, tree } = await openProgram("python3");
  await exec("mkfifo gate");
  const [python, bash] = await Promise.all([
    sh("print(open('gate').read())"),
    exec("cd /; echo go >$OLDPWD/gate; pwd"),
  ]);
  expect([python.stdout, bash.stdout]).toEqual(["go\n\n", "/\n"]);
  expect((await sh("import os; print(os.getcwd())")).stdout).toBe(`${tree}\n`);
});
