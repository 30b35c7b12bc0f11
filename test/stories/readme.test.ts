import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { timeline, transcript } from "../../playground/telling.ts";
import { openWorld, type StoryWorld } from "./world.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block.trim());

let world: StoryWorld;
let folder: string;

beforeAll(async () => {
  world = await openWorld();
  folder = await mkdtemp(join(tmpdir(), "offshoot-readme-"));
  await world.comment("/agent make the failing test pass");
  await world.runsDone();
});

afterAll(async () => {
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

test("the two commands are all the set-up there is, and package.json has what they call", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
  expect(commands[0]).toBe("npm ci && npm start");
  expect(commands.at(-1)).toBe("npm ci && npm test");
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["start", "test"]));
});

test("the git commands show the session in a fresh clone", async () => {
  const { url, owner, repo } = world.world;
  await run("git", ["clone", "--quiet", `${url}/${owner}/${repo}.git`, "clone"], { cwd: folder });
  const { stdout: shown } = await run("sh", ["-ec", commands[1] ?? ""], { cwd: join(folder, "clone") });
  expect(shown).toContain("refs/offshoot/sessions/");
  expect(shown).toContain("Offshoot-Session: ");
  expect(shown).toContain('prompt = "make the failing test pass"');
});

test("the commands at a terminal run in a clone, and share the session with the origin", async () => {
  const { playground, world: github } = world;
  const bin = join(folder, "bin");
  const env = {
    ...{ PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH}`, HOME: folder },
    ...{ npm_config_prefix: folder, npm_config_offline: "true", npm_config_audit: "false", npm_config_fund: "false" },
    ...{ OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: playground.model?.url, OFFSHOOT_MODEL: "openai:scripted" },
  };
  expect(readme).toContain("`npm link` in this checkout");
  await run("npm", ["link"], { cwd: root, env });
  const { dir, git } = await world.clone();
  await git("config", "user.name", "Maintainer");
  const before = await git("status", "--porcelain", "--branch");
  const { stdout } = await run("sh", ["-ec", commands[2] ?? ""], { cwd: dir, env });
  expect(stdout).toMatch(
    /Read `ms` as milliseconds[\s\S]*\nSession [0-9A-Z]{26} is on the origin, its work on offshoot\//,
  );
  expect(stdout).toMatch(/write on an issue or pull request: \/agent resume [0-9A-Z]{26}\n[0-9A-Z]{26} {2}new\n$/);
  expect(await git("status", "--porcelain", "--branch")).toBe(before);
  const sessions = [...(await world.refs()).keys()].filter((ref) => ref.startsWith("refs/offshoot/sessions/"));
  expect(sessions).toHaveLength(2);
  expect(github.violations).toEqual([]);
});

test("it leads to every page of the documentation", () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = ""]) => path);
  const pages = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  expect(pages.filter((name) => !links.includes(`docs/${name}`))).toEqual([]);
});

test("the transcript and the timeline are what a first run says", async () => {
  expect(same(told("transcript"))).toBe(same(transcript(world.world, world.playground.issue)));
  expect(same(told("timeline"))).toBe(same(await timeline(world.world)));
});

function told(name: string): string {
  const text = new RegExp(`<!-- ${name} -->\\s+\`\`\`text\n([\\s\\S]*?)\n\`\`\`\\s+<!-- /${name} -->`).exec(
    readme,
  )?.[1];
  if (text === undefined) throw new Error(`The README has no ${name}; make it with \`npm run pictures\`.`);
  return text;
}

/** What differs from run to run. */
function same(text: string): string {
  return text
    .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, "<url>")
    .replaceAll(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, "<ULID>")
    .replaceAll(/\b[0-9a-f]{7}\b/g, "<sha>")
    .replaceAll(/\b\d{7}\b/g, "<id>")
    .replaceAll(/\b\d+ s\b/g, "<seconds>");
}
