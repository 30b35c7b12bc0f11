import { parse } from "smol-toml";
import { monotonicFactory } from "ulid";
import * as v from "valibot";
import { expect, test } from "vitest";
import { openClone } from "./clone-world.ts";
import { inProcess } from "./reading-world.ts";

test("a month's work is told by the tree of sessions and by git's own log with notes alone", async () => {
  const desk = await openDesk();

  await desk.day(1, async () => {
    await desk.open("parser", "write parser");
    await desk.open("tests", "write tests", { under: "parser" });
  });
  await desk.day(2, async () => {
    await desk.go("parser", "write docs");
    await desk.merge("parser", "tests");
  });
  await desk.day(5, async () => {
    await desk.open("server", "write server");
    await desk.open("routes", "write routes", { under: "server" });
    await desk.open("errors", "write errors", { under: "routes", depth: 1 });
  });
  await desk.day(7, () => desk.go("server", "write limits"));
  await desk.day(8, async () => {
    await desk.fork("stream", "server", 1);
    await desk.go("stream", "write stream");
    await desk.merge("server", "routes", "errors");
  });
  await desk.day(12, () => desk.open("cli", "write cli"));
  await desk.day(13, () => desk.go("cli", "write colours"));
  await desk.day(14, () => desk.revert("cli"));
  await desk.day(15, async () => {
    await desk.say("compact", "-s", desk.id("cli"));
    await desk.go("cli", "write themes");
    await desk.checkpoint("cli", "before the release");
    await desk.merge("cli");
  });
  await desk.day(19, async () => {
    await desk.open("cache", "write cache");
    await desk.open("lru", "write lru", { under: "cache" });
    await desk.open("lfu", "write lfu", { under: "cache" });
  });
  await desk.day(21, () => desk.go("lru", "write sizes"));
  await desk.day(22, () => desk.merge("cache", "lru"));
  await desk.day(26, () => desk.open("release", "write changelog", { model: "openai:scripted@high" }));
  await desk.day(28, () => desk.go("release", "write version"));
  await desk.day(30, () => desk.say("clean", "--days", "24"));

  expect(await desk.tree()).toEqual([
    "release (idle, 2 d ago)",
    "cache (idle, 11 d ago)",
    "├─ lru (idle, 9 d ago)",
    "└─ lfu (idle, 11 d ago)",
    "cli (idle, 15 d ago)",
    "server (idle, 23 d ago)",
    "└─ stream (idle, 22 d ago)",
  ]);
  expect(await desk.tree("--status", "retired")).toEqual([
    "routes (retired, 0 s ago)",
    "└─ errors (retired, 0 s ago)",
    "parser (retired, 0 s ago)",
    "└─ tests (retired, 0 s ago)",
  ]);
  expect(await desk.log()).toEqual(desk.diary());
});

interface Opening {
  readonly under?: string;
  readonly depth?: number;
  readonly model?: string;
}

/** Somebody's clone, day by day; a model that writes the file that it is asked for. */
async function openDesk() {
  const diary: string[] = [];
  const world = await openClone({
    model: (deeds) => {
      const asked = deeds.findLast(({ kind }) => kind === "prompt");
      const prompt = asked?.kind === "prompt" ? asked.text : "";
      if (prompt.includes("Write the summary")) return { kind: "answer", text: "Two files were written." };
      const name = /write (\w+)/.exec(prompt)?.[1] ?? "nothing";
      const last = deeds.at(-1);
      if (last?.kind === "call") return { kind: "answer", text: `Wrote ${name}.txt` };
      return { kind: "call", name: "exec", input: { command: `echo ${name} > ${name}.txt` } };
    },
  });
  const ids = new Map<string, string>();
  const turns = new Map<string, number>();
  let now = new Date("2026-10-01T09:00:00Z");
  const newUlid = monotonicFactory();
  const offshoot = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const clock = { now: () => now, newId: () => newUlid(now.getTime()) };
    const said = await inProcess({ ...clock, cwd: world.dir, env: { ...world.env, ...env } }, args);
    expect(said, said.err).toMatchObject({ code: 0 });
    return said.out;
  };
  const id = (name: string) => ids.get(name) ?? "";
  const keep = (name: string, out: string) => void ids.set(name, JSON.parse(out).session);
  const write = (text: string) => void diary.push(`${now.toISOString().slice(0, 10)} ${text}`);
  const turn = (name: string, prompt: string, model = "openai:scripted") => {
    const number = (turns.get(name) ?? 0) + 1;
    const file = prompt.replace("write ", "");
    turns.set(name, number);
    write(`${name}, turn ${number}, ${model}: ${prompt}; echo ${file} > ${file}.txt (exit code 0); Wrote ${file}.txt`);
  };
  const nameOf = (session: string) => [...ids].find(([, id]) => id === session)?.[0];
  return {
    ...{ world, id },
    day: async (date: number, work: () => Promise<unknown>) => {
      now = new Date(Date.UTC(2026, 9, date, 9));
      await work();
    },
    open: async (name: string, prompt: string, { under, depth = 0, model }: Opening = {}) => {
      const env = under ? { OFFSHOOT_SESSION_ID: id(under), OFFSHOOT_DEPTH: String(depth) } : {};
      keep(name, await offshoot(["run", "--new", "--json", ...(model ? ["--model", model] : []), prompt], env));
      turn(name, prompt, model);
    },
    go: async (name: string, prompt: string) => {
      await offshoot(["run", "--session", id(name), prompt]);
      turn(name, prompt);
    },
    fork: async (name: string, from: string, at: number) => {
      const args = ["session", "fork", "-s", id(from), "--at", `${at}`, "--description", name, "--json"];
      keep(name, await offshoot(args));
      turns.set(name, at);
    },
    revert: async (name: string) => {
      await offshoot(["session", "revert", "-s", id(name)]);
      write(`${name}: took back turn ${turns.get(name)}`);
    },
    checkpoint: async (name: string, label: string) => {
      await offshoot(["session", "checkpoint", "-s", id(name), label]);
      write(`${name}: ${label}`);
    },
    merge: async (...names: readonly string[]) => {
      for (const name of names) {
        const { branch } = JSON.parse(await offshoot(["session", "show", "-s", id(name), "--json"]));
        await world.git("merge", "--quiet", "--no-ff", "-m", `Merge ${name}`, branch);
      }
    },
    say: (...args: readonly string[]) => offshoot(["session", ...args]),
    diary: () => diary.toSorted(),
    /** Each line of the tree, with the session's name for its id. */
    tree: async (...filter: readonly string[]) => {
      const lines = (await offshoot(["session", "list", "--tree", ...filter])).split("\n").filter(Boolean);
      return lines.map((line) => {
        const [, indent, session = "", state, ago] = /^([ │├└─]*)(\w{26}) +(\w+) +(\d+ \w+) /.exec(line) ?? [];
        return `${indent}${nameOf(session)} (${state}, ${ago} ago)`;
      });
    },
    /** What the notes in git's log tell, in the words of the diary. */
    log: async () => {
      const log = await world.git("log", "--branches", "--notes=offshoot/*");
      const notes = [...log.matchAll(/^Notes \(offshoot\/.*\):\n((?: {4}.*\n?|\n(?! *commit))*)/gm)];
      return notes
        .flatMap(([, text = ""]) => told(v.parse(noteSchema, parse(text.replace(/^ {4}/gm, ""))), nameOf))
        .sort();
    },
  };
}

const noteSchema = v.object({
  session: v.string(),
  at: v.string(),
  turn: v.optional(v.number()),
  model: v.optional(v.string()),
  prompt: v.optional(v.string()),
  commands: v.optional(v.array(v.string()), []),
  answer: v.optional(v.string()),
  label: v.optional(v.string()),
  checkpoints: v.optional(v.array(v.object({ at: v.string(), label: v.string() })), []),
});

function told(note: v.InferOutput<typeof noteSchema>, nameOf: (session: string) => string | undefined): string[] {
  const { session, turn, model, prompt, commands, answer, label, checkpoints } = note;
  const name = nameOf(session);
  const day = (at: string) => at.slice(0, 10);
  const deed = label
    ? `${name}: ${label}`
    : `${name}, turn ${turn}, ${model}: ${[prompt, ...commands, answer].join("; ")}`;
  return [`${day(note.at)} ${deed}`, ...checkpoints.map(({ at, label }) => `${day(at)} ${name}: ${label}`)];
}
