import { join } from "node:path";
import { type Context, contextOf } from "../src/runner/context.ts";
import { openHistory } from "../src/runner/history.ts";
import { gitStore } from "../src/sessions/git/git-store.ts";
import type { SessionId } from "../src/sessions/ids.ts";
import { refOf, type SessionStore } from "../src/sessions/store.ts";
import { git, importInto, openRepository } from "./git.ts";
import { asCommits } from "./many.ts";
import { interleave, type Row } from "./measure.ts";
import { newSession, openStory } from "./story.ts";

const rounds = 7;

/** Everything that a turn has to know of the session, on a machine that has nothing of it. */
export async function resumeRows(folder: string): Promise<readonly Row[]> {
  const session = newSession();
  const remote = await openRepository(join(folder, "resume.git"), join(folder, "resume.git"));
  const since = await makeCompacted(remote.dir, session);
  let machines = 0;
  const fresh = () => {
    machines += 1;
    return openRepository(join(folder, `resume-${machines}.git`), remote.dir);
  };
  const took = await interleave(rounds, {
    ours: async () => {
      const store = gitStore(await fresh());
      return () => resume(store, session);
    },
    floor: async () => {
      const { dir } = await fresh();
      return () => readByHand(dir, remote.dir, session, since);
    },
    whole: async () => {
      const { dir } = await fresh();
      return () => readByHand(dir, remote.dir, session, null);
    },
  });
  const { ours, floor, whole } = took;
  return [
    {
      ...{ what: `its context, from the last ${since} of its appends`, ours, floor },
      against: `\`git fetch --depth=${since}\` and \`git cat-file --batch\` of the same`,
    },
    { what: "the same", ours, floor: whole, against: "the same two of all its appends" },
  ];
}

async function resume(store: SessionStore, session: SessionId): Promise<Context> {
  const tip = await store.tip(session);
  if (!tip) throw new Error("There is no session to resume.");
  return contextOf(await openHistory({ store, session, tip, open: (event) => event }).read());
}

/** Gives how many appends a turn has to read. */
async function makeCompacted(dir: string, session: SessionId): Promise<number> {
  const story = openStory(session);
  const until = function* () {
    yield* story.turns(49_000);
    yield story.beginCompaction();
  };
  await importInto(dir, until());
  const [cut] = asCommits(await git(dir, ["rev-parse", refOf.session(session)]));
  if (!cut) throw new Error("There is no chain.");
  const after = function* () {
    yield story.compact(cut);
    yield* story.turns(50_000);
  };
  await importInto(dir, after());
  return story.state?.context.appends_since_cut ?? 0;
}

async function readByHand(dir: string, url: string, session: SessionId, depth: number | null): Promise<void> {
  const ref = refOf.session(session);
  const shallow = depth === null ? [] : [`--depth=${depth}`];
  await git(dir, ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", ...shallow, url, `+${ref}:${ref}`]);
  const commits = asCommits(await git(dir, ["rev-list", "--first-parent", ref]));
  await git(dir, ["cat-file", "--batch"], commits.map((commit) => `${commit}:events.jsonl\n`).join(""));
}
