import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive, openTestTools, testWith } from "./work-tree.ts";

/** Tools of a repository that has asked for terminals; `terminal` gives what the model reads, as data where it is. */
function openTestTerminals() {
  const tools = openTestTools({ terminal: true });
  const say = async (args: object) => (await tools.run("terminal", args)).output;
  const terminal = async (args: object): Promise<Record<string, unknown>> => {
    const { note, ...look } = JSON.parse(await say(args));
    if (note) throw new Error(`${note} On the screen: ${look.screen}`);
    return look;
  };
  const ended = () => terminal({ action: "read", until: "nothing that any of them says" });
  return { ...tools, tree: tools.shells.tree, say, terminal, ended };
}

test("DE15, DE18: without the opt-in there is no tool for terminals, and a call of it says how there would be", async () => {
  const { specs, run } = openTestTools();
  expect(specs.map(({ name }) => name)).toEqual(["exec", "shell", "read", "write", "edit", "search"]);
  const { output, happened } = await run("terminal", { action: "start", command: "touch started" });
  expect(output).toContain("`terminal = true` under `[shells]` in .github/offshoot.toml");
  expect(happened).toEqual([]);
});

test("DE15, DE18: with the opt-in one tool is added after the usual ones, which are as before", () => {
  const [usual, more] = [openTestTools().specs, openTestTools({ terminal: true }).specs];
  expect(more.slice(0, -1)).toEqual(usual);
  expect(more.at(-1)).toMatchSnapshot();
});

test.each([
  ["tty", /not a tty/],
  ["test -t 0 || test -t 1 || echo none; exec 3<>/dev/tty", /none.*\/dev\/tty/s],
  ["printf 'one\ntwo\n' | $PAGER; git -c core.pager=less --paginate version", /^one\ntwo\ngit version/],
  ["read -p 'Password: ' word; echo got:$word", /got:\n/],
])("DE18: in a shell %j gets no terminal and does not wait for anybody", async (command, said) => {
  const { exec } = openTestTools();
  const { stdout, stderr, timed_out } = await exec(command);
  expect(`${stdout}${stderr}`).toMatch(said);
  expect(timed_out).toBeUndefined();
});

test("DE18: git neither opens an editor nor asks for a password in a shell", async () => {
  const { exec, shells } = openTestTools();
  const git = "git -c user.name=A -c user.email=a@example.com -c core.editor=vim";
  await exec(`git init -q && ${git} commit -q --allow-empty -m one && ${git} commit -q --allow-empty -m two`);
  expect(
    await exec(`${git} rebase -q -i HEAD~1 && ${git} commit -q --allow-empty --amend && git log --format=%s`),
  ).toMatchObject({
    stdout: "two\none\n",
    exit_code: 0,
  });
  writeFileSync(
    join(shells.tree, "server.cjs"),
    "require('http').createServer((_, r) => r.writeHead(401, {'www-authenticate': 'Basic realm=x'}).end()).listen(0, '127.0.0.1', function () { console.log(this.address().port); })",
  );
  const started = await exec("node server.cjs >port & until test -s port; do :; done; cat port");
  expect(await exec(`git ls-remote http://127.0.0.1:${String(started.stdout).trim()}/x.git`)).toMatchObject({
    exit_code: 128,
    stderr: expect.stringContaining("terminal prompts disabled"),
  });
});

test("DE18: a program in a terminal has one, of the size that was asked for, and is answered", async () => {
  const { terminal, ended } = openTestTerminals();
  const command =
    "test -t 0 && test -t 1 && stty size; read -p 'Name: ' name; printf '\\e[1mHello %s\\e[0m\\n' \"$name\"; exit 3";
  const started = await terminal({ action: "start", command, cols: 100, rows: 30, until: "Name:" });
  expect(started).toEqual({ screen: "30 100\nName:" });
  const answered = await terminal({ action: "send", text: "Ada", keys: ["Enter"], until: "Hello" });
  expect(answered.screen).toBe("30 100\nName: Ada\nHello Ada");
  expect(await ended()).toEqual({ screen: "30 100\nName: Ada\nHello Ada", exit_code: 3 });
});

test("DE18: what has scrolled away and what was overwritten is not on the screen", async () => {
  const { terminal } = openTestTerminals();
  const { screen } = await terminal({
    action: "start",
    command: "seq 1 50; printf 'wrong\\rright\\n'; printf '\\e[1;1HTOP'",
    rows: 5,
    until: "TOP",
  });
  expect(screen).toBe("TOP\n49\n50\nright");
});

test("DE18: keys are pressed by name: a line is edited, a program interrupted", async () => {
  const { terminal, ended } = openTestTerminals();
  await terminal({ action: "start", command: "echo ready; cat -v; echo ended", until: "ready" });
  const keys = ["Backspace", "Backspace", "Up", "PageDown", "Escape", "Enter"];
  await terminal({ action: "send", text: "axc", keys, until: "\na^[[A^[[6~^[" });
  await terminal({ action: "send", keys: ["Ctrl-D"], until: "ended" });
  expect(await ended()).toMatchObject({ exit_code: 0 });
  await terminal({ action: "start", command: "printf '\\e[?1h'; echo ready; cat -v", until: "ready" });
  await terminal({ action: "send", keys: ["Up", "Home"], until: "^[OA^[OH" });
  await terminal({ action: "end" });
  expect(await terminal({ action: "start", command: "echo ready; exec cat", until: "ready" })).toEqual({
    screen: "ready",
  });
  await terminal({ action: "send", keys: ["Ctrl-C"] });
  expect(await ended()).toMatchObject({ exit_code: 130 });
});

test("DE18: a program that asks its terminal where the cursor is gets an answer", async () => {
  const { terminal } = openTestTerminals();
  const command = "stty -echo; printf 'four\\e[6n'; read -d R answer; echo; echo -n \"$answer\" | cat -v; cat";
  expect(await terminal({ action: "start", command, until: "1;5" })).toEqual({ screen: "four\n^[[1;5" });
});

test("DE18: without a text to wait for, the screen is shown once it has changed and come to rest", async () => {
  const { terminal } = openTestTerminals();
  expect(await terminal({ action: "start", command: "echo one; read -s; echo two; cat" })).toEqual({ screen: "one" });
  expect(await terminal({ action: "read" })).toEqual({ screen: "one" });
  expect(await terminal({ action: "send", keys: ["Enter"] })).toEqual({ screen: "one\ntwo" });
  const slow = { action: "start", name: "slow", command: "sleep 0.5; echo late; cat" };
  expect(await terminal(slow)).toEqual({ screen: "late" });
});

testWith("vi")("DE18: vi edits a file", async () => {
  const { terminal, ended, tree } = openTestTerminals();
  writeFileSync(join(tree, "a.txt"), "one\ntwo\n");
  const started = await terminal({ action: "start", command: "vi -u NONE a.txt", until: "two" });
  expect(started.screen).toMatch(/^one\ntwo\n~/);
  await terminal({ action: "send", keys: ["Down"] });
  await terminal({ action: "send", text: "Anew", keys: ["Escape"], until: "twonew" });
  await terminal({ action: "send", text: ":wq\n" });
  expect(await ended()).toMatchObject({ exit_code: 0 });
  expect(readFileSync(join(tree, "a.txt"), "utf8")).toBe("one\ntwonew\n");
});

test("DE18: terminals are apart from the shells and from each other", async () => {
  const { terminal, say, exec, run, tree } = openTestTerminals();
  await exec("export A=1; cd /");
  const inBash = await terminal({
    action: "start",
    name: "one",
    command: "echo A:$A PAGER:$PAGER $PWD $TERM; cat",
    cols: 200,
    until: "xterm",
  });
  expect(inBash.screen).toBe(`A: PAGER: ${tree} xterm-256color`);
  await terminal({ action: "start", name: "two", command: "echo two; cat", until: "two" });
  expect((await terminal({ action: "send", name: "one", text: "only here", until: "only here" })).screen).toContain(
    "only here",
  );
  expect((await terminal({ action: "read", name: "two" })).screen).toBe("two");
  expect(
    JSON.parse((await run("shell", { action: "list" })).output).map(({ shell }: { shell: string }) => shell),
  ).toEqual(["main"]);
  expect((await exec("pwd")).stdout).toBe("/\n");
  expect(await say({ action: "start", name: "one", command: "true" })).toBe(
    'The terminal "one" is in use. End it first, or choose another name.',
  );
  expect(await say({ action: "end", name: "one" })).toBe('{"ended":"one"}');
  expect(await say({ action: "send", name: "one", text: "x" })).toBe(
    'There is no terminal "one". To start one, call terminal with {"action":"start","name":"one","command":"…"}.',
  );
});

test.each(["'; touch pwned; '", "$(touch pwned)", '"; touch pwned; "', "`touch pwned`"])(
  "DE16, DE18: the text %j is never part of another line",
  async (text) => {
    const { terminal, exec } = openTestTerminals();
    const command = `cat <<'__end__'\n${text}\n__end__`;
    expect((await terminal({ action: "start", command, until: text })).screen).toBe(text);
    expect((await exec("ls")).stdout).toBe("");
  },
);

test("DE14, DE18: no process outlives the turn that it was started in a terminal of", async () => {
  const { terminal, terminals } = openTestTerminals();
  const command =
    "sleep 91 & echo $!; (setsid sleep 92 >/dev/null 2>&1 & echo $!); env -i sleep 93 & echo $!; echo all; cat";
  const { screen } = await terminal({ action: "start", command, until: "all" });
  const pids = String(screen).split("\n").slice(0, 3).map(Number);
  expect(pids.map(isAlive)).toEqual([true, true, true]);
  expect(await terminals?.close()).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
});

test("DE18: what cannot be done is answered", async () => {
  const { say, terminal, ended, raw } = openTestTerminals();
  expect(await say({ action: "start" })).toContain("`command` is missing");
  expect(await say({ action: "read" })).toContain('There is no terminal "main"');
  expect((await raw("terminal", '{"action":"send","keys":["Return"]}')).output).toContain(
    "The call was not understood: arguments.keys.0",
  );
  expect((await raw("terminal", '{"action":"start","command":"x","cols":0}')).output).toContain("arguments.cols");
  expect(await terminal({ action: "start", command: "no-such-program", cols: 300, until: "found" })).toEqual({
    screen: expect.stringContaining("no-such-program: command not found"),
  });
  expect(await ended()).toMatchObject({ exit_code: 127 });
});
