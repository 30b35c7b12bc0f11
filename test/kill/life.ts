import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { parseSessionId, type SessionId } from "../../src/sessions/ids.ts";
import { refOf, sessionsRef } from "../../src/sessions/store.ts";
import { useSession } from "../sessions/archive/archive-world.ts";
import { look, verified } from "./look.ts";
import {
  type Death,
  isSurvived,
  type Moment,
  nameOf,
  type Operation,
  randomFrom,
  type Writes,
  writeOf,
} from "./points.ts";
import { type MortalRemote, openMortalRemote } from "./remote.ts";
import type { Job } from "./worker.ts";

/** Whether a session is opened in it, or is there from a life before. */
export type Kind = "opening" | "joining";

/** How often each kind of life writes what, when nothing kills it. */
export type Usual = Readonly<Record<Kind, Writes>>;

/** The deaths of one life. */
export type Fate = Readonly<Record<Operation, { readonly operation: Operation; readonly moment: Moment }>>;

interface World {
  readonly program: string;
  readonly remote: MortalRemote;
  readonly random: () => number;
  readonly asked: Record<number, { readonly thread: number; readonly text: string }>;
  readonly session: () => Promise<SessionId | null>;
  run: number;
  folder: string;
}

const thread = 1;

/**
 * Two lives of a session, one after the other: it is asked for something, a turn works on that and is delivered, its
 * context is compacted, other sessions are retired, and in the end it is. Each of these is killed where the fate says,
 * and done to its end by the next process. Gives the points at which a process died, as often as one did.
 */
export async function killThrough(given: {
  readonly program: string;
  readonly seed: number;
  readonly fates: readonly [Fate, Fate];
  readonly usual: Usual;
}): Promise<readonly string[]> {
  const remote = await openMortalRemote();
  try {
    const world = openWorld(given.program, remote, randomFrom(given.seed));
    const [first, second] = given.fates;
    const died = await live(world, "opening", (operation) => timed(world, first[operation], given.usual.opening));
    return [
      ...died,
      ...(await live(world, "joining", (operation) => timed(world, second[operation], given.usual.joining))),
    ];
  } finally {
    remote.remove();
  }
}

/** The same without any death, to see how much is written. */
export async function liveInPeace(program: string): Promise<Usual> {
  const remote = await openMortalRemote();
  try {
    const world = openWorld(program, remote, () => 0);
    const usual: Record<Kind, Writes> = { opening: {}, joining: {} };
    for (const kind of ["opening", "joining"] as const) {
      await live(
        world,
        kind,
        () => null,
        (writes) => {
          usual[kind] = { ...usual[kind], ...writes };
        },
      );
    }
    return usual;
  } finally {
    remote.remove();
  }
}

function openWorld(program: string, remote: MortalRemote, random: () => number): World {
  const session = async () => {
    const refs = [...(await remote.there.refs(sessionsRef)).keys()].map((ref) => ref.slice(sessionsRef.length));
    const listed = await remote.there.read([`${refOf.thread(thread)}:sessions`]);
    return parseSessionId(listed[0]?.toString().trim() ?? refs[0] ?? "");
  };
  return { ...{ program, remote, random, session }, asked: {}, run: 0, folder: "" };
}

/** Any of the times that a process usually comes by there. */
function timed({ random }: World, fate: Fate[Operation], usual: Writes): Death {
  const times = usual[fate.operation]?.[writeOf(fate.moment)] ?? 0;
  if (times === 0) throw new Error(`Nothing is written at “${nameOf(fate)}”.`);
  return { ...fate, nth: 1 + Math.floor(random() * times) };
}

async function live(
  world: World,
  kind: Kind,
  deathOf: (operation: Operation) => Death | null,
  tell: (writes: Writes) => void = () => undefined,
): Promise<string[]> {
  const { remote, asked } = world;
  const died: string[] = [];
  const comment = Object.keys(asked).length + 1;
  asked[comment] = { thread, text: `/agent prompt ${comment}` };
  const run = async (job: Pick<Job, "what" | "models">, operations: readonly Operation[]) => {
    const session = await world.session();
    for (const deaths of lifetimes(operations.flatMap((operation) => deathOf(operation) ?? []))) {
      await perform(world, { ...job, comment, session, deaths });
      died.push(...deaths.map(nameOf));
      expect((await look(remote)).wrong, after(deaths)).toEqual([]);
    }
    tell(await perform(world, { ...job, comment, session, deaths: [] }));
  };
  await run({ what: "append", models: [] }, ["append"]);
  await run({ what: "turn", models: [] }, ["flush", "deliver"]);
  await run({ what: "compact", models: [] }, ["compact"]);
  const other = await useSession(remote.there, { main: remote.main, text: "idle", model: "openai:idle", thread: 2 });
  const own = await world.session();
  await run({ what: "clean", models: kind === "opening" ? ["openai:idle"] : [] }, ["clean"]);

  const { wrong, unanswered, retired } = await look(remote, asked);
  const all = died.join(", ");
  expect([...wrong, ...unanswered], all).toEqual([]);
  expect(retired, all).toContain(other.id);
  expect(own !== null && retired.includes(own), all).toBe(kind === "joining");
  for (const id of [other.id, own]) expect(await verified(remote, id), all).toEqual([]);
  return died;
}

/** Deaths that one process sees: its own is the last. */
function lifetimes(deaths: readonly Death[]): readonly (readonly Death[])[] {
  const lifetimes: Death[][] = [];
  for (const death of deaths) {
    const last = lifetimes.at(-1);
    if (last?.every(isSurvived)) last.push(death);
    else lifetimes.push([death]);
  }
  return lifetimes;
}

const after = (deaths: readonly Death[]) =>
  deaths.map((death) => `${nameOf(death)} (the ${death.nth}. time)`).join(", ") || "nothing";

/** Runs a job in a process of its own; on the machine where the last one was, or on another. */
async function perform(
  world: World,
  job: Pick<Job, "what" | "comment" | "session" | "models" | "deaths">,
): Promise<Writes> {
  const { remote, asked, program } = world;
  world.run += 1;
  if (world.folder === "" || world.random() < 0.5) world.folder = join(remote.folder, `machine-${world.run}`);
  mkdirSync(world.folder, { recursive: true });
  const whole: Job = {
    ...{ ...job, asked, run: world.run, folder: world.folder },
    ...{ remote: remote.url, forge: join(remote.folder, "forge.json") },
  };
  const { signal, code, out, err } = await start(program, whole, join(remote.folder, "..", "offshoot-kill-cache"));
  await remote.settled();
  const dies = !job.deaths.every(isSurvived);
  expect({ signal, code, err }, after(job.deaths)).toEqual(
    dies ? { signal: "SIGKILL", code: null, err: "" } : { signal: null, code: 0, err: "" },
  );
  expect(existsSync(join(remote.url, "death")), `${after(job.deaths)} was not reached`).toBe(false);
  return dies ? {} : JSON.parse(out);
}

function start(program: string, job: Job, cache: string) {
  const env = { ...process.env, NODE_COMPILE_CACHE: cache };
  const child = spawn(process.execPath, [program, JSON.stringify(job)], { env, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  return new Promise<{ signal: NodeJS.Signals | null; code: number | null; out: string; err: string }>(
    (resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, out, err }));
    },
  );
}
