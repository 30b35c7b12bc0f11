import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { edit, exec, fail, gate, hold, say, script, write } from "../../playground/scripted-model.ts";
import { runSession } from "../../src/runner/run.ts";
import { refOf } from "../../src/sessions/store.ts";
import { client } from "./machine.ts";
import { openRunWorld, type RunWorld, scripted } from "./run-world.ts";

const branchRef = ({ branch }: RunWorld) => refOf.branch(branch);

/** The notices of an answer. */
const notices = (answer: string | undefined) => answer?.match(/(?<=> \[!NOTE\]\n> ).*/g) ?? [];

const plain = (world: RunWorld, text: string) =>
  text.replaceAll(world.branch, "<branch>").replaceAll(/\b[0-9a-f]{7,40}\b/g, "<sha>");

test("a turn that wrote: a commit, a note, a draft pull request; later turns go on with the same one", async () => {
  const { model } = await scripted(
    script(
      exec("echo done > new.txt"),
      edit("a.txt", "a", "b"),
      say("Make a into b\n\nIt was an a."),
      write("c.txt", "c\n"),
      say("Add c\n\nThere was no c."),
    ),
  );
  const world = await openRunWorld({ model });
  await world.run();
  const [first] = await world.events("turn.ended");
  const commit = first?.commit ?? "";
  expect(await world.tip(branchRef(world))).toBe(commit);
  expect(
    (await world.bare.raw(["log", "-1", "--format=%P%n%an <%ae>%n%B", commit])).replace(world.session, "<ULID>"),
  ).toMatchInlineSnapshot(`
    "cb17e921d6134d562e001635d32d35cc9928099b
    offshoot[bot] <600004+offshoot[bot]@users.noreply.github.com>
    (scripted model, not an AI) Make a into b

    Asked at https://github.test/octo/sample/issues/1#issuecomment-1

    Co-authored-by: maintainer <600002+maintainer@users.noreply.github.com>
    Offshoot-Session: <ULID>
    Offshoot-Turn: 1

    "
  `);
  expect(await world.read(commit, "new.txt")).toBe("done\n");

  const note = await world.bare.raw(["notes", `--ref=${refOf.notes(world.session)}`, "show", commit]);
  expect(
    note
      .replaceAll(world.session, "<ULID>")
      .replace(/(input|output) = \d+/g, "$1 = <tokens>")
      .replace(/at = ".*"/, 'at = "<time>"'),
  ).toMatchInlineSnapshot(`
    "session = "<ULID>"
    turn = 1
    model = "openai:gpt-test"
    at = "<time>"
    prompt = "make a into b"
    answer = "(scripted model, not an AI) Make a into b\\n\\nIt was an a."
    commands = [ "echo done > new.txt (exit code 0)" ]
    journal = "refs/offshoot/sessions/<ULID>"

    [usage]
    input = <tokens>
    output = <tokens>
    "
  `);

  const issue = world.pull();
  expect(issue).toMatchObject({ title: expect.stringContaining("Make a into b"), pull: { draft: true, base: "main" } });
  expect(issue?.body).toContain("It was an a.");
  expect(world.answers()[0]).toContain("Make a into b");
  expect(world.answers()[0]).toContain(`[#${issue?.number}]`);

  // A person writes around what is ours, and asks for more there.
  const person = client(world.github.world.url, world.github.tokens.maintainer);
  const at = { owner: "octo", repo: "sample", pull_number: issue?.number ?? 0 };
  await person.rest.pulls.update({ ...at, body: `Read this first.\n\n${issue?.body}\n\nThanks!`, title: "My title" });
  await world.ask("add c", issue?.number);
  await world.run();
  const commits = await world.bare.raw(["rev-list", "--count", `${world.main}..${branchRef(world)}`]);
  expect(commits.trim()).toBe("2");
  expect(world.pull()?.number).toBe(issue?.number);
  expect(world.pull()?.title).toBe("My title");
  expect(world.pull()?.body).toMatch(/^Read this first\.[\s\S]*It was an a\.[\s\S]*There was no c\.[\s\S]*Thanks!$/);
  expect(world.answers(issue?.number)).toEqual([expect.stringContaining("Add c")]);
  expect(world.answers()).toHaveLength(1);
});

test("WS12: a turn that wrote nothing leaves no branch and no pull request, only the answer", async () => {
  const { model } = await scripted(script(exec("cat a.txt"), say("a.txt says a")));
  const world = await openRunWorld({ model });
  await world.run();
  expect(world.answers()).toEqual([expect.stringContaining("a.txt says a")]);
  expect(world.answers()[0]).toContain("no files changed");
  const refs = await world.bare.refs("refs/");
  expect([...refs.keys()].filter((ref) => ref.includes(world.session) || ref.includes(world.branch))).toEqual([
    refOf.session(world.session),
  ]);
  expect(world.pull()).toBeUndefined();
});

test("the model fails after some edits: the work is pushed all the same, and the answer says what to do", async () => {
  const { model } = await scripted(script(write("half.txt", "half\n"), fail(401, "Incorrect API key provided")));
  const world = await openRunWorld({ model });
  await world.run();
  const [ended] = await world.events("turn.ended");
  expect(ended).toMatchObject({ outcome: "failed", problem: { kind: "unauthorized" } });
  expect(await world.read(branchRef(world), "half.txt")).toBe("half\n");
  expect(world.answers()[0]).toMatch(/This did not work\.[\s\S]*What to do: [\s\S]*kept in the commit/);
  expect(world.pull()).toBeDefined();
  expect((await world.state()).queue).toMatchObject([{ status: "failed" }]);
});

test.each(["closed", "merged and its branch deleted"])(
  "a pull request that was %s: the next work has a new one, and the answer links it",
  async (how) => {
    const { model } = await scripted(
      script(write("c.txt", "c"), say("Wrote c."), say("Looked."), write("d.txt", "d"), say("Wrote d.")),
    );
    const world = await openRunWorld({ model });
    await world.run();
    const first = world.pull()?.number ?? 0;
    const person = client(world.github.world.url, world.github.tokens.maintainer);
    await person.rest.pulls.update({ owner: "octo", repo: "sample", pull_number: first, state: "closed" });
    if (how !== "closed") await world.push(branchRef(world), null);
    await world.ask("look");
    await world.run();
    expect(world.pull()).toBeUndefined();

    await world.ask("write d");
    await world.run();
    const second = world.pull()?.number ?? 0;
    expect(second).toBeGreaterThan(first);
    expect(world.answers().at(-1)).toContain(`pull request [#${second}]`);
    expect(await world.store.thread(second)).toMatchObject({ sessions: [world.session] });
  },
);

test("a repository that forbids Actions to open pull requests: a link where a person can", async () => {
  const { model } = await scripted(script(write("c.txt", "c"), say("Wrote c.")));
  const world = await openRunWorld({ model });
  world.github.faults.failNext("POST", /\/pulls$/, 403);
  await world.run();
  expect(world.pull()).toBeUndefined();
  expect(world.answers()[0]).toMatch(
    /pull request \[open it here\]\(http:.*\/octo\/sample\/compare\/main\.\.\.offshoot/,
  );
});

test("a branch that is gone before its pull request is opened: the answer comes all the same", async () => {
  const { model } = await scripted(script(write("c.txt", "c"), say("Wrote c.")));
  const world = await openRunWorld({ model });
  world.github.faults.failNext("POST", /\/pulls$/, 422);
  await world.run();
  expect(world.answers()).toEqual([expect.stringContaining("Wrote c.")]);
  expect(world.answers()[0]).toContain("/octo/sample/compare/main...offshoot");
});

test("an issue that is gone: the work is there, and the session is done with it", async () => {
  const { model } = await scripted(script(write("c.txt", "c"), say("Wrote c.")));
  const world = await openRunWorld({ model });
  const logged: string[] = [];
  const gone = new RegExp(`/issues/${world.thread}/comments`);
  for (const _ of [1, 2]) world.github.faults.failNext("GET", gone, 404);
  world.github.faults.failNext("POST", gone, 410);
  await world.run({ log: (message) => logged.push(message) });
  expect(await world.read(branchRef(world), "c.txt")).toBe("c");
  expect((await world.state()).lease).toBeUndefined();
  expect(logged.filter((line) => line.startsWith("The answer could not be posted"))).toHaveLength(1);
  expect(world.answers()).toEqual([]);
});

test.each([403, 422])(
  "an answer that GitHub refuses for good (%i): it is logged, and the next prompt has its answer",
  async (status) => {
    const { model } = await scripted(script(say("Looked once."), say("Looked twice.")));
    const world = await openRunWorld({ model });
    const logged: string[] = [];
    const comments = new RegExp(`/issues/${world.thread}/comments$`);
    for (const _ of ["the status", "the answer"]) world.github.faults.failNext("POST", comments, status);
    await world.run({ log: (message) => logged.push(message) });
    expect(logged.filter((line) => line.startsWith("The answer could not be posted"))).toHaveLength(1);
    expect((await world.state()).lease).toBeUndefined();
    await world.ask("look again");
    await world.run();
    expect(world.answers()).toEqual([expect.stringContaining("Looked twice.")]);
  },
);

test("many files that cannot be taken: the answer names some of them, and says how many more", async () => {
  const { model } = await scripted(script(exec("for n in $(seq 25); do git init -q nested-$n; done"), say("Made 25.")));
  const world = await openRunWorld({ model });
  await world.run();
  const told = notices(world.answers()[0]);
  expect(told).toHaveLength(21);
  expect(told.at(-1)).toBe("Not all files could be taken into the commit: and 5 more.");
});

/** A turn in which somebody does `meanwhile`, after the agent has made a into b and before it answers. */
async function turnWith(world: RunWorld, meanwhile: () => Promise<unknown>) {
  const thinking = gate();
  const { model } = await scripted(script(edit("a.txt", "a", "b"), hold(thinking, say("Made a into b"))));
  const run = world.run({ model });
  await thinking.reached;
  await meanwhile();
  thinking.release();
  await run;
  return world.answers().at(-1);
}

const base = { "a.txt": "a\n", "b.txt": "b\n", "sub/.gitkeep": "", ".gitignore": "ignored/\n" };

test("others push to the branch while a turn runs: the work goes on top of theirs", async () => {
  const world = await openRunWorld({ onBranch: "feature-pushed" });
  let theirs = "";
  const answer = await turnWith(world, async () => {
    theirs = await world.push(branchRef(world), { parent: world.main, files: { ...base, "b.txt": "theirs\n" } });
  });
  expect(notices(answer)).toEqual([
    "`feature-pushed` was pushed to by someone while this turn ran; its own changes were put on top of what is there.",
  ]);
  const tip = await world.tip(branchRef(world));
  expect(await world.bare.raw(["rev-parse", `${tip}^`])).toBe(`${theirs}\n`);
  expect([await world.read(tip ?? "", "a.txt"), await world.read(tip ?? "", "b.txt")]).toEqual(["b\n", "theirs\n"]);
  expect((await world.state()).head).toBe(tip);
  expect(world.pull()).toBeUndefined();
});

test("others push what conflicts: theirs stands, the work is kept aside, and the next turn stands on theirs", async () => {
  const world = await openRunWorld({ onBranch: "feature-conflict" });
  let theirs = "";
  const answer = await turnWith(world, async () => {
    theirs = await world.push(branchRef(world), { parent: world.main, files: { ...base, "a.txt": "theirs\n" } });
  });
  expect(notices(answer)).toEqual([
    "While this turn ran, `feature-conflict` was pushed to by someone, in conflict with it (`a.txt`). What is there stands; this turn's work is on `feature-conflict-turn-1`. Merge it by hand, or comment `/agent` and say what to take over.",
  ]);
  expect(await world.tip(branchRef(world))).toBe(theirs);
  expect(await world.read("refs/heads/feature-conflict-turn-1", "a.txt")).toBe("b\n");

  await world.ask("take over mine");
  const { model } = await scripted(script(exec("cat a.txt"), say("Looked.")));
  await world.run({ model });
  expect(notices(world.answers().at(-1))[0]).toMatch(/^Others pushed to `feature-conflict`; this turn stands on their/);
});

test("a branch that is force-pushed while a turn runs: what was dropped stays dropped", async () => {
  const world = await openRunWorld({ onBranch: "feature-forced" });
  await world.push(branchRef(world), { parent: world.main, files: { ...base, "dropped.txt": "dropped\n" } });
  const answer = await turnWith(world, () =>
    world.push(branchRef(world), { parent: world.main, files: { ...base, "b.txt": "rewritten\n" } }),
  );
  expect(notices(answer).at(-1)).toBe(
    "`feature-forced` was force-pushed by someone while this turn ran; its own changes were put on top of what is there.",
  );
  const tip = branchRef(world);
  expect(await world.read(tip, "dropped.txt")).toBeNull();
  expect([await world.read(tip, "a.txt"), await world.read(tip, "b.txt")]).toEqual(["b\n", "rewritten\n"]);
});

test("a branch that is force-pushed with what conflicts: the work is kept aside, whole", async () => {
  const world = await openRunWorld({ onBranch: "feature-rewritten" });
  const first = await world.push(branchRef(world), { parent: world.main, files: { ...base, "old.txt": "old\n" } });
  const answer = await turnWith(world, () =>
    world.push(branchRef(world), { parent: world.main, files: { ...base, "a.txt": "rewritten\n" } }),
  );
  expect(notices(answer).at(-1)).toContain(
    "`feature-rewritten` was force-pushed by someone, in conflict with it (`a.txt`).",
  );
  expect(await world.read(branchRef(world), "a.txt")).toBe("rewritten\n");
  const aside = await world.tip("refs/heads/feature-rewritten-turn-1");
  expect(await world.bare.raw(["rev-parse", `${aside}^`])).toBe(`${first}\n`);
  expect(await world.read(aside ?? "", "a.txt")).toBe("b\n");
});

test("a branch that is deleted: before the turn it starts again from main, during the turn it comes back", async () => {
  const { model } = await scripted(script(write("c.txt", "c"), say("Wrote c.")));
  const world = await openRunWorld({ model });
  await world.run();
  await world.push(branchRef(world), null);
  await world.ask("go on");
  const before = await turnWith(world, async () => undefined);
  expect(notices(before).map((notice) => plain(world, notice))).toEqual([
    "`<branch>` was deleted by someone. This turn started again from `main`.",
  ]);
  expect(await world.read(branchRef(world), "c.txt")).toBeNull();

  await world.ask("go on");
  const thinking = gate();
  const other = await scripted(script(write("d.txt", "d"), hold(thinking, say("Wrote d."))));
  const run = world.run({ model: other.model });
  await thinking.reached;
  await world.push(branchRef(world), null);
  thinking.release();
  await run;
  expect(notices(world.answers().at(-1)).map((notice) => plain(world, notice))).toEqual([
    "`<branch>` was deleted by someone and is there again with this work.",
  ]);
  expect([await world.read(branchRef(world), "a.txt"), await world.read(branchRef(world), "d.txt")]).toEqual([
    "b\n",
    "d",
  ]);
});

test("neither the branch nor the one it came from is there: the turn starts from where the session began", async () => {
  const { model } = await scripted(script(write("c.txt", "c"), say("Wrote c."), write("d.txt", "d"), say("Wrote d.")));
  const world = await openRunWorld({ model });
  await world.run();
  await world.push(branchRef(world), null);
  await world.push("refs/heads/main", null);
  await world.ask("go on");
  await world.run();
  expect(plain(world, notices(world.answers().at(-1))[0] ?? "")).toBe(
    "`<branch>` and `main` were deleted by someone. This turn started again from `<sha>`, where the session began.",
  );
  const parent = await world.bare.raw(["rev-parse", `${branchRef(world)}^`]);
  expect(parent).toBe(`${world.main}\n`);
});

test("a branch that is pushed to at every try: the work is kept aside", async () => {
  const world = await openRunWorld({ onBranch: "feature-busy" });
  const { model } = await scripted(script(edit("a.txt", "a", "b"), say("Made a into b")));
  const machine = await world.machine({ model });
  let pushes = 0;
  const store = {
    ...machine.store,
    append: async (append: Parameters<typeof machine.store.append>[0]) => {
      if (append.refs.some(({ ref }) => ref === branchRef(world))) {
        pushes += 1;
        const parent = (await world.tip(branchRef(world))) ?? world.main;
        await world.push(branchRef(world), { parent, files: { ...base, "b.txt": `${pushes}\n` } });
      }
      return machine.store.append(append);
    },
  };
  await runSession({ ...machine, store });
  expect(pushes).toBe(3);
  expect(await world.read(branchRef(world), "b.txt")).toBe("3\n");
  expect(await world.read("refs/heads/feature-busy-turn-1", "a.txt")).toBe("b\n");
  expect(notices(world.answers()[0])[0]).toContain("`feature-busy` is pushed to all the time.");
});

test("an empty repository that the agent made within the tree: it is left out, and said; the rest is delivered", async () => {
  const command = "git init -q nested && echo x > nested/x && echo y > y.txt";
  const { model } = await scripted(script(exec(command), exec("true"), say("Made y.")));
  const world = await openRunWorld({ model });
  await world.run({ saveEveryMs: 0 });
  expect(notices(world.answers()[0])).toEqual([
    "Not all files could be taken into the commit: 'nested/' does not have a commit checked out.",
  ]);
  expect(await world.read(branchRef(world), "y.txt")).toBe("y\n");
  expect((await world.state()).lease).toBeUndefined();
});

test("a repository with commits that the agent made within the tree: it is left out, and said; submodules stay", async () => {
  const world = await openRunWorld({ onBranch: "feature-nested" });
  const link = `160000 commit ${world.main}\tsubmodule\n`;
  const [index, who] = [join(world.bare.dir, "index-nested"), { name: "nobody", email: "nobody@example.com" }];
  await world.bare.raw(["read-tree", world.main], { GIT_INDEX_FILE: index });
  await world.bare.raw(["update-index", "--add", "--cacheinfo", `160000,${world.main},submodule`], {
    GIT_INDEX_FILE: index,
  });
  const tree = (await world.bare.raw(["write-tree"], { GIT_INDEX_FILE: index })).trim();
  const by = { ...who, at: new Date(0) };
  const tip = await world.bare.commit({ parents: [world.main], author: by, committer: by, message: "link", tree });
  await world.bare.raw(["update-ref", branchRef(world), tip]);
  const command =
    "git init -q 'my lib' && cd 'my lib' && echo x > x && git add x && git -c user.name=a -c user.email=a@b commit -qm x && echo y > ../y.txt";
  const { model } = await scripted(script(exec(command), exec("true"), say("Made y.")));
  await world.run({ model, saveEveryMs: 0 });
  expect(notices(world.answers()[0])).toContain(
    "Not all files could be taken into the commit: 'my lib/' is a git repository of its own.",
  );
  const delivered = await world.bare.raw(["ls-tree", "--name-only", branchRef(world)]);
  expect(delivered).not.toContain("my lib");
  expect(delivered).toContain("y.txt");
  expect(await world.bare.raw(["ls-tree", branchRef(world), "submodule"])).toBe(link);
});

/** The remote refuses refs that the shell patterns match. Returns what makes it take all again. */
async function refuse(world: RunWorld, ...patterns: string[]) {
  const hook = join(world.bare.dir, "hooks", "update");
  const says = 'echo "workflows may not be changed" >&2; exit 1';
  await writeFile(hook, `#!/bin/sh\ncase "$1" in ${patterns.join("|")}) ${says};; esac\n`, { mode: 0o755 });
  const relent = () => writeFile(hook, "#!/bin/sh\n", { mode: 0o755 });
  onTestFinished(relent);
  return relent;
}

test("a branch that does not take the work: it is kept aside, and the answer gives git's reason", async () => {
  const { model } = await scripted(script(write("c.txt", "c"), say("Wrote c.")));
  const world = await openRunWorld({ model });
  await refuse(world, branchRef(world));
  await world.run();
  expect(await world.tip(branchRef(world))).toBeNull();
  expect(await world.read(`${branchRef(world)}-turn-1`, "c.txt")).toBe("c");
  const [notice = ""] = notices(world.answers()[0]);
  expect(plain(world, notice)).toMatch(
    /^While this turn ran, `<branch>` did not take this turn's work \(.*workflows may not be changed.*this turn's work is on `<branch>-turn-1`/,
  );
});

test("a remote that takes the work on no branch: a person can fetch it, until the next turn is saved", async () => {
  const { model } = await scripted(
    script(
      write("c.txt", "c"),
      say("Wrote c."),
      say("Just looked."),
      write("d.txt", "d"),
      exec("true"),
      say("Wrote d."),
    ),
  );
  const world = await openRunWorld({ model });
  const relent = await refuse(world, "refs/heads/*");
  await world.run();
  await relent();
  const wip = refOf.wip(world.session);
  const kept = await world.tip(wip);
  expect(await world.read(wip, "c.txt")).toBe("c");
  expect(world.answers()[0]).toContain(`commit ${kept} has its last snapshot: \`git fetch origin ${wip}\``);

  await world.ask("look");
  await world.run();
  expect(await world.tip(wip)).toBe(kept);
  await world.ask("write d");
  await world.run({ saveEveryMs: 0 });
  expect(await world.events("work.saved")).not.toEqual([]);
  expect(await world.tip(wip)).toBeNull();
  expect(await world.read(branchRef(world), "d.txt")).toBe("d");
});

test("a remote that refuses the work: only the journal is saved, the turn ends, and the answer gives git's reason", async () => {
  const { model } = await scripted(script(write("c.txt", "c"), say("Wrote c.")));
  const world = await openRunWorld({ model });
  const relent = await refuse(world, `*${world.branch}*`, `*wip/${world.session}*`);
  const logged: string[] = [];
  await world.run({ saveEveryMs: 0, log: (message) => logged.push(message) });
  await relent();
  expect(logged.some((line) => line.startsWith("The work of this turn is not saved yet: "))).toBe(true);
  const appends = (await world.store.journal(world.session)).map(({ events }) => events.map(({ type }) => type));
  expect(appends.find((types) => types.includes("file.changed"))).toEqual(["file.changed", "message.added"]);
  const [ended] = await world.events("turn.ended");
  expect(ended).toMatchObject({
    outcome: "failed",
    problem: { kind: "push-refused" },
    answer: expect.stringContaining("Wrote c."),
  });
  expect(ended?.commit).toBeUndefined();
  expect(world.answers()[0]).toMatch(/did not take this turn's work[\s\S]*What to do: Look at the rules for branches/);
  expect(await world.tip(branchRef(world))).toBeNull();
  expect((await world.state()).lease).toBeUndefined();
});
