import { expect, test } from "vitest";
import { openClone } from "./clone-world.ts";

test("what was done is told by the tree of sessions and by git's own log with notes alone", async () => {
  const world = await openClone({
    model: (deeds) => {
      const asked = deeds.findLast(({ kind }) => kind === "prompt");
      const name = /write (\w+)/.exec(asked?.kind === "prompt" ? asked.text : "")?.[1] ?? "nothing";
      const last = deeds.at(-1);
      if (last?.kind === "call") return { kind: "answer", text: `Wrote ${name}.txt` };
      return { kind: "call", name: "exec", input: { command: `echo ${name} > ${name}.txt` } };
    },
  });
  const open = async (prompt: string, env = {}) => {
    const said = await world.start({ args: ["run", "--json", prompt], env }).ended;
    return JSON.parse(said.out).session as string;
  };
  const parser = await open("write parser");
  const child = await open("write tests", { OFFSHOOT_SESSION_ID: parser, OFFSHOOT_DEPTH: "0" });
  await world.offshoot("run", "--session", parser, "write docs");
  const forked = await world.offshoot(
    "session",
    "fork",
    "-s",
    parser,
    "--at",
    "1",
    "--description",
    "the other way",
    "--json",
  );
  const fork = JSON.parse(forked.out).session as string;

  const tree = (await world.offshoot("session", "list", "--tree")).out.split("\n").filter(Boolean);
  expect(tree).toHaveLength(3);
  expect(tree[0]).toContain(`${parser}  idle`);
  expect(tree.slice(1).join("\n")).toMatch(new RegExp(`─ ${child} .*write tests`));
  expect(tree.slice(1).join("\n")).toMatch(new RegExp(`─ ${fork} .*the other way`));

  const log = await world.git("log", "--branches", "--notes=offshoot/*");
  for (const [session, name] of [
    [parser, "parser"],
    [parser, "docs"],
    [child, "tests"],
  ] as const) {
    const told = log.split(/^commit /m).find((commit) => commit.includes(`Wrote ${name}.txt`)) ?? "";
    expect(told).toContain(`session = "${session}"`);
    expect(told).toContain(`prompt = "write ${name}"`);
    expect(told).toContain(`echo ${name} > ${name}.txt (exit code 0)`);
  }
});
