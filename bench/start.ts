import { mkdtempSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { buildAction } from "../scripts/build.ts";
import { git } from "./git.ts";
import { median } from "./measure.ts";
import { startModel } from "./start-model.ts";
import { type Measured, measure, type Program } from "./start-run.ts";
import { openStartWorld } from "./start-world.ts";

const rounds = 5;
const calls = 20;
const stepsBefore = 50;
const manyFiles = 20_000;

/** What a job pays for Offshoot before and while the model works, against the least that a Node program can do. */
export async function benchStart(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "offshoot-bench-"));
  const model = await startModel();
  const bundle = await buildAction(undefined, folder);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}'); // as where the action is released
  const open = (name: string, files: number) =>
    openStartWorld({ dir: join(folder, name), bundle, modelUrl: model.url, files });
  const [small, large] = [await open("small", 50), await open("large", manyFiles)];
  try {
    const version = (await git(folder, ["version"])).toString().trim();
    console.log(`Node ${process.version}, ${version}, ${cpus().length} × ${cpus()[0]?.model.trim()}`);
    const floor = await floorIn(folder, model.url);
    const run = (calls: number, program: () => Promise<Program>) => async () => measure(model, calls, await program());
    const took = await inTurn({
      floor: run(calls, floor),
      fresh: run(calls, () => small.job(0)),
      resumed: run(calls, () => small.job(stepsBefore)),
      large: run(1, () => large.job(0)),
    });
    print(rowsOf(took, statSync(bundle).size));
  } finally {
    await Promise.all([small.close(), large.close(), model.close()]);
    await rm(folder, { recursive: true, force: true });
  }
}

async function floorIn(folder: string, modelUrl: string): Promise<() => Promise<Program>> {
  const file = join(folder, "floor.mjs");
  await using bundler = await rolldown({ input: join(import.meta.dirname, "start-floor.ts"), platform: "node" });
  await bundler.write({ file, minify: true });
  const env = { PATH: process.env.PATH ?? "", OPENAI_API_KEY: "bench-key-of-nobody", OPENAI_BASE_URL: modelUrl };
  return async () => ({ file, cwd: folder, env });
}

/** Runs all of them in turn, each round from another one on, and gives medians; the first round is not counted. */
async function inTurn<Name extends string>(
  runs: Readonly<Record<Name, () => Promise<Measured>>>,
): Promise<Readonly<Record<Name, Measured>>> {
  const names = Object.keys(runs) as Name[];
  const all = new Map<Name, Measured[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    const from = round % names.length;
    for (const name of [...names.slice(from), ...names.slice(0, from)]) {
      const measured = await runs[name]();
      if (round > 0) all.get(name)?.push(measured);
    }
  }
  return Object.fromEntries([...all].map(([name, some]) => [name, medians(some)])) as Record<Name, Measured>;
}

function medians(some: readonly Measured[]): Measured {
  const of = (key: keyof Measured) => median(some.map((one) => one[key]));
  const [first, perCall, whole] = [of("first"), of("perCall"), of("whole")];
  return { first, perCall, whole, cpu: of("cpu"), rssMb: of("rssMb"), firstBytes: of("firstBytes") };
}

interface Goal {
  readonly what: string;
  readonly ours: number;
  readonly floor?: number;
  readonly unit: string;
  /** As a multiple of the floor, as a sum on top of it, or as it is. */
  readonly most: { readonly times: number } | { readonly over: number } | { readonly value: number };
}

function rowsOf({ floor, fresh, resumed, large }: Took, bundleBytes: number): readonly Goal[] {
  const against = (key: keyof Measured) => ({ ours: fresh[key], floor: floor[key] });
  const ms = { unit: "ms" };
  return [
    { what: "process start → first model request", ...against("first"), ...ms, most: { times: 2.2 } },
    {
      ...{ what: `resumed after ${stepsBefore} steps → request`, ours: resumed.first, floor: floor.first },
      ...{ ...ms, most: { times: 1.8 } },
    },
    {
      ...{ what: "the first request, in 20,000 files", ours: large.first, floor: floor.first },
      ...{ ...ms, most: { times: 3.3 } },
    },
    { what: "a tool call, its journal included", ...against("perCall"), ...ms, most: { over: 5 } },
    { what: `a turn of ${calls} calls, delivery included`, ...against("whole"), ...ms, most: { times: 3 } },
    { what: "CPU time of that, git's included", ...against("cpu"), ...ms, most: { times: 3.9 } },
    { what: "peak memory", ...against("rssMb"), unit: "MB", most: { times: 1.6 } },
    { what: "size of the first request", ours: fresh.firstBytes / 1000, unit: "kB", most: { value: 8 } },
    { what: "size of the bundle", ours: bundleBytes / 1e6, unit: "MB", most: { value: 3 } },
  ];
}

type Took = Readonly<Record<"floor" | "fresh" | "resumed" | "large", Measured>>;

function print(goals: readonly Goal[]): void {
  const lines = goals.map((goal) => {
    const { what, ours, floor, unit } = goal;
    const limit = limitOf(goal);
    const ratio = floor === undefined ? "" : (ours / floor).toFixed(2);
    const held = ours <= limit ? "held" : "**not held**";
    const said = [what, show(ours), floor === undefined ? "" : show(floor), ratio, `≤ ${show(limit)}`];
    return `| ${[...said.map((text) => (/^≤?\s?[\d.]+$/.test(text) && text !== ratio ? `${text} ${unit}` : text)), held].join(" | ")} |`;
  });
  console.log(["| What | Offshoot | Floor | Ratio | Goal | |", "|---|--:|--:|--:|--:|---|", ...lines].join("\n"));
}

function limitOf({ floor = 0, most }: Goal): number {
  if ("value" in most) return most.value;
  return "over" in most ? floor + most.over : floor * most.times;
}

const show = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0));
