import { rm } from "node:fs/promises";
import { join } from "node:path";
import { archivedNotesRef } from "../src/sessions/archive/archive.ts";
import { fact } from "../src/sessions/decide.ts";
import { gitStore } from "../src/sessions/git/git-store.ts";
import { compose } from "../src/sessions/store.ts";
import { git, importInto, openRepository } from "./git.ts";
import { archiveStream, asCommits, liveStream, mainStream, manySessions } from "./many.ts";
import { type Deed, interleave, plain, type Row } from "./measure.ts";
import { ada, newSession, openStory, promptOf } from "./story.ts";

const rounds = 7;
const count = 10_000;

/** What sessions of the past cost those who push, clone and read now. */
export async function archiveRows(folder: string): Promise<readonly Row[]> {
  const none = await openWorld(join(folder, "none"), "none");
  const archived = await openWorld(join(folder, "archived"), "archived");
  const live = await openWorld(join(folder, "live"), "live");
  const took = await interleave(rounds, {
    ...{ "push, none": none.push, "push, archived": archived.push, "push, live": live.push },
    ...{ "clone, none": none.clone, "clone, archived": archived.clone },
    ...{ "log, none": none.log, "log, archived": archived.log },
  });
  const against = "the same in a repository with no sessions of the past";
  return [
    { what: "an append, pushed", ours: took["push, archived"], floor: took["push, none"], against },
    { what: "`git clone`", ours: took["clone, archived"], floor: took["clone, none"], against },
    {
      ...{ what: "`git log --notes='offshoot/*'`", ours: took["log, archived"], floor: took["log, none"] },
      against: `${against}, nor notes`,
    },
    {
      what: "an append, pushed, if they were not retired",
      ours: took["push, live"],
      floor: took["push, none"],
      against,
    },
  ];
}

interface World {
  readonly push: Deed;
  readonly clone: Deed;
  readonly log: Deed;
}

/** A repository with a history, a session that somebody works on, and what became of many others. */
async function openWorld(folder: string, others: "none" | "archived" | "live"): Promise<World> {
  const remote = await openRepository(`${folder}.git`, `${folder}.git`);
  await importInto(remote.dir, mainStream(500));
  const commits = asCommits(await git(remote.dir, ["rev-list", "main"]));
  const many = manySessions(others === "none" ? 0 : count);
  if (others === "live") await importInto(remote.dir, liveStream(many));
  if (others === "archived") await importInto(remote.dir, archiveStream(many, commits));
  const session = newSession();
  await importInto(remote.dir, openStory(session).turns(100));
  const store = gitStore(await openRepository(`${folder}-clone.git`, remote.dir));
  const reader = await openRepository(`${folder}-reader.git`, remote.dir);
  const notes = `+${archivedNotesRef}*:${archivedNotesRef}*`;
  await git(reader.dir, ["fetch", "--quiet", remote.dir, "+refs/heads/*:refs/heads/*", notes]);
  return {
    push: async () => {
      const tip = await store.tip(session);
      const append = compose(session, tip, { facts: [fact(ada, "prompt.queued", promptOf(tip?.session.seq ?? 0))] });
      return () => store.append(append);
    },
    clone: async () => {
      const to = `${folder}-cloned`;
      await rm(to, { recursive: true, force: true });
      return () => git(remote.dir, ["clone", "--quiet", "--no-checkout", `file://${remote.dir}`, to]);
    },
    log: plain(() => git(reader.dir, ["log", "--notes=offshoot/*", "main"])),
  };
}
