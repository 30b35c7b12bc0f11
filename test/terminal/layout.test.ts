import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "smol-toml";
import { expect, test } from "vitest";
import { exec, say, script, write } from "../../playground/scripted-model.ts";
import { openClone } from "./clone-world.ts";

const page = await readFile(join(import.meta.dirname, "../../docs/journal-format.md"), "utf8");

test("CS3: state, transcript and output of a session are where the page says, and nothing else is stored", async () => {
  const long = "for i in $(seq 4000); do echo line-$i-of-a-long-output; done";
  const world = await openClone({ model: script(write("a.txt", "a"), exec(long), say("Wrote.")) });
  await world.offshoot("run", "write");
  const { session, branch } = await world.only();
  const refs = (await world.git("for-each-ref", "--format=%(refname)")).split("\n");
  expect(refs).toEqual([
    "refs/heads/main",
    `refs/heads/${branch}`,
    `refs/notes/offshoot/${session}`,
    `refs/offshoot/sessions/${session}`,
  ]);
  for (const ref of refs.slice(2)) expect(page).toContain(ref.replace(session, "<ULID>"));
  const ref = `refs/offshoot/sessions/${session}`;
  const commits = (await world.git("rev-list", ref)).split("\n");
  const files = await Promise.all(commits.map((commit) => world.git("ls-tree", "-r", "--name-only", commit)));
  expect([...new Set(files.flatMap((list) => list.split("\n")))].sort()).toEqual([
    "events.jsonl",
    expect.stringMatching(/^output\/turn-1-step-2-.*\.stdout$/),
    "state.toml",
  ]);
  for (const name of ["`events.jsonl`", "`state.toml`", "`output/…`"]) expect(page).toContain(name);
});

test("CS21: state.toml has every field of the seed's, and reads and writes the same with any TOML reader", async () => {
  const world = await openClone({ model: script(exec("exit 3"), say("It said 3.")) });
  await world.offshoot("run", "--description", "Auth refactor", "look");
  const { session } = await world.only();
  const text = await world.git("show", `refs/offshoot/sessions/${session}:state.toml`);
  const state = parse(text);
  expect(`${stringify(state)}`.trim()).toBe(text.trim());
  expect(state).toMatchObject({
    session,
    description: "Auth refactor",
    project: "clone",
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    last_accessed: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    genealogy: { depth: 0 },
    context_status: { is_compacted: false },
    tools: {
      openai: {
        provider_session_id: expect.stringMatching(/^resp/),
        last_action_summary: "exec exit 3",
        last_exit_code: 3,
        updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      },
    },
  });
});
