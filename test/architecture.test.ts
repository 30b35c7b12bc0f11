import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const roots = new Set(["src/app.ts", "src/action.ts", "src/cli.ts"]);

interface Import {
  readonly from: string;
  readonly to: string;
}

function importsIn(folder: string): Import[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => importsOf(join(folder, name)));
}

function importsOf(from: string): Import[] {
  const text = readFileSync(join(root, from), "utf8");
  return [...text.matchAll(/from "(\.[^"]+)"|import\("(\.[^"]+)"\)/g)].map((match) => ({
    from,
    to: relative(root, join(root, dirname(from), match[1] ?? match[2] ?? "")),
  }));
}

const lines = (imports: readonly Import[]) => imports.map(({ from, to }) => `${from} imports ${to}`);
const all = importsIn("src");

test("the check sees the project's imports", () => {
  expect(all.length).toBeGreaterThan(100);
});

test("sessions imports nothing of ours", () => {
  expect(
    lines(all.filter(({ from, to }) => from.startsWith("src/sessions/") && !to.startsWith("src/sessions/"))),
  ).toEqual([]);
});

test("github knows sessions, and of the runner nothing", () => {
  expect(lines(all.filter(({ from, to }) => from.startsWith("src/github/") && to.startsWith("src/runner/")))).toEqual(
    [],
  );
});

test("the runner knows the forge by its port and the bot's words, and no client of GitHub's", () => {
  const known = ["src/github/forge.ts", "src/github/comments.ts", "src/github/status.ts"];
  const strays = all.filter(
    ({ from, to }) => from.startsWith("src/runner/") && to.startsWith("src/github/") && !known.includes(to),
  );
  expect(lines(strays)).toEqual([]);
});

test("the terminal knows sessions, the runner, the set-up and the configuration, and of GitHub nothing", () => {
  const known = /^(src\/(terminal|sessions|runner|setup)\/|src\/config\.ts$|package\.json$)/;
  expect(lines(all.filter(({ from, to }) => from.startsWith("src/terminal/") && !known.test(to)))).toEqual([]);
});

test("what is put into repositories is made from nothing of ours, and only the action knows jobs", () => {
  expect(lines(all.filter(({ from, to }) => from.startsWith("src/setup/") && !to.startsWith("src/setup/")))).toEqual(
    [],
  );
  const toJob = all.filter(({ to }) => to.startsWith("src/job/"));
  expect(lines(toJob.filter(({ from }) => from !== "src/action.ts" && !from.startsWith("src/job/")))).toEqual([]);
});

test("a session's page knows sessions and nothing else", () => {
  const known = /^src\/(page|sessions)\//;
  expect(lines(all.filter(({ from, to }) => from.startsWith("src/page/") && !known.test(to)))).toEqual([]);
});

test("nothing imports a root or the playground", () => {
  // The command serves the app.
  const strays = all.filter(({ from, to }) => roots.has(to) && !(from === "src/cli.ts" && to === "src/app.ts"));
  expect(lines([...strays, ...all.filter(({ to }) => to.startsWith("playground/"))])).toEqual([]);
});

test("only the roots read the process's environment", () => {
  const readers = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !roots.has(join("src", name)))
    .filter((name) => readFileSync(join(root, "src", name), "utf8").includes("process.env"));
  expect(readers).toEqual([]);
});
