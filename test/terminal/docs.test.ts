import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { schemaNames } from "../../scripts/schemas.ts";
import { exitCodes } from "../../src/terminal/failure.ts";
import { inProcess } from "./reading-world.ts";

const page = await readFile(join(import.meta.dirname, "..", "..", "docs", "terminal.md"), "utf8");
const help = async (...args: readonly string[]) => (await inProcess({}, [...args, "--help"])).out;
const listed = (await help("session"))
  .split(/^(?:Look|Act):\n/m)
  .slice(1)
  .join("");
const ofSessions = [...listed.matchAll(/^ {2}(\S+) /gm)].map(([, name = ""]) => name).filter((name) => name !== "help");
const commands = ["init", "doctor", ...ofSessions.map((name) => `session ${name}`)];

describe("docs/terminal.md", () => {
  test("knows the commands that read and those that act", () => {
    expect(commands).toEqual(expect.arrayContaining(["session verify", "session purge"]));
    expect(commands.length).toBeGreaterThan(20);
  });

  test.each(commands)("shows %s, with every option that it has", async (command) => {
    const section = page.split(/^### /m).find((text) => text.startsWith(`\`${command}\`\n`)) ?? "";
    expect(section).toContain(`$ offshoot ${command}`);
    const said = await help(...command.split(" "));
    expect(said).toContain(`Examples:\n  $ offshoot ${command}`);
    const common = ["--json", "--session", "--help"];
    const options = [...said.matchAll(/^ {2}(?:-\w, )?(--[a-z]+)/gm)].map(([, name = ""]) => name);
    const missing = options.filter((name) => !common.includes(name) && !section.includes(name));
    expect(missing).toEqual([]);
    const [, schema] = /docs\/schemas\/(\S+\.schema\.json)/.exec(said.replace(/\s+/g, " ")) ?? [];
    expect([schema, section.includes(`schemas/${schema}`)]).toEqual([schema, schema !== undefined]);
  });

  test("names every exit code, and no schema that there is not", () => {
    const codes = [...page.matchAll(/^\| (\d) \| /gm)].map(([, code]) => Number(code));
    expect(codes).toEqual(Object.values(exitCodes));
    const linked = [...page.matchAll(/schemas\/([a-z-]+)\.schema\.json/g)].map(([, name]) => name);
    expect(linked.filter((name) => !schemaNames.some((known) => known === name))).toEqual([]);
  });
});
