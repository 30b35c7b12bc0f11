import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openShells } from "../../src/runner/shells.ts";
import { baseEnv, isAlive, makeWorkTree, openTestShells } from "./work-tree.ts";

test("DE1: start gives an id, and main is open without it", async () => {
  const shells = openTestShells();
  expect(shells.start({})).toEqual({ ok: true, shell: "shell-1" });
  expect(shells.start({})).toEqual({ ok: true, shell: "shell-2" });
  expect(shells.start({ name: "build" })).toEqual({ ok: true, shell: "build" });
  await shells.sh("cd /", "build");
  expect(shells.start({ name: "build" })).toEqual({ ok: true, shell: "build" });
  expect((await shells.sh("pwd", "build")).result.stdout).toBe("/\n");
  expect(shells.list().map(({ shell }) => shell)).toEqual(["main", "shell-1", "shell-2", "build"]);
});

test("DE2, DE10: a command gives stdout, stderr, exit code and time, also when it fails", async () => {
  const shells = openTestShells();
  const { result } = await shells.sh("echo out; echo err >&2; (exit 7)");
  expect(result).toEqual({
    stdout: "out\n",
    stderr: "err\n",
    exit_code: 7,
    execution_time_ms: expect.any(Number),
  });
  expect((await shells.sh("no-such-program")).result).toMatchObject({
    exit_code: 127,
    stderr: expect.stringContaining("no-such-program: command not found"),
  });
});

test("DE3: cd, then pwd", async () => {
  const shells = openTestShells();
  await shells.sh("mkdir -p a/b && cd a/b");
  const { result, ran } = await shells.sh("pwd");
  expect(result.stdout).toBe(`${shells.tree}/a/b\n`);
  expect(ran?.cwd).toBe("a/b");
});

test("exports, variables, functions and open files live on in the shell; options of set do not", async () => {
  const shells = openTestShells();
  await shells.sh("export A=1; b=2; f() { echo f$1; }; exec 5>log; set -euo pipefail");
  const { result } = await shells.sh(
    "echo $A $b $(f 3) $missing; false | true; false; echo on; echo to-log >&5; cat log",
  );
  expect(result).toMatchObject({ stdout: "1 2 f3\non\nto-log\n", exit_code: 0 });
});

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: these are the shell's
test("DE4: a restored shell has the working directory and the exports, on another machine too", async () => {
  const first = openTestShells();
  await first.sh("mkdir sub; cd sub; export ADDED='two\nlines' EMPTY= PATH=$PWD:$PATH; unset HOME; plain=1");
  await first.sh("cd /usr", "main");
  await first.sh("false");
  first.start({ name: "other" });
  const saved = JSON.parse(JSON.stringify(first.state()));
  expect(saved).toEqual({
    main: {
      cwd: "/usr",
      env: {
        set: { ADDED: "two\nlines", EMPTY: "", PATH: `${first.tree}/sub:${baseEnv.PATH}` },
        unset: ["HOME"],
      },
      executions: 3,
      last_exit_code: 1,
    },
    other: { cwd: ".", env: { set: {}, unset: [] }, executions: 0, last_exit_code: null },
  });
  const second = openTestShells({ restore: saved });
  const { result } = await second.sh('pwd; echo "$ADDED"; echo "${EMPTY-none} ${HOME-none} ${plain-none}"');
  expect(result.stdout).toBe("/usr\ntwo\nlines\n none none\n");
  expect(second.state().main).toMatchObject({ env: saved.main.env, executions: 4 });
});

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: these are the shell's
test("DE17: a folder of the work tree is restored by its place in the tree; a missing one is said", async () => {
  const first = openTestShells();
  await first.sh("mkdir -p here gone; cd here");
  await first.sh("cd gone", "main");
  first.start({ name: "g" });
  await first.sh("cd gone", "g");
  const restore = first.state();
  expect([restore.main?.cwd, restore.g?.cwd]).toEqual(["here", "gone"]);
  const second = openTestShells({ restore });
  mkdirSync(join(second.tree, "here"));
  expect((await second.sh("pwd")).result.stdout).toBe(`${second.tree}/here\n`);
  const { result } = await second.sh("pwd", "g");
  expect(result.stdout).toBe(`${second.tree}\n`);
  expect(result.note).toBe("The folder gone is gone; the command ran in the work tree.");
});

test("the journal gets the environment only from a command that changed it", async () => {
  const shells = openTestShells();
  expect((await shells.sh("echo hi")).ran).toEqual({
    shell: "main",
    command: "echo hi",
    cwd: ".",
    stdout_bytes: 3,
    stderr_bytes: 0,
  });
  expect((await shells.sh("export Z=1 A=2")).ran?.env).toEqual({ set: { A: "2", Z: "1" }, unset: [] });
  expect((await shells.sh("echo $A")).ran?.env).toBeUndefined();
  expect((await shells.sh("unset A")).ran?.env).toEqual({ set: { Z: "1" }, unset: [] });
});

test("a variable that bash cannot name is passed on and never taken for unset", async () => {
  const shells = openTestShells({ env: { ...baseEnv, "npm_config_//host/:x": "1" } });
  const { result, ran } = await shells.sh("export A=1; env | grep -c '^npm_config_//host/:x=1$'");
  expect(result.stdout).toBe("1\n");
  expect(ran?.env).toEqual({ set: { A: "1" }, unset: [] });
});

test("DE5, DE12: what cannot be run is answered", async () => {
  const shells = openTestShells();
  expect((await shells.sh(" \n")).result).toMatchObject({
    stderr: "No command provided (stdin is empty)",
    exit_code: 1,
  });
  expect((await shells.sh("pwd", "nope")).result.stderr).toBe(
    'Session not found: there is no open shell "nope". Open shells: main. To open one, call shell with {"action":"start","name":"nope"}.',
  );
  expect(await shells.end({ shell: "main" })).toEqual({ ok: true });
  const { result, ran } = await shells.sh("pwd");
  expect(result.stderr).toContain('Session not found: there is no open shell "main". No shell is open.');
  expect(ran).toBeNull();
  expect(await shells.end({ shell: "main" })).toMatchObject({ ok: false });
  shells.start({ name: "main" });
  expect((await shells.sh("echo again")).result.stdout).toBe("again\n");
});

test("DE6, DE7: list shows each shell's state", async () => {
  const shells = openTestShells();
  await shells.sh("cd /; export A=1; false");
  expect(shells.list()).toEqual([
    { shell: "main", cwd: "/", env: { set: { A: "1" }, unset: [] }, executions: 1, last_exit_code: 1 },
  ]);
});

test("DE9: scripts of many lines, here-documents, and commands that read standard input", async () => {
  const shells = openTestShells();
  const script = ["cat <<'EOF'", 'it\'s "quoted" $HOME `x`', "EOF", "cat", "read -r line || echo none", "# last"];
  expect((await shells.sh(script.join("\n"))).result.stdout).toBe('it\'s "quoted" $HOME `x`\nnone\n');
});

test.each(["$(touch pwned)", "'; touch pwned; '", '"; touch pwned; "', "\n1 2 3\n", "`touch pwned`", "EOF", "\\"])(
  "DE16: the text %j is never part of another shell line",
  async (text) => {
    const shells = openTestShells();
    await shells.sh(`export TEXT=$(cat <<'__end__'\n${text}\n__end__\n)`);
    const restored = openTestShells({ tree: shells.tree, restore: shells.state() });
    expect((await restored.sh('printf %s "$TEXT"')).result.stdout).toBe(text.replace(/\n+$/, ""));
    expect(existsSync(join(shells.tree, "pwned"))).toBe(false);
  },
);

test("a syntax error is a failing command", async () => {
  const shells = openTestShells();
  const { result } = await shells.sh("echo before\nif then");
  expect(result).toMatchObject({ exit_code: 2, stderr: expect.stringContaining("line 2: syntax error") });
  expect((await shells.sh("echo after")).result.stdout).toBe("after\n");
});

test.each([
  ["cd sub; export A=1; exit 3", 3],
  ["set -e; cd sub; export A=1; ( exit 3 ); echo not reached", 3],
  ["cd sub; export A=1; kill -TERM $$", 143],
])("after %j the shell is replaced by one with the same cwd and exports", async (command, code) => {
  const shells = openTestShells();
  mkdirSync(join(shells.tree, "sub"));
  const ended = await shells.sh(command);
  expect(ended.result).toMatchObject({ exit_code: code, stdout: "", note: expect.stringMatching(/^The shell /) });
  expect(ended.ran).toMatchObject({ cwd: "sub", env: { set: { A: "1" } } });
  const { result } = await shells.sh("pwd; echo $A");
  expect(result.stdout).toBe(`${shells.tree}/sub\n1\n`);
  expect(result.note).toBeUndefined();
});

test("exec replaces the shell by a program: its exit code counts, the state is the one before", async () => {
  const shells = openTestShells();
  await shells.sh("export A=1");
  const { result } = await shells.sh("cd /; export A=2; exec bash -c 'echo $A; exit 4'");
  expect(result).toMatchObject({
    stdout: "2\n",
    exit_code: 4,
    note: expect.stringContaining("as they were before it"),
  });
  expect((await shells.sh("pwd; echo $A")).result.stdout).toBe(`${shells.tree}\n1\n`);
});

test("a script cannot break the shell's own bookkeeping by redirecting, tracing or trapping", async () => {
  const shells = openTestShells();
  await shells.sh("exec >file 2>&1 3>&- </dev/zero; set -x; set -- a b; IFS=x; umask 777; set -o noclobber; PS4=boom");
  await shells.sh("trap 'echo trapped' DEBUG; printf() { echo mine; }; read() { false; }");
  const { result } = await shells.sh("trap - DEBUG; cd /; export X=1");
  expect(result.exit_code).toBe(0);
  expect(shells.state().main).toMatchObject({ cwd: "/", env: { set: { X: "1" } } });
  expect((await shells.sh("builtin printf '%s' done")).result.stdout).toContain("done");
});

test("no pipe, request or answer of the shell is visible to a command", async () => {
  const shells = openTestShells();
  const { result } = await shells.sh("ls /proc/self/fd; ls -l /proc/self/fd/0 | grep -c /dev/null");
  expect(result.stdout.split("\n").filter((fd) => fd === "3")).toHaveLength(1);
  const { result: answer } = await shells.sh("echo 99 >&3");
  expect(answer).toMatchObject({ exit_code: 1, stderr: expect.stringContaining("Bad file descriptor") });
});

test("output to /dev/stderr does not lose what was there", async () => {
  const shells = openTestShells();
  const { result } = await shells.sh(
    "echo one >&2; echo two >/dev/stderr; echo three | tee /dev/stderr; echo four >&2",
  );
  expect(result).toMatchObject({ stdout: "three\n", stderr: "one\ntwo\nthree\nfour\n" });
});

test("NUL and bytes that are no UTF-8 come through as text", async () => {
  const shells = openTestShells();
  const { result, ran } = await shells.sh("printf 'a\\0b\\xff\\xfec'; printf '\\xc3' >&2");
  expect(result.stdout).toBe("a\0b\uFFFD\uFFFDc");
  expect([ran?.stdout_bytes, ran?.stderr_bytes]).toEqual([6, 1]);
});

test("a long output keeps its head and tail, and the whole is in a file", async () => {
  const shells = openTestShells({ cap: 100 });
  const { result, ran } = await shells.sh("printf 'ä%.0s' {1..500000}; echo short >&2");
  const file = result.truncated?.stdout?.file ?? "";
  expect(result.truncated).toEqual({ stdout: { bytes: 1_000_000, file } });
  expect(result.stdout).toBe(
    `${"ä".repeat(25)}\n[… 999900 bytes left out; the whole output is in ${file} …]\n${"ä".repeat(25)}`,
  );
  expect(readFileSync(file, "utf8")).toBe("ä".repeat(500_000));
  expect(result.stderr).toBe("short\n");
  expect(ran?.stdout_bytes).toBe(1_000_000);
});

test("a character that the cut splits is left out", async () => {
  const shells = openTestShells({ cap: 101 });
  const { result } = await shells.sh("printf 'x'; printf '€%.0s' {1..100}; printf 'yy'");
  expect(result.stdout).toMatch(/^x€{16}\n\[… 203 bytes left out; .* …\]\n€{16}yy$/);
});

test("a thousand fast commands lose nothing, on either stream", async () => {
  const shells = openTestShells();
  for (let n = 0; n < 1_000; n++) {
    const { result } = await shells.sh(`echo out${n}; echo err${n} >&2`);
    expect(result).toMatchObject({ stdout: `out${n}\n`, stderr: `err${n}\n`, exit_code: 0 });
  }
});

test("DE11: shells run side by side and do not mix", async () => {
  const shells = openTestShells();
  shells.start({ name: "one" });
  shells.start({ name: "two" });
  await shells.sh("mkfifo gate; mkdir one two");
  const [one, two] = await Promise.all([
    shells.sh("cd one; export WHO=one; echo go >../gate; pwd", "one"),
    shells.sh("cd two; export WHO=two; cat ../gate; pwd", "two"),
  ]);
  expect([one.result.stdout, two.result.stdout]).toEqual([`${shells.tree}/one\n`, `go\n${shells.tree}/two\n`]);
  expect((await shells.sh("echo $WHO", "one")).result.stdout).toBe("one\n");
  expect((await shells.sh("echo [$WHO]")).result.stdout).toBe("[]\n");
});

test("commands for one shell wait for each other", async () => {
  const shells = openTestShells();
  const results = await Promise.all(["sleep 0.05; n=1", "n=$((n+1))", "echo $n"].map((command) => shells.sh(command)));
  expect(results[2]?.result.stdout).toBe("2\n");
});

test("DE13: a background job does not hold the command, and its later output does not reach another's", async () => {
  const shells = openTestShells();
  await shells.sh("mkfifo go done");
  const started = await shells.sh("echo now; { read x <go; echo later; echo end >done; } & echo $! >&2");
  expect(started.result).toMatchObject({ stdout: "now\n", note: expect.stringContaining("is still running") });
  const next = await shells.sh("echo x >go; cat done");
  expect(next.result).toMatchObject({ stdout: "end\n", stderr: "" });
  const file = /goes to (\S+) and/.exec(started.result.note ?? "")?.[1] ?? "";
  const kept = await shells.sh(`until grep -q later ${file}; do :; done; cat ${file}`);
  expect(kept.result.stdout).toBe("now\nlater\n");
});

test("many jobs that hold their output do not run out of pipes", async () => {
  const shells = openTestShells();
  for (let n = 0; n < 20; n++) expect((await shells.sh(`sleep 60 & echo ${n}`)).result.stdout).toBe(`${n}\n`);
});

test("a command that takes too long is killed, and the shell is back as before", async () => {
  const shells = openTestShells();
  await shells.sh("export A=1");
  const signal = new AbortController().signal;
  const command = "cd /; export A=2; echo partial; trap '' TERM INT; sleep 60";
  const { result, ran } = await shells.exec({ command, timeoutMs: 1_000, signal });
  expect(result).toMatchObject({ stdout: "partial\n", exit_code: 124, timed_out: true });
  expect(result.note).toContain("killed after 1000 ms");
  expect(ran).toMatchObject({ cwd: ".", stdout_bytes: 8 });
  expect((await shells.sh("pwd; echo $A")).result.stdout).toBe(`${shells.tree}\n1\n`);
});

test("a time-out in one shell leaves the others alone", async () => {
  const shells = openTestShells();
  shells.start({ name: "server" });
  const started = await shells.sh("sleep 60 & echo $!", "server");
  const signal = new AbortController().signal;
  await shells.exec({ command: "sleep 60", timeoutMs: 50, signal });
  expect(isAlive(Number(started.result.stdout))).toBe(true);
});

test("an abort kills the command with everything it started; what waits behind it does not start", async () => {
  const shells = openTestShells();
  shells.start({ name: "watch" });
  await shells.sh("mkfifo started");
  const abort = new AbortController();
  const command = `sleep 61 & echo $! >>pids
    setsid sleep 62 & echo $! >>pids
    (setsid setsid bash -c 'echo $$ >>pids; echo x >started; exec sleep 63' </dev/null >/dev/null 2>&1 &)
    sleep 64`;
  const running = shells.exec({ command, timeoutMs: 30_000, signal: abort.signal });
  const waiting = shells.exec({ command: "touch never", timeoutMs: 30_000, signal: abort.signal });
  await shells.sh("cat started", "watch");
  const pids = readFileSync(join(shells.tree, "pids"), "utf8").trim().split("\n").map(Number);
  expect(pids.map(isAlive)).toEqual([true, true, true]);
  abort.abort();
  const { result } = await running;
  expect(result).toMatchObject({ exit_code: 130, note: expect.stringContaining("stopped from outside") });
  expect(result.timed_out).toBeUndefined();
  expect(pids.filter(isAlive)).toEqual([]);
  expect(await waiting).toMatchObject({ ran: null, result: { stderr: expect.stringContaining("was not run") } });
  expect(existsSync(join(shells.tree, "never"))).toBe(false);
});

test("DE14: no process outlives the turn, however it hides", async () => {
  const shells = openTestShells();
  shells.start({ name: "other" });
  const results = [
    await shells.sh("sleep 71 & echo $!; nohup sleep 72 >/dev/null 2>&1 & echo $!"),
    await shells.sh("(setsid sleep 73 >/dev/null 2>&1 & echo $!)"),
    await shells.sh("(setsid sleep 74 & echo $!); exit 1", "other"),
    await shells.sh("env -i sleep 75 & echo $!"),
  ];
  const pids = results.flatMap(({ result }) => result.stdout.trim().split("\n").map(Number));
  expect(pids.map(isAlive)).toEqual([true, true, true, true, true]);
  expect(await shells.close()).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
});

test("closing in the middle of a command ends it, and what waits behind it is not run", async () => {
  const shells = openTestShells();
  shells.start({ name: "watch" });
  await shells.sh("mkfifo started");
  const running = shells.sh("echo x >started; sleep 60");
  const waiting = shells.sh("touch never");
  await shells.sh("cat started", "watch");
  await shells.close();
  expect((await running).result.exit_code).toBe(137);
  expect((await waiting).result.stderr).toContain("Session not found");
  expect(existsSync(join(shells.tree, "never"))).toBe(false);
});

test("when bash cannot be started, the result says why", async () => {
  const { tree, scratch } = makeWorkTree();
  const shells = openShells({ cwd: tree, env: { PATH: "/nowhere" }, scratch, cap: 1_000 });
  const signal = new AbortController().signal;
  const { result } = await shells.exec({ command: "true", timeoutMs: 1_000, signal });
  expect(result).toMatchObject({ exit_code: 126, note: expect.stringContaining("bash could not be started") });
  expect(await shells.close()).toBe(0);
});

test("a shell whose folder was deleted under it still answers", async () => {
  const shells = openTestShells();
  await shells.sh("mkdir x; cd x");
  rmSync(join(shells.tree, "x"), { recursive: true });
  expect((await shells.sh("echo fine")).result.stdout).toBe("fine\n");
  expect((await shells.sh("exit 0")).result.exit_code).toBe(0);
  expect((await shells.sh("pwd")).result).toMatchObject({ stdout: `${shells.tree}\n`, note: expect.any(String) });
});

test("a command that deletes the shell's own files costs that shell, no more", async () => {
  const shells = openTestShells({ cap: 100 });
  await shells.sh("export A=1");
  const { result } = await shells.sh(`rm -r ${shells.scratch}; seq 1000`);
  expect(result.stdout).toContain("they could not be kept: ENOENT");
  expect(result.truncated).toBeUndefined();
  expect((await shells.sh("echo $A")).result.stderr).toContain("The shell has lost its files");
  expect((await shells.sh("echo $A")).result).toMatchObject({ stdout: "1\n", exit_code: 0 });
});
